import type { FleetWish, Member } from './events.ts';
import {
  apply,
  applyLook,
  cleanUpOf,
  type Item,
  isRolledBack,
  left,
  type Rotation,
  rotationFrom,
  stateOf,
  stepKey,
} from './item.ts';
import { beginningOf, type Entry, type Recorded, type Wrong } from './journal.ts';

/** Credentials that are dealt with as one: the one of a rotation, the many of a fleet or a clean-up. */
export interface Job {
  id: string;
  beganAt: string;
  /** `unknown` when not even its beginning can be read. */
  kind: Item['kind'] | 'fleet' | 'unknown';
  /** What each member of a fleet is rotated by. */
  wish?: FleetWish | undefined;
  /** How many members it was to have: fewer are known when its beginning was cut short. */
  expected: number;
  /** How many fitted as well, and were not chosen. */
  more?: number | undefined;
  /** In their order, as they were when they were chosen. */
  members: ReadonlyMap<string, Member>;
  /** What was begun, by the id of the member. */
  items: ReadonlyMap<string, Item>;
  /** Why nothing was done for a member, by id. */
  skipped: ReadonlyMap<string, string>;
  /** Since when it runs, this time. */
  resumedAt: string;
  stopped?: string | undefined;
  rollbackAt?: string | undefined;
  /** Why it must be left alone. */
  wrong?: Wrong | undefined;
}

interface Failure {
  code: string;
  message: string;
}

/**
 * A job as its records tell it; with the id of a fleet's member, that one's rotation alone. Undefined when they do not begin,
 * unless that is what is wrong with them.
 */
export function jobFrom(recorded: Recorded, id = recorded.id): Job | undefined {
  const entries = recorded.of(id);
  const [first] = entries;
  if (first?.event.type === 'fleet_began') return manyFrom(recorded, first, first.event, entries);
  const rotation = rotationFrom(entries, recorded.wrong);
  if (rotation) return jobOfOne(rotation);
  return recorded.wrong && id === recorded.id ? unreadable(id, recorded.wrong) : undefined;
}

function unreadable(id: string, wrong: Wrong): Job {
  const beganAt = beginningOf(id).toISOString();
  const nobody = { expected: 0, members: new Map(), items: new Map(), skipped: new Map() };
  return { id, beganAt, resumedAt: beganAt, kind: 'unknown', ...nobody, wrong };
}

/** A rotation as a job by itself. */
function jobOfOne(rotation: Rotation): Job {
  const { id, beganAt, kind, old, rollbackAt, wrong } = rotation;
  const members = new Map([[old.id, { id: old.id, connection_id: null, expires: null }]]);
  const items = new Map([[old.id, rotation]]);
  return {
    id,
    beganAt,
    kind,
    expected: 1,
    members,
    items,
    skipped: new Map(),
    resumedAt: beganAt,
    rollbackAt,
    wrong,
  };
}

/** The rotation that a job is; undefined for one of many. */
export function onlyOf({ kind, items }: Job): Rotation | undefined {
  const [item] = items.values();
  return kind === 'fleet' || item?.kind === 'clean-up' ? undefined : item;
}

/** The rotations of a job that were begun, in that order. */
export const rotationsOf = ({ items }: Job): Rotation[] =>
  [...items.values()].filter((item) => item.kind !== 'clean-up');

function manyFrom(
  recorded: Recorded,
  { rotation: id, at: beganAt }: Entry,
  event: Entry['event'] & { type: 'fleet_began' },
  entries: readonly Entry[],
): Job {
  const { wrong } = recorded;
  const isFleet = event.job === 'rotate';
  const members = new Map<string, Member>();
  const cleanUps = new Map<string, ReturnType<typeof cleanUpOf>>();
  const items = isFleet ? begunIn(recorded) : cleanUps;
  const skipped = new Map<string, string>();
  const { members: expected, more } = event;
  const what = isFleet ? { kind: 'fleet' as const, wish: event.wish } : { kind: 'clean-up' as const };
  const job: Job = { id, beganAt, ...what, expected, more, members, items, skipped, resumedAt: beganAt, wrong };
  for (const entry of entries) {
    const { event, at } = entry;
    if (event.type === 'watched') for (const item of items.values()) applyLook(item, event);
    else if (event.type === 'members') for (const member of event.members) members.set(member.id, member);
    else if (event.type === 'skipped') skipped.set(event.of, event.note);
    else if (event.type === 'stopped') job.stopped = event.note;
    else if (event.type === 'rollback') job.rollbackAt = at;
    else if ('step' in event && event.of !== undefined) {
      const member = members.get(event.of);
      if (member && !cleanUps.has(event.of)) cleanUps.set(event.of, cleanUpOf(member, job));
      const item = cleanUps.get(event.of);
      if (item) apply(item, item.steps, entry);
    }
    if (event.type !== 'resumed' && event.type !== 'rollback') continue;
    Object.assign(job, { resumedAt: at, stopped: undefined });
    // What kept a member from being rolled back may have passed: each is looked at anew.
    if (job.rollbackAt !== undefined) skipped.clear();
  }
  return job;
}

/** The rotations of a fleet, by the member; where one was begun anew, the latest. */
function begunIn(recorded: Recorded): Map<string, Item> {
  const rotations = [...recorded.ids()].flatMap((id) => rotationFrom(recorded.of(id), recorded.wrong) ?? []);
  return new Map(rotations.map((rotation) => [rotation.old.id, rotation]));
}

export type Standing = 'done' | 'skipped' | 'left' | Failure;

/** How each member stands, in their order, with what was begun of it. */
export function standings(job: Job, now: Date): Map<string, { standing: Standing; item: Item | undefined }> {
  return new Map(
    [...job.members.keys()].map((member) => {
      const item = job.items.get(member);
      return [member, { standing: standingOf(job, member, item, now), item }];
    }),
  );
}

function standingOf({ rollbackAt, skipped }: Job, member: string, item: Item | undefined, now: Date): Standing {
  const back = rollbackAt !== undefined;
  if (!item) return back ? 'done' : skipped.has(member) ? 'skipped' : 'left';
  const state = stateOf(item, now);
  if (back && isRolledBack(item, now)) return 'done';
  if (state === 'done' && !back) return 'done';
  if ((back || item.kind === 'clean-up') && skipped.has(member)) return 'skipped';
  // Someone has taken this one out of the fleet.
  if (state === 'rolled_back') return 'skipped';
  if (!back && ['overlap', 'old_one_left'].includes(state)) return 'done';
  if (state === 'given_up') return item.steps.get('create')?.failed ?? 'left';
  const [next] = left(item);
  return (next && item.steps.get(stepKey(next.step, next.of))?.failed) ?? 'left';
}

/** Whether not all members were recorded: then nothing was done for any. */
export const isCutShort = ({ members, expected }: Job): boolean => members.size < expected;

/** Whether a member asks for nothing more. */
export const isAtRest = (standing: Standing): boolean => standing === 'done' || standing === 'skipped';
