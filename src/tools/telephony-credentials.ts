import { z } from 'zod';
import type { Question } from '../core/consent.ts';
import { badInput, conflict } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { type Deps, defineChange, defineRead } from '../core/tool.ts';
import { oldOf } from '../jobs/parties.ts';
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
import { cursor, expiresAt, futureInstant, id, limit, page, readPage, text } from './fields.ts';
import {
  connectionNamed,
  describe,
  onConnection,
  refuseChanged,
  telephonyCredential,
  viewTelephony,
  whenItExpires,
} from './telephony-view.ts';

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
        text: `Delete ${describe(seen)}${await onConnection(seen, deps)}? Whoever uses it can no longer log in, tokens made from it stop working, and it cannot be brought back.`,
      }),
    };
  },
  run: async ({ binding: { old }, seen }, deps) => {
    await refuseChanged(old, seen, deps);
    await deleteTelephonyCredential(deps.http, old.id);
    return { id: old.id };
  },
});
