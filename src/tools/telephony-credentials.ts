import { z } from 'zod';
import { changedSince, differences, type Question } from '../core/consent.ts';
import { badInput, conflict, ToolError } from '../core/errors.ts';
import { plainly, quoted } from '../core/text.ts';
import { type Deps, defineChange, defineRead } from '../core/tool.ts';
import type { OldTelephony } from '../jobs/events.ts';
import { oldOf } from '../jobs/parties.ts';
import { getConnection } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  deleteTelephonyCredential,
  deletion,
  getTelephonyCredential,
  listTelephonyCredentials,
  refuseUnheededTag,
  type TelephonyChanges,
  type TelephonyCredential,
  update,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { usedInWords } from './consumers.ts';
import { cursor, expiresAt, futureInstant, id, limit, page, readPage, text } from './fields.ts';

/** A telephony credential as an agent sees it. */
export const telephonyCredential = z.object({
  id: z.string(),
  name: z.string().nullable(),
  connection_id: z.string().nullable(),
  sip_username: z.string().nullable(),
  expired: z.boolean(),
  expires_at: z.string().nullable(),
  expires_at_unreadable: z.string().optional(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  sip_password_fingerprint: z.string().nullable(),
});

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
  asks: 'maybe',
  propose: async ({ id, ...args }, deps) => {
    if (Object.keys(changes).every((key) => args[key as keyof typeof changes] === undefined)) {
      throw badInput('Nothing to change: give at least one of connection_id, name, tag, expires_at.');
    }
    const wanted = { ...args, expires_at: futureInstant(args.expires_at, deps.now()) };
    const seen = await getTelephonyCredential(deps.http, id);
    if (seen.expired) {
      throw conflict(
        'This credential has expired, and Telnyx lets an expired one only be deleted.',
        'Create a new credential with create_telephony_credential; delete this one when it is of no more use.',
      );
    }
    const { connection_id, expires_at } = wanted;
    const moves = connection_id !== undefined && connection_id !== seen.connection_id;
    const shortens = expires_at !== undefined && (seen.expires_at === null || expires_at < seen.expires_at);
    return {
      binding: { old: oldOf(seen), wanted },
      seen,
      steps: [update(id, wanted)],
      ...((moves || shortens) && { question: () => questionOf(seen, wanted, deps) }),
    };
  },
  run: async ({ binding: { old, wanted }, seen }, deps) => {
    await refuseChanged(old, seen, deps);
    return { credential: viewTelephony(await updateTelephonyCredential(deps.http, old.id, wanted), deps) };
  },
});

/** All that an update does, once any of it takes something away. */
async function questionOf(now: TelephonyCredential, wanted: TelephonyChanges, deps: Deps): Promise<Question> {
  const { connection_id, name, tag, expires_at } = wanted;
  const effects = [
    connection_id !== undefined &&
      `move it${now.connection_id === null ? '' : ` from ${await connectionNamed(now.connection_id, deps)}`} to ${await connectionNamed(connection_id, deps)}`,
    expires_at !== undefined && `let it expire for good at ${forPerson(expires_at)} instead of ${whenItExpires(now)}`,
    name !== undefined && `rename it to ${quoted(name)}`,
    tag !== undefined && `replace its tag, which cannot be read, by ${quoted(tag)}`,
  ];
  return { text: `Change ${describe(now)}: ${effects.filter(Boolean).join(', and ')}?` };
}

export const deleteTelephony = defineChange({
  name: 'delete_telephony_credential',
  title: 'Delete a telephony credential',
  description: 'Delete a SIP credential for good, after asking the person. Who uses it can no longer log in.',
  toolset: 'telephony',
  effect: 'destroy',
  input: z.object({ id }),
  output: z.object({ id: z.string() }),
  asks: 'always',
  propose: async ({ id }, deps) => {
    const seen = await getTelephonyCredential(deps.http, id);
    return {
      binding: { old: oldOf(seen) },
      seen,
      steps: [deletion(id)],
      question: async () => ({
        text: `Delete ${describe(seen)}${await onConnection(seen, deps)}? ${await usedInWords(seen.sip_username, deps)} Whoever uses it can no longer log in, tokens made from it stop working, and it cannot be brought back.`,
      }),
    };
  },
  run: async ({ binding: { old }, seen }, deps) => {
    await refuseChanged(old, seen, deps);
    await deleteTelephonyCredential(deps.http, old.id);
    return { id: old.id };
  },
});

export function viewTelephony({ sip_password, ...shown }: TelephonyCredential, { fingerprint }: Deps) {
  return { ...shown, sip_password_fingerprint: fingerprint(sip_password) };
}

type Party = Pick<TelephonyCredential, 'name' | 'sip_username'> & { id: string; created_at?: string | null };

/** A credential as a person would recognise it, by as much of it as is known. */
export function describe({ id, name, sip_username, created_at }: Party): string {
  const named = name === null ? 'without a name' : quoted(name);
  const facts = [
    sip_username && `SIP username ${plainly(sip_username)}`,
    created_at && `created ${forPerson(created_at)}`,
    !sip_username && `id ${id}`,
  ];
  return `the telephony credential ${named} (${facts.filter(Boolean).join(', ')})`;
}

/** The connection of a credential by name, to be put behind it; nothing when it is not known. */
export const onConnection = async ({ connection_id }: Pick<TelephonyCredential, 'connection_id'>, deps: Deps) =>
  connection_id === null ? '' : ` on ${await connectionNamed(connection_id, deps)}`;

/** A connection as a person knows it, by its name where Telnyx gives that. Credentials hang on credential connections. */
export async function connectionNamed(id: string, { http }: Pick<Deps, 'http'>): Promise<string> {
  const { name } = await getConnection(http, 'credential', id).catch((error: unknown) => {
    if (error instanceof ToolError) return { name: null };
    throw error;
  });
  return name === null ? `connection ${id}` : `connection ${quoted(name)} (id ${id})`;
}

/** The credential as it was proposed to deal with it, or `CONFLICT`: it is looked at again unless that was this moment. */
async function refuseChanged(old: OldTelephony, seen: TelephonyCredential | undefined, { http }: Deps) {
  const changed = differences(old, oldOf(seen ?? (await getTelephonyCredential(http, old.id))));
  if (changed.length > 0) throw changedSince(`The telephony credential ${quoted(old.name ?? old.id)}`, changed);
}

type Ending = { expires_at: string | null; expires_at_unreadable?: string | undefined };

/** When a credential expires, as a person reads it. */
export function whenItExpires({ expires_at, expires_at_unreadable }: Ending): string {
  if (expires_at_unreadable !== undefined) return `at a time nobody can read (${quoted(expires_at_unreadable)})`;
  return expires_at === null ? 'never' : forPerson(expires_at);
}

/** What goes along with a telephony secret: enough to know later whose it is. */
export function factsOf({ id, name, connection_id, sip_username, expires_at, created_at }: TelephonyCredential) {
  return { id, name, connection_id, expires_at, created_at, sip_username };
}
