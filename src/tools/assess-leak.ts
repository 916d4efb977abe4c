import { z } from 'zod';
import { badInput, conflict, ToolError, unexpected } from '../core/errors.ts';
import { plainly } from '../core/text.ts';
import { type Deps, defineRead } from '../core/tool.ts';
import { type Calls, readCalls } from '../telnyx/call-records.ts';
import { type Known, orUnknown } from '../telnyx/refusals.ts';
import {
  getTelephonyCredential,
  listTelephonyCredentials,
  type TelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { activity, activityOf, daysAgo, inTime, spanSince, unknown } from './activity.ts';
import { loadCountries } from './countries.ts';
import { id, text } from './fields.ts';
import { endOfLeaked } from './leak-end.ts';
import { reach, reachOf } from './reach.ts';
import { telephonyCredential } from './telephony-credentials.ts';
import { unusualCalls } from './unusual-calls.ts';

export const assessLeak = defineRead({
  name: 'assess_leak',
  title: 'Assess a leak',
  description:
    'The first call when a SIP credential leaked, by id or sip_username: who uses it, where it can call and what that may cost, calls that stand out, others of the same name, and next, the call that ends it. unknown never means no.',
  toolset: 'telephony',
  input: z.object({ id: id.optional(), sip_username: text.optional() }),
  output: z.object({
    credential: telephonyCredential.omit({ created_at: true, updated_at: true, sip_password_fingerprint: true }),
    activity,
    reach,
    /** Absent where nothing is known of calls. */
    unusual: z.array(z.string()).optional(),
    same_name: z
      .array(z.object({ id: z.string(), connection_id: z.string().nullable(), expired: z.boolean() }))
      .optional(),
    unknown,
    next: z.object({ tool: z.string(), arguments: z.record(z.string(), z.string()), why: z.string() }),
  }),
  run: async (args, deps) => {
    const credential = await find(args, deps);
    const [used, reached, unusual, alike, end] = await Promise.all([
      activityOf(credential, DAYS, deps),
      reachOf(credential, deps),
      unusualOf(credential, deps),
      sameName(credential, deps),
      endOfLeaked(credential, deps),
    ]);
    const unknown = [used, reached, unusual, alike, end].flatMap((part) => part.unknown);
    return {
      credential,
      activity: used.activity,
      reach: reached.reach,
      ...(unusual.unusual && { unusual: unusual.unusual }),
      ...(alike.same_name && { same_name: alike.same_name }),
      unknown: [...new Set(unknown)],
      next: end.next,
    };
  },
});

const DAYS = 7;
const MOST_ALIKE = 10;

interface Named {
  id?: string | undefined;
  sip_username?: string | undefined;
}

/** The one credential that leaked. Throws where it cannot be told which that is. */
async function find({ id, sip_username }: Named, { http }: Deps): Promise<TelephonyCredential> {
  if ((id === undefined) === (sip_username === undefined))
    throw badInput('Give the id or the sip_username of the credential that leaked, one of the two.');
  if (id !== undefined) return getTelephonyCredential(http, id);
  const { rows, more } = await listTelephonyCredentials(http, { sip_username }, { offset: 0, limit: MOST_ALIKE });
  const [only] = rows;
  if (only && rows.length === 1) return only;
  const such = `the SIP username ${plainly(`${sip_username}`)}`;
  if (only) {
    throw conflict(
      `${rows.length} credentials have ${such}: ${rows.map((row) => row.id).join(', ')}.`,
      'Call assess_leak for each of them, by its id.',
    );
  }
  const look = 'find it with list_telephony_credentials by name, tag or connection_id, and call again with its id.';
  // What was not looked at may well be it.
  if (more) {
    throw unexpected(
      `Telnyx does not filter by SIP username, and of the first ${MOST_ALIKE} credentials none has ${such}.`,
      `It may still be there: ${look}`,
    );
  }
  throw new ToolError(
    'NOT_FOUND',
    `No telephony credential has ${such}. It may have been deleted, or be the login of a connection, which the person changes in the Telnyx portal.`,
    `Check how it is spelt, capitals included, or ${look}`,
  );
}

const RECENT_DAYS = 3;
// Call records reach back to the first of last month, so that this is all of them.
const ALL_DAYS = 62;

/** What is unusual of the last days; nothing where calls are not known, which the activity gives the reason of. */
async function unusualOf(
  { sip_username }: TelephonyCredential,
  deps: Deps,
): Promise<{ unusual?: string[]; unknown: string[] }> {
  if (sip_username === null) return { unknown: [] };
  const span = spanSince(daysAgo(ALL_DAYS, deps), deps);
  const asked = readCalls(deps.http, deps.refusals, sip_username, span);
  const found: Known<Calls> = await inTime('its calls of before', asked, deps);
  if (!found.known) return { unknown: [found.unknown] };
  const { calls, since, partly } = found.known;
  const countryOf = calls.length > 0 ? await loadCountries() : () => undefined;
  return {
    unusual: unusualCalls(calls, { recentFrom: daysAgo(RECENT_DAYS, deps), since }, countryOf),
    unknown: partly === undefined ? [] : [`What is unusual rests on a part of the calls: ${partly}`],
  };
}

type Alike = Pick<TelephonyCredential, 'id' | 'connection_id' | 'expired'>;

/** Others that carry the same name, on any connection: who copied one into a file may have copied them all. */
async function sameName(
  { id, name }: TelephonyCredential,
  deps: Deps,
): Promise<{ same_name?: Alike[]; unknown: string[] }> {
  if (name === null) return { same_name: [], unknown: [] };
  const list = listTelephonyCredentials(deps.http, { name }, { offset: 0, limit: MOST_ALIKE + 1 });
  const found = await inTime('which others have its name', orUnknown('which others have its name', list), deps);
  if (!found.known) return { unknown: [found.unknown] };
  const others = found.known.rows.filter((row) => row.id !== id);
  const isPart = found.known.more || found.known.unreadable.count > 0 || others.length > MOST_ALIKE;
  return {
    same_name: others.slice(0, MOST_ALIKE),
    unknown: isPart ? ['More credentials may have the same name: list_telephony_credentials finds them by name.'] : [],
  };
}
