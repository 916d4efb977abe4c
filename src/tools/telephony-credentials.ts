import { z } from 'zod';
import { badInput, ToolError } from '../errors.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  deleteTelephonyCredential,
  getTelephonyCredential,
  listTelephonyCredentials,
  refuseUnheededTag,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { defineChange, defineRead } from '../tool.ts';
import { cursor, expiresAt, futureInstant, id, limit, page, readPage, text } from './fields.ts';
import { describe, onConnection, telephonyCredential, viewTelephony, whenItExpires } from './telephony-view.ts';

export const listTelephony = defineRead({
  name: 'list_telephony_credentials',
  title: 'List telephony credentials',
  description:
    'SIP credentials of WebRTC users and devices. Filters match exactly; tags can be filtered by, never read.',
  toolset: 'telephony',
  input: z.object({
    name: text.optional(),
    tag: text.optional(),
    status: z.enum(['active', 'expired']).optional(),
    connection_id: id.optional(),
    sip_username: text.optional(),
    limit,
    cursor,
  }),
  output: z.object({ telephony_credentials: z.array(telephonyCredential), ...page }),
  run: async (args, deps) => {
    const { rows, beside } = await readPage('telephony', args, deps, (filters, window) =>
      listTelephonyCredentials(deps.http, filters, window),
    );
    // No answer holds a tag, so that a list by one can be held against nothing else.
    if (args.tag !== undefined && rows.length > 0) await refuseUnheededTag(deps.http);
    return { telephony_credentials: rows.map((row) => viewTelephony(row, deps)), ...beside };
  },
});

export const getTelephony = defineRead({
  name: 'get_telephony_credential',
  title: 'Get a telephony credential',
  description: 'One SIP credential by id. Its password is never shown; equal fingerprints mean equal passwords.',
  toolset: 'telephony',
  input: z.object({ id }),
  output: telephonyCredential,
  run: async (args, deps) => viewTelephony(await getTelephonyCredential(deps.http, args.id), deps),
});

const changes = {
  connection_id: id.optional(),
  name: text.optional(),
  tag: text.optional(),
  expires_at: expiresAt,
};

export const updateTelephony = defineChange({
  name: 'update_telephony_credential',
  title: 'Update a telephony credential',
  description:
    'Change name, tag, expiry or connection; what is left out stays. Moving it or shortening its life asks the person first. An expired credential cannot be changed.',
  toolset: 'telephony',
  effect: 'update',
  input: z.object({ id, ...changes }),
  output: z.object({ credential: telephonyCredential }),
  confirm: async ({ id, ...args }, deps) => {
    if (Object.keys(changes).every((key) => args[key as keyof typeof changes] === undefined)) {
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
      const from = now.connection_id === null ? '' : ` from connection ${now.connection_id}`;
      effects.push(`move it${from} to connection ${args.connection_id}`);
    }
    if (expiry && (now.expires_at === null || expiry < now.expires_at)) {
      effects.push(`let it expire for good at ${forPerson(expiry)} instead of ${whenItExpires(now)}`);
    }
    return effects.length > 0 ? { text: `Change ${describe(now)}: ${effects.join(', and ')}?` } : undefined;
  },
  plan: async (args, deps) => ({
    requests: [{ method: 'PATCH', path: `/telephony_credentials/${args.id}`, body: changesOf(args, deps.now()) }],
  }),
  run: async (args, deps) => {
    const changed = await updateTelephonyCredential(deps.http, args.id, changesOf(args, deps.now()));
    return { credential: viewTelephony(changed, deps) };
  },
});

type Changes = z.output<z.ZodObject<typeof changes>>;

const changesOf = ({ connection_id, name, tag, expires_at }: Changes, now: Date) => ({
  connection_id,
  name,
  tag,
  expires_at: futureInstant(expires_at, now),
});

export const deleteTelephony = defineChange({
  name: 'delete_telephony_credential',
  title: 'Delete a telephony credential',
  description: 'Delete a SIP credential for good, after asking the person. Who uses it can no longer log in.',
  toolset: 'telephony',
  effect: 'destroy',
  input: z.object({ id }),
  output: z.object({ id: z.string() }),
  confirm: async (args, deps) => {
    const found = await getTelephonyCredential(deps.http, args.id);
    return {
      text: `Delete ${describe(found)}${onConnection(found)}? Whoever uses it can no longer log in, tokens made from it stop working, and it cannot be brought back.`,
    };
  },
  plan: async (args) => ({ requests: [{ method: 'DELETE', path: `/telephony_credentials/${args.id}` }] }),
  run: async (args, deps) => {
    await deleteTelephonyCredential(deps.http, args.id);
    return { id: args.id };
  },
});
