import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { badInput, ToolError } from '../errors.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  createTelephonyCredential,
  deleteTelephonyCredential,
  getTelephonyCredential,
  listTelephonyCredentials,
  type TelephonyCredential,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { type Deps, defineTool } from '../tool.ts';
import { cursor, expiresAt, futureInstant, gated, id, limit, page, readPage, text } from './fields.ts';

const credential = z.object({
  id: z.string(),
  name: z.string().nullable(),
  connection_id: z.string().nullable(),
  sip_username: z.string().nullable(),
  expired: z.boolean(),
  expires_at: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  sip_password_fingerprint: z.string().nullable(),
});

function view({ sip_password, ...shown }: TelephonyCredential, { fingerprint }: Deps) {
  return { ...shown, sip_password_fingerprint: fingerprint(sip_password) };
}

/** A credential as a person would recognise it. */
function describe({ name, sip_username, created_at }: TelephonyCredential): string {
  return `the telephony credential ${name === null ? 'without a name' : `"${name}"`} (SIP username ${sip_username}, created ${forPerson(created_at)})`;
}

const tag = text.describe('Write-only label; can be filtered by, never read');

export const listTelephony = defineTool({
  name: 'list_telephony_credentials',
  title: 'List telephony credentials',
  description: 'SIP credentials of WebRTC users and devices, newest first. All filters match exactly.',
  toolset: 'telephony',
  effect: 'read',
  input: z.object({
    name: text.optional(),
    tag: text.optional(),
    status: z.enum(['active', 'expired']).optional(),
    connection_id: id.optional(),
    sip_username: text.optional(),
    limit,
    cursor,
  }),
  output: z.object({ telephony_credentials: z.array(credential), ...page }),
  run: async (args, deps) => {
    const { rows, beside } = await readPage('telephony', args, deps, (filters, window) =>
      listTelephonyCredentials(deps.http, filters, window),
    );
    return { telephony_credentials: rows.map((row) => view(row, deps)), ...beside };
  },
});

export const getTelephony = defineTool({
  name: 'get_telephony_credential',
  title: 'Get a telephony credential',
  description: 'One SIP credential by id. Its password is never shown; equal fingerprints mean equal passwords.',
  toolset: 'telephony',
  effect: 'read',
  input: z.object({ id }),
  output: credential,
  run: async (args, deps) => view(await getTelephonyCredential(deps.http, args.id), deps),
});

export const createTelephony = defineTool({
  name: 'create_telephony_credential',
  title: 'Create a telephony credential',
  description:
    'Make a SIP credential on a connection. Its password goes to the vault, a file on this machine only the person can read; the result says where.',
  toolset: 'telephony',
  effect: 'create',
  input: z.object({ connection_id: id, name: text.optional(), tag: tag.optional(), expires_at: expiresAt }),
  output: z.object({
    credential,
    secret: z.object({
      destination: z.literal('vault'),
      path: z.string().nullable(),
      fingerprint: z.string().nullable(),
    }),
    warning: z.string().optional(),
  }),
  run: async ({ connection_id, name, tag, expires_at }, deps) => {
    const wanted = { connection_id, name, expires_at: futureInstant(expires_at, deps.now()) };
    await using slot = await deps.vault.reserve();
    // A tag of its own makes the new credential findable should the answer get lost; the caller's replaces it after.
    const created = await createTelephonyCredential(deps.http, wanted, `mcp_${randomBytes(12).toString('hex')}`);
    const path =
      created.sip_password &&
      (await slot.keep(`telephony-${created.id}`, facts(created), { sip_password: created.sip_password }));
    const tagged = tag === undefined ? created : await setTag(created.id, tag, deps);
    const warnings = [
      ...(path ? [] : ['Telnyx did not show the new password, so there is none in the vault.']),
      ...(tagged ? [] : [`The tag was not set; call update_telephony_credential with it for ${created.id}.`]),
    ];
    return {
      credential: view(tagged ?? created, deps),
      secret: { destination: 'vault' as const, path, fingerprint: deps.fingerprint(created.sip_password) },
      ...(warnings.length > 0 && { warning: warnings.join(' ') }),
    };
  },
});

const facts = ({ id, name, connection_id, sip_username, expires_at, created_at }: TelephonyCredential) => ({
  id,
  name,
  connection_id,
  expires_at,
  created_at,
  sip_username,
});

/** Undefined when it failed: the credential and its secret exist by now, and the caller must hear of both. */
function setTag(credentialId: string, value: string, { http }: Deps): Promise<TelephonyCredential | undefined> {
  return updateTelephonyCredential(http, credentialId, { tag: value }).catch(() => undefined);
}

export const updateTelephony = defineTool({
  name: 'update_telephony_credential',
  title: 'Update a telephony credential',
  description:
    'Change name, tag, expiry or connection; what is left out stays. Moving it or shortening its life asks the person first. An expired credential cannot be changed.',
  toolset: 'telephony',
  effect: 'update',
  input: z.object({
    id,
    connection_id: id.optional(),
    name: text.optional(),
    tag: tag.optional(),
    expires_at: expiresAt,
  }),
  output: z.object({ ...gated, credential: credential.optional() }),
  confirm: async ({ id, ...args }, deps) => {
    if (Object.values(args).every((value) => value === undefined)) {
      throw badInput('Nothing to change: give at least one of connection_id, name, tag, expires_at.');
    }
    const expiry = futureInstant(args.expires_at, deps.now());
    const now = await getTelephonyCredential(deps.http, id);
    if (now.expired) {
      throw new ToolError(
        'CONFLICT',
        'This credential has expired, and Telnyx lets an expired one only be deleted.',
        'Create a new credential with create_telephony_credential; delete this one when it is of no more use.',
      );
    }
    const effects: string[] = [];
    if (args.connection_id !== undefined && args.connection_id !== now.connection_id) {
      effects.push(`move it from connection ${now.connection_id} to connection ${args.connection_id}`);
    }
    if (expiry && (now.expires_at === null || expiry < now.expires_at)) {
      effects.push(
        `let it expire for good at ${forPerson(expiry)} instead of ${now.expires_at ? forPerson(now.expires_at) : 'never'}`,
      );
    }
    return effects.length > 0 ? { text: `Change ${describe(now)}: ${effects.join(', and ')}?` } : undefined;
  },
  run: async ({ id, expires_at, ...args }, deps) => {
    const changes = { ...args, expires_at: futureInstant(expires_at, deps.now()) };
    return { status: 'done' as const, credential: view(await updateTelephonyCredential(deps.http, id, changes), deps) };
  },
});

export const deleteTelephony = defineTool({
  name: 'delete_telephony_credential',
  title: 'Delete a telephony credential',
  description: 'Delete a SIP credential for good, after asking the person. Who uses it can no longer log in.',
  toolset: 'telephony',
  effect: 'destroy',
  input: z.object({ id }),
  output: z.object({ ...gated, id: z.string().optional() }),
  confirm: async (args, deps) => {
    const found = await getTelephonyCredential(deps.http, args.id);
    return {
      text: `Delete ${describe(found)} on connection ${found.connection_id}? Whoever uses it can no longer log in, tokens made from it stop working, and it cannot be brought back.`,
    };
  },
  run: async (args, deps) => {
    await deleteTelephonyCredential(deps.http, args.id);
    return { status: 'done' as const, id: args.id };
  },
});
