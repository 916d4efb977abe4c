import { within } from '../core/basics.ts';
import { quoted } from '../core/text.ts';
import type { Deps } from '../core/tool.ts';
import { type Consumers, type Evidence, endsSoon, hasConsumers, lookAt, sightingOf } from '../jobs/evidence.ts';
import { retiresAt, type TelephonyRotation } from '../jobs/item.ts';
import { type Job, onlyOf } from '../jobs/job.ts';
import { QUIET, quietSince } from '../jobs/watch.ts';
import { connectionList, getConnection } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import { getAll } from '../telnyx/list.ts';
import { durationOf } from './fields.ts';
import type { RotationView } from './job-view.ts';

/**
 * How long nobody must be seen with an old credential on any of these connections, in seconds: longer where a connection has
 * a push credential, since its phones register only when they are woken, and where that cannot be read.
 */
export function quietTimeOf(ids: readonly (string | null)[], { http, timeLeft }: Deps): Promise<number> {
  const all = [...new Set(ids)];
  const [first] = all;
  const read = async (): Promise<number> => {
    const found =
      all.length === 1 && typeof first === 'string'
        ? [await getConnection(http, 'credential', first)]
        : (await getAll(http, connectionList('credential'))).rows.filter(({ id }) => all.includes(id));
    const sleeps = found.some((one) => one.ios_push_credential_id !== null || one.android_push_credential_id !== null);
    return sleeps || found.length < all.length ? QUIET.withPush : QUIET.usually;
  };
  return within(Math.min(LOOKS_AT_MOST_MS, timeLeft() / 2), read(), QUIET.withPush).catch(() => QUIET.withPush);
}

/** What "until moved" comes to, for who is asked; both in seconds. `end` says when that is at the latest, where it is sooner. */
export function untilMoved(atMost: number, quietTime: number, end = `in ${durationOf(atMost)}`): string {
  const why =
    quietTime === QUIET.withPush
      ? ' (phones with a push credential register only when they are woken, so a week is waited for)'
      : '';
  return `when the new one was seen in use, and nobody was seen with the old one for ${durationOf(quietTime)}${why}, that has one hour left. What cannot be seen does not count. At the latest it expires for good ${end}, moved or not.`;
}

/** What was seen of a rotation, for who reads its view: the word, and what it is told by. */
function told(rotation: TelephonyRotation, { consumers, old, successor }: Evidence, now: Date) {
  const { watch, wish } = rotation;
  const waits =
    watch && wish.quiet_time !== undefined
      ? [
          `old: not seen since ${forPerson(new Date(quietSince(watch)).toISOString())} (${durationOf(wish.quiet_time)} are asked for)`,
        ]
      : [];
  return {
    consumers,
    evidence: [
      ...(old ? [`old: ${old.says}`] : []),
      `successor: ${successor.says}`,
      ...(consumers === 'moved' ? waits : []),
    ],
    warnings: endingInUse(rotation, consumers, now),
  };
}

function endingInUse(rotation: TelephonyRotation, consumers: Consumers, now: Date): string[] {
  if (!endsSoon(rotation, now) || consumers === 'moved') return [];
  const is =
    consumers === 'not_yet' ? 'is still in use, or its successor is not' : 'may still be in use: that is unknown';
  return [
    `The old one ends ${forPerson(retiresAt(rotation))} and ${is}. Move who uses it, or give it more time with update_telephony_credential (expires_at).`,
  ];
}

const TO_ANSWER_MS = 2000;
const NO_TIME = { seen: null, says: 'not known: there was no time to look' };
const LATE: Evidence = { consumers: 'unknown', old: NO_TIME, successor: NO_TIME };

/** Looks who uses the credentials of a rotation, for as long as the call has time. */
const look = (rotation: TelephonyRotation, deps: Deps): Promise<Evidence> =>
  within(deps.timeLeft() - TO_ANSWER_MS, lookAt(rotation, deps), LATE);

/** For the question before the old one is deleted: who was seen to use it this very moment. */
export async function usersInWords(rotation: TelephonyRotation, deps: Deps): Promise<string> {
  const { consumers, old, successor } = await look(rotation, deps);
  const word = {
    moved: 'Everyone was seen to have moved',
    not_yet: old?.seen ? 'IT IS STILL IN USE' : 'NOBODY WAS SEEN TO USE THE NEW ONE YET',
    unknown: 'Whether anyone still uses it is not known',
  }[consumers];
  return `${word} (old: ${old?.says}; successor: ${successor.says}).`;
}

const DAY_MS = 86_400_000;

/** For the question before a credential is deleted: who was seen to use it this very moment, or in the last day. */
export async function usedInWords(username: string | null, deps: Deps): Promise<string> {
  const looking = sightingOf(username, deps.now().getTime() - DAY_MS, deps);
  const { seen, says } = await within(deps.timeLeft() - TO_ANSWER_MS, looking, NO_TIME);
  if (seen === null) return `Whether anyone uses it is ${says}`.replace(/\.?$/, '.');
  return seen ? `IT IS IN USE: ${says}.` : `Nobody was seen to use it: ${says}.`;
}

/** A rotation's view with who uses its credentials, by a look this very moment. */
async function ofOne(view: RotationView, rotation: TelephonyRotation, deps: Deps): Promise<RotationView> {
  const { warnings, ...seen } = told(rotation, await look(rotation, deps), deps.now());
  return { ...view, ...seen, warnings: [...view.warnings, ...warnings] };
}

/** A fleet's view with what a look at its members saw, as far as that is. */
function ofFleet(view: RotationView, job: Job, { from, limit }: Place, { looks, now }: Deps) {
  const latest = looks.latest(job.id);
  const counts = { moved: 0, not_yet: 0, unknown: 0, to_look_at: 0 };
  const lines: string[] = [];
  for (const { old } of openOf(job, now())) {
    const seen = latest?.evidence.get(old.id);
    counts[seen?.consumers ?? 'to_look_at'] += 1;
    if (seen?.consumers === 'not_yet') lines.push(`${old.id} ${quoted(old.name ?? '')}: ${stragglerSays(seen)}`);
  }
  const stragglers = lines.slice(from, from + limit);
  const open = counts.unknown + counts.to_look_at > 0;
  const consumers: Consumers = counts.not_yet > 0 ? 'not_yet' : open ? 'unknown' : 'moved';
  const next = from + stragglers.length;
  const again = `${counts.to_look_at} are still to be looked at: call again with this id in a few seconds.`;
  return {
    view: {
      ...view,
      ...{ consumers, counts, stragglers },
      ...(latest && { evidence: [`looked at since ${forPerson(latest.began.toISOString())}`] }),
      next: counts.to_look_at > 0 ? `${again} ${view.next ?? ''}`.trim() : view.next,
    },
    next: next < lines.length ? next : undefined,
  };
}

const stragglerSays = ({ old, successor }: Evidence): string =>
  old?.seen ? `old one ${old.says}` : `successor ${successor.says}`;

/** The members of a job whose old credential may still have users, in their order. */
const openOf = ({ members, items, rollbackAt }: Job, now: Date): TelephonyRotation[] =>
  rollbackAt === undefined
    ? [...members.keys()]
        .flatMap((id) => items.get(id) ?? [])
        .filter((item) => item.kind === 'telephony')
        .filter((item) => hasConsumers(item, now))
    : [];

interface Place {
  from: number;
  limit: number;
}

// A look is repeated when it is older than this.
const FRESH_MS = 5 * 60_000;
const LOOKS_AT_MOST_MS = 8000;

/**
 * A job's view with who uses what. Members of a fleet are looked at beside the call, which waits a few seconds for that, and
 * whose stragglers are shown from a place on; `next` is the place to go on from when there are more.
 */
export async function withConsumers(
  view: RotationView,
  job: Job,
  deps: Deps,
  place: Place,
): Promise<{ view: RotationView; next?: number | undefined }> {
  const open = openOf(job, deps.now());
  if (job.wrong || open.length === 0) return { view };
  const only = onlyOf(job);
  if (only) return { view: only.kind === 'telephony' ? await ofOne(view, only, deps) : view };
  // While it runs its requests are for that.
  if (deps.fleets.isRunning(job.id)) return { view };
  const latest = deps.looks.latest(job.id);
  const isFresh = latest !== undefined && deps.now().getTime() - latest.began.getTime() < FRESH_MS;
  if (!isFresh || !latest.over) {
    const looking = deps.looks.at(job.id);
    // What cannot be looked at is still shown.
    looking.catch(() => undefined);
    await within(Math.min(LOOKS_AT_MOST_MS, deps.timeLeft() - TO_ANSWER_MS), looking, latest);
  }
  return ofFleet(view, job, place, deps);
}

/** The views of a list with who uses what, as far as that takes one look for each. */
export const eachWithConsumers = (
  rows: readonly { job: Job; view: RotationView }[],
  deps: Deps,
): Promise<RotationView[]> =>
  Promise.all(
    rows.map(async ({ job, view }) => {
      const only = onlyOf(job);
      if (job.wrong || only?.kind !== 'telephony' || openOf(job, deps.now()).length === 0) return view;
      return ofOne(view, only, deps);
    }),
  );
