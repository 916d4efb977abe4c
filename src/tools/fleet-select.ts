import { createHash } from 'node:crypto';
import { badInput, conflict, ToolError, unexpected } from '../core/errors.ts';
import type { Deps } from '../core/tool.ts';
import type { Member } from '../jobs/events.ts';
import { isOver, type StepRecord, stateOf } from '../jobs/item.ts';
import { isAtRest, isCutShort, type Job, rotationsOf, standings } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { forPerson } from '../telnyx/dates.ts';
import { type LeanTelephony, leanTelephonyList } from '../telnyx/lean-rows.ts';
import { visitAll } from '../telnyx/list.ts';
import {
  fits,
  listTelephonyCredentials,
  refuseUnheededTag,
  type TelephonyFilters,
} from '../telnyx/telephony-credentials.ts';

/** The credentials an order for many is about, soonest end first, and the digest of all that is known of them. */
export interface Selection {
  members: Member[];
  /** How many more would fit, but for the limit. */
  more: number;
  /** What a person should know of what was chosen. */
  cautions: string[];
  digest: string;
  /** The account they belong to, where Telnyx tells. */
  user_id?: string | undefined;
}

/** What a credential must be besides what Telnyx filters by; lengths of time are in seconds from now. */
export interface Aged {
  expiringWithin?: number | undefined;
  olderThan?: number | undefined;
  expiredBefore?: Date | undefined;
}

/** What is kept of a row that fits: there may be half a million. */
type Candidate = Pick<LeanTelephony, 'id' | 'connection_id' | 'expires' | 'unclear' | 'created'>;

// What a call still has to do with its selection: sort it, record it, answer.
const TO_ACT_MS = 2000;

/** The same for the same ids in any order, short enough for a question: what tells one selection from another. */
export const digestOf = (ids: readonly string[]): string =>
  createHash('sha256').update(ids.toSorted().join()).digest('hex').slice(0, 8);

/**
 * Reads the list and picks from it, leaving out what is being rotated already. Throws `BAD_INPUT` when nothing fits,
 * `TIMEOUT` when there is too much to read.
 */
export async function select(filters: TelephonyFilters, aged: Aged, limit: number, deps: Deps): Promise<Selection> {
  const now = deps.now();
  if (filters.tag !== undefined) await refuseUnheededTag(deps.http);
  const { fitting, unreadable, user_id } = await read(
    filters,
    (row) => fits(row, filters) && isAged(row, aged, now),
    deps,
  );
  const open = await deps.jobs.open();
  const rotations = open.flatMap(rotationsOf);
  const busy = new Set(rotations.filter((one) => !isOver(stateOf(one, now))).map(({ old }) => old.id));
  const going = filters.status === 'expired' ? [] : unfinished(open, now);
  const owners = new Map(fitting.flatMap((row) => going.filter(({ has }) => has(row)).map(({ id }) => [row.id, id])));
  const sorted = fitting
    .filter((row) => filters.status === 'expired' || !(owners.has(row.id) || busy.has(row.id)))
    .sort((a, b) => end(a) - end(b) || (a.created ?? 0) - (b.created ?? 0) || (a.id < b.id ? -1 : 1));
  const fleets = [...new Set(owners.values())].join(' and ');
  const kept = `${owners.size} that fit are left out, since ${fleets} is still to finish with them; continue_rotation does.`;
  if (sorted.length === 0 && owners.size > 0) throw conflict(`All ${kept}`, 'Finish that first.');
  if (sorted.length === 0) throw badInput('No credential fits.', 'Look with list_telephony_credentials.');
  const chosen = sorted.slice(0, limit);
  const members = chosen.map(({ id, connection_id, expires }) => ({ id, connection_id, expires }));
  const more = sorted.length - members.length;
  const cautions = [
    ...(more > 0 ? [`${more} more fit and are left as they are.`] : []),
    ...(owners.size > 0 ? [kept] : []),
    ...leftOut(unreadable),
    ...(filters.status === 'expired' ? [] : [...(await madeBefore(chosen, deps.jobs)), ...cautionsOf(chosen)]),
  ];
  return { members, more, cautions, digest: digestOf(members.map(({ id }) => id)), user_id };
}

// The clocks of two machines differ, and a create may wait for minutes before it is sent.
const [EARLIER_MS, LATER_MS] = [60_000, 240_000];

/** The rotating fleets that are not finished, and which rows are theirs: members still to do, and what creates may have made. */
function unfinished(open: readonly Job[], now: Date) {
  return open.flatMap((job) => {
    if (job.kind !== 'fleet' || isCutShort(job)) return [];
    const going = new Map([...standings(job, now)].filter(([, { standing }]) => !isAtRest(standing)));
    // What was given up has surely made nothing.
    const creates = [...going.values()].flatMap(({ item }) =>
      item?.givenUp === undefined ? (item?.steps.get('create') ?? []) : [],
    );
    const has = (row: Candidate) => going.has(row.id) || creates.some((create) => mayHaveMade(create, row));
    return going.size === 0 ? [] : [{ id: job.id, has }];
  });
}

function mayHaveMade({ firstIntendedAt = '', intendedAt = '', done }: StepRecord, { id, created }: Candidate): boolean {
  if (done || created === null) return done?.facts.id === id;
  return Date.parse(firstIntendedAt) - EARLIER_MS <= created && created <= Date.parse(intendedAt) + LATER_MS;
}

/** Says how many are themselves successors: whoever calls again for the rest of a connection means others. */
async function madeBefore(chosen: readonly Candidate[], jobs: Jobs): Promise<string[]> {
  const made: Candidate[] = [];
  for (const row of chosen) if (await jobs.isSuccessor(row.id)) made.push(row);
  const latest = Math.max(...made.map(({ created }) => created ?? 0));
  const when = latest > 0 ? `, the latest made ${forPerson(new Date(latest).toISOString())}` : '';
  return made.length === 0 ? [] : [`${made.length} of them are successors of earlier rotations${when}.`];
}

const leftOut = (unreadable: number): string[] =>
  unreadable > 0 ? [`${unreadable} rows of the list have no id that can be read and are left out.`] : [];

/** What is different with some of those that are to be rotated. */
function cautionsOf(chosen: readonly Candidate[]): string[] {
  const unclear = chosen.filter((row) => row.unclear).length;
  const ageless = chosen.filter(({ created, expires }) => created === null && expires !== null).length;
  return [
    ...(unclear > 0
      ? [
          `But ${unclear} have an expiry that cannot be read: it is not written over, so they live until they are deleted.`,
        ]
      : []),
    ...(ageless > 0
      ? [`Of ${ageless} it is not known how long they were to live: without expires_in their successors never expire.`]
      : []),
  ];
}

/** The rows that fit, of the whole list: nothing is chosen from a part of it. */
async function read(
  filters: TelephonyFilters,
  fits: (row: LeanTelephony) => boolean,
  { http, progress, timeLeft }: Deps,
): Promise<{ fitting: Candidate[]; unreadable: number; user_id: string | undefined }> {
  const fitting = new Map<string, Candidate>();
  let seen = 0;
  let rows: number | undefined;
  let user_id: string | undefined;
  const visit = (row: LeanTelephony, again: boolean): void => {
    if (!again) seen += 1;
    const { id, connection_id, expires, unclear, created } = row;
    user_id ??= row.user_id ?? undefined;
    if (fits(row)) fitting.set(id, { id, connection_id, expires, unclear, created });
    else fitting.delete(id);
  };
  const watch = {
    stopped: () => timeLeft() < TO_ACT_MS,
    progress: (done: number, pages?: number, total?: number) => {
      rows = total;
      progress(done, pages);
    },
  };
  const scanned = await visitAll(http, leanTelephonyList(filters), visit, watch).catch((error: unknown) => {
    if (error instanceof ToolError && error.code === 'TIMEOUT') return undefined;
    throw error;
  });
  if (scanned?.whole) return { fitting: [...fitting.values()], unreadable: scanned.unreadable.count, user_id };
  if (scanned && !scanned.stopped) {
    throw unexpected(
      `Telnyx gave ${seen} credentials where it says there are ${rows ?? 'more'}, or the same page again, so which of them fit is not known. Nothing was changed.`,
      'Call again; if it stays so, have the person look at the credentials in the Telnyx portal.',
    );
  }
  throw new ToolError(
    'TIMEOUT',
    `Only ${seen} of ${rows ?? 'an unknown number of'} credentials could be read in the time of a call, so which of them fit is not known. Nothing was changed.`,
    'Give what Telnyx itself can narrow the list by: connection_id, also tag or name where this tool takes them. If that is given already, call again later.',
  );
}

// One that never expires can wait; larger than any date, yet a number to reckon with.
const end = ({ expires }: Candidate): number => expires ?? Number.MAX_SAFE_INTEGER;

function isAged(row: LeanTelephony, { expiringWithin, olderThan, expiredBefore }: Aged, now: Date): boolean {
  // Whatever cannot be read is none of those that end by a certain day.
  if (expiringWithin !== undefined && end(row) > now.getTime() + expiringWithin * 1000) return false;
  if (expiredBefore !== undefined && end(row) >= expiredBefore.getTime()) return false;
  return olderThan === undefined || (row.created !== null && row.created < now.getTime() - olderThan * 1000);
}

// As Telnyx documents it: a successor more would be refused its tag, and its fleet could not be finished.
const TAG_HOLDS = 1000;

/** Throws `BAD_INPUT` when a tag has not room for so many more. */
export async function refuseFullTag(tag: string | undefined, more: number, { http }: Deps): Promise<void> {
  if (tag === undefined) return;
  const { rows, total = rows.length } = await listTelephonyCredentials(http, { tag }, { offset: 0, limit: 1 });
  const room = Math.max(0, TAG_HOLDS - total);
  if (more <= room) return;
  throw badInput(
    `A tag holds ${TAG_HOLDS} credentials at Telnyx: new_tag has room for ${room} more, and these are ${more}.`,
    'Give a lower limit, another new_tag, or none. Nothing was changed.',
  );
}
