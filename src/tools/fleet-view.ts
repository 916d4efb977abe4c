import type { Deps } from '../core/tool.ts';
import type { StepName } from '../jobs/events.ts';
import { factsOf } from '../jobs/item.ts';
import { isAtRest, isCutShort, type Job, standings } from '../jobs/job.ts';
import { WHAT_TO_DO } from '../jobs/journal.ts';
import type { RotationView } from './rotation-view.ts';

const MINUTE = 60_000;
const EXAMPLES = 5;

/** A fleet as an agent sees it, in the shape of a rotation: how far it is, how fast, and what failed. */
export function viewFleet(job: Job, { now, fleets }: Pick<Deps, 'now' | 'fleets'>): RotationView {
  const all = standings(job, now());
  const counts = { done: 0, skipped: 0, failed: 0, left: 0 };
  const failures = new Map<string, { count: number; message: string }>();
  for (const { standing } of all.values()) {
    if (typeof standing === 'string') counts[standing] += 1;
    else {
      counts.failed += 1;
      const { code, message } = standing;
      failures.set(code, { count: (failures.get(code)?.count ?? 0) + 1, message });
    }
  }
  const running = fleets.isRunning(job.id);
  const waiting = counts.left + counts.failed;
  const state = stateOf(job, waiting, running);
  const since = Date.parse(job.resumedAt);
  const finished = [...all.values()].filter(({ standing, item }) => {
    const last = item && Math.max(...[...item.steps.values()].map(({ done }) => Date.parse(done?.at ?? '') || 0));
    return isAtRest(standing) && (last === undefined || last >= since);
  }).length;
  const minutes = Math.max((now().getTime() - since) / MINUTE, 1 / MINUTE);
  const perMinute = Math.round(finished / minutes);
  return {
    id: job.id,
    kind: job.kind,
    state,
    progress: {
      total: job.expected,
      ...counts,
      ...(running && {
        per_minute: perMinute,
        ...(perMinute > 0 && { seconds_left: Math.ceil((waiting / perMinute) * 60) }),
      }),
      failures: [...failures].map(([code, { count, message }]) => `${code} ${count} times, such as: ${message}`),
    },
    done: doneBy(job, counts.done),
    left: waiting === 0 ? [] : [`${waiting} of ${job.expected} credentials`],
    warnings: [...warningsOf(job), ...ofMembers(job)],
    next: nextOf(job, state),
  };
}

/** Gives what came of a step in all rotations that have done it. */
const factsIn =
  ({ items }: Job) =>
  (step: StepName) =>
    [...items.values()].flatMap((item) => factsOf(item, step) ?? []);

/** What was done, where the passwords are, and when the old ones end. */
function doneBy(job: Job, count: number): string[] {
  if (count === 0) return [];
  if (job.rollbackAt !== undefined) return [`${count} undone, or never begun`];
  if (job.kind === 'clean-up') return [`${count} deleted`];
  const ofStep = factsIn(job);
  const places = new Map<string, number>();
  for (const { destination, place } of ofStep('deliver')) {
    const where = destination === 'vault' ? 'the vault' : (place ?? `${destination}`);
    places.set(where, (places.get(where) ?? 0) + 1);
  }
  const ends = ofStep('retire')
    .flatMap(({ expires_at }) => expires_at ?? [])
    .sort();
  const [first, last] = [ends[0], ends.at(-1)];
  return [
    `${count} rotated`,
    ...[...places].map(([where, written]) => `${written} passwords written to ${where}`),
    ...(first === undefined ? [] : [`the old ones end ${first === last ? first : `from ${first} to ${last}`}`]),
  ];
}

function stateOf(job: Job, waiting: number, running: boolean): RotationView['state'] {
  const { rollbackAt } = job;
  if (job.wrong) return 'damaged';
  if (running) return rollbackAt === undefined ? 'in_progress' : 'rolling_back';
  if (isCutShort(job)) return 'given_up';
  if (waiting > 0) return 'stopped';
  return rollbackAt === undefined ? 'done' : 'rolled_back';
}

function warningsOf(job: Job): string[] {
  if (job.wrong) return [`${job.wrong.says} What is told here may not be true: it is left alone.`];
  if (isCutShort(job)) return ['Its beginning was cut short: nothing was done. Begin a new one.'];
  const others = `${job.more} more fitted and were not chosen. For them begin another${job.kind === 'fleet' ? ', with older_than where the successors would fit, too' : ''}.`;
  const told = [job.stopped ?? [], leftAlone(job), job.more ? others : []].flat();
  if (job.kind === 'clean-up' || job.rollbackAt !== undefined) return told;
  return [
    ...told,
    'Each SIP username changes: tell whoever dials them. Login tokens made from the old ones die with them.',
  ];
}

/** What a person should know of members: old ones whose expiry nobody can read, and passwords that went elsewhere. */
function ofMembers(job: Job): string[] {
  const ofStep = factsIn(job);
  const kept = ofStep('retire').filter(({ expires_at, gone }) => expires_at === undefined && !gone).length;
  const told = ofStep('deliver').flatMap(({ warning }) => warning ?? []);
  return [
    kept > 0 && `${kept} old ones live until they are deleted: their expiry cannot be read, and was left so.`,
    told.length > 0 &&
      `${told.length} passwords were handed over otherwise than agreed, or with a warning, such as: ${told[0]}`,
  ].filter((line) => line !== false);
}

function leftAlone({ skipped }: Job): string[] {
  const lines = [...skipped].slice(0, EXAMPLES).map(([id, why]) => `${id} was left alone. ${why}`);
  const more = skipped.size - lines.length;
  return more > 0 ? [...lines, `${more} more were left alone.`] : lines;
}

function nextOf(job: Job, state: string): string {
  if (job.wrong) return WHAT_TO_DO[job.wrong.problem];
  if (state === 'in_progress' || state === 'rolling_back')
    return 'It runs on by itself: call get_rotation with this id to see how far it is.';
  if (state === 'stopped')
    return `continue_rotation goes on${job.kind === 'fleet' ? ', roll_back_rotation undoes it' : ''}.`;
  return state === 'done' && job.wish && job.wish.overlap > 0
    ? 'roll_back_rotation undoes it while the old ones live; after the overlap delete_expired_telephony_credentials removes them.'
    : 'Nothing is left to do.';
}
