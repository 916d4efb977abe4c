import type { FleetWish, Member } from './events.ts';
import type { Entry, Wrong } from './journal.ts';
import type { Rotation } from './rotation.ts';
import { isUndone, left, stateOf } from './steps.ts';

interface Common {
  id: string;
  beganAt: string;
  /** How many members it was to have: fewer are known when its beginning was cut short. */
  expected: number;
  /** How many fitted as well, and were not chosen. */
  more?: number | undefined;
  /** In their order, as they were when they were chosen. */
  members: ReadonlyMap<string, Member>;
  /** Why nothing was done for a member, by id. */
  skipped: ReadonlyMap<string, string>;
  /** What became of members that have no rotation of their own. */
  deleted: ReadonlySet<string>;
  failed: ReadonlyMap<string, Failure>;
  /** Since when it runs, this time. */
  resumedAt: string;
  stopped?: string | undefined;
  turnedBackAt?: string;
  /** Why it must be left alone. */
  wrong?: Wrong | undefined;
}

/** A fleet, and the rotations of its members that were begun, in that order. */
export interface FleetJob {
  fleet: Fleet;
  rotations: readonly Rotation[];
}

export const isFleet = (job: Rotation | FleetJob): job is FleetJob => 'rotations' in job;

interface Failure {
  code: string;
  message: string;
}

/** Many credentials dealt with as one: rotated, or deleted because they have expired. */
export type Fleet = Common & ({ job: 'rotate'; wish: FleetWish } | { job: 'delete' });

/** A fleet as its entries tell it; undefined when they are those of something else. `wrong` is what is so with its job. */
export function fleetFrom(entries: readonly Entry[], wrong?: Wrong): Fleet | undefined {
  const [first] = entries;
  if (first?.event.type !== 'fleet_began') return undefined;
  const { type: _, members: expected, ...what } = first.event;
  const members = new Map<string, Member>();
  const skipped = new Map<string, string>();
  const deleted = new Set<string>();
  const failed = new Map<string, Failure>();
  const common = {
    id: first.rotation,
    beganAt: first.at,
    resumedAt: first.at,
    expected,
    members,
    skipped,
    deleted,
    failed,
    ...(wrong && { wrong }),
  };
  const fleet: Fleet = { ...common, ...what };
  for (const { event, at } of entries) {
    if (event.type === 'members') for (const member of event.members) members.set(member.id, member);
    else if (event.type === 'skipped') skipped.set(event.of, event.note);
    else if (event.type === 'stopped') fleet.stopped = event.note;
    else if (event.type === 'turned_back') fleet.turnedBackAt = at;
    else if (event.type === 'done' && event.of !== undefined) deleted.add(event.of);
    else if (event.type === 'failed' && event.of !== undefined) failed.set(event.of, event);
    if (event.type !== 'resumed' && event.type !== 'turned_back') continue;
    Object.assign(fleet, { resumedAt: at, stopped: undefined });
    // What kept a member from being undone may have passed: each is looked at anew.
    if (fleet.turnedBackAt !== undefined) skipped.clear();
  }
  return fleet;
}

export type Standing = 'done' | 'skipped' | 'left' | Failure;

/** How each member stands, in their order, with its rotation if it has one. */
export function standings(
  { fleet, rotations: begun }: FleetJob,
  now: Date,
): Map<string, { standing: Standing; rotation?: Rotation }> {
  const rotations = new Map(begun.map((rotation) => [rotation.old.id, rotation]));
  return new Map(
    [...fleet.members.keys()].map((member) => {
      const rotation = rotations.get(member);
      return [member, { standing: standingOf(fleet, member, rotation, now), ...(rotation && { rotation }) }];
    }),
  );
}

function standingOf(fleet: Fleet, member: string, rotation: Rotation | undefined, now: Date): Standing {
  if (fleet.job === 'delete') {
    if (fleet.deleted.has(member)) return 'done';
    return fleet.skipped.has(member) ? 'skipped' : (fleet.failed.get(member) ?? 'left');
  }
  const back = fleet.turnedBackAt !== undefined;
  if (!rotation) return back ? 'done' : fleet.skipped.has(member) ? 'skipped' : 'left';
  const state = stateOf(rotation, now);
  if (back && isUndone(rotation, now)) return 'done';
  if (back && fleet.skipped.has(member)) return 'skipped';
  // Someone has taken this one out of the fleet.
  if (state === 'rolled_back') return 'skipped';
  if (!back && ['overlap', 'old_one_left', 'done'].includes(state)) return 'done';
  if (state === 'given_up') return rotation.steps.get('create')?.failed ?? 'left';
  const [next] = left(rotation);
  return (next && rotation.steps.get(next.step)?.failed) ?? 'left';
}

/** Whether not all members were recorded: then nothing was done for any. */
export const isCutShort = ({ members, expected }: Fleet): boolean => members.size < expected;

/** Whether a member asks for nothing more. */
export const isAtRest = (standing: Standing): boolean => standing === 'done' || standing === 'skipped';
