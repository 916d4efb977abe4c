import { conflict, type ToolError } from '../core/errors.ts';
import type { Held, Lease } from '../core/lease.ts';
import type { RotationEvent } from './events.ts';
import {
  factsOf,
  type Item,
  inWords,
  isOver,
  isRolledBack,
  left,
  type Rotation,
  rotationFrom,
  stateOf,
} from './item.ts';
import { type Entry, newJob, newMember } from './journal.ts';
import type { Work } from './work.ts';

type Beginning = RotationEvent & { type: 'began' };
type JobsAndNow = Pick<Work, 'jobs' | 'now'>;

/** The rotation of a credential that is not over yet, if there is one. */
export async function openRotationOf({ jobs, now }: JobsAndNow, oldId: string) {
  return (await jobs.of(oldId, 'old')).find((rotation) => !isOver(stateOf(rotation, now())));
}

/** Refuses to rotate a successor that its own rotation is not done with: it could never be finished or rolled back. */
export async function refuseHalfMade({ jobs, now }: JobsAndNow, oldId: string): Promise<void> {
  const maker = (await jobs.of(oldId, 'successor')).at(-1);
  if (!maker || !['in_progress', 'rolling_back'].includes(stateOf(maker, now()))) return;
  throw conflict(
    `This credential is the successor of rotation ${maker.id}, which is not finished.`,
    'Finish that one with continue_rotation, or undo it with roll_back_rotation.',
  );
}

/** The rotation that replaces this credential, unless that was rolled back. */
async function replacing(credential: string, { jobs, now }: JobsAndNow): Promise<Rotation | undefined> {
  return (await jobs.of(credential, 'old')).find((rotation) => !isRolledBack(rotation, now()));
}

/** The rotation that replaced the successor of this one in its turn, unless that was rolled back. */
export async function rotatedOnBy(item: Item, means: JobsAndNow): Promise<Rotation | undefined> {
  const made = factsOf(item, 'create')?.id;
  return made === undefined ? undefined : replacing(made, means);
}

/** Throws `CONFLICT` when one of these successors has a successor of its own: that one must go back first. */
export async function refuseWhenReplaced(successors: Iterable<string>, means: JobsAndNow): Promise<void> {
  for (const id of successors) {
    const later = await replacing(id, means);
    if (!later) continue;
    throw conflict(`The successor has been rotated in its turn, by rotation ${later.id}.`, 'Roll that one back first.');
  }
}

/** Throws as `refuseWhenReplaced` for the successor that this rotation is known to have made. */
export function refuseWhenRotatedOn(rotation: Rotation, means: JobsAndNow): Promise<void> {
  const made = factsOf(rotation, 'create')?.id;
  return refuseWhenReplaced(made === undefined ? [] : [made], means);
}

/** Records that a rotation begins. Throws when it cannot be recorded: then nothing has happened. */
export async function begin({ jobs, now }: Work, beginning: Beginning, lease: Lease): Promise<Rotation> {
  const { fleet } = beginning;
  const id = fleet === undefined ? newJob(now()) : newMember(fleet);
  return begunBy(await jobs.note(id, beginning, lease));
}

function begunBy(entry: Entry): Rotation {
  const rotation = rotationFrom([entry]);
  if (!rotation) throw new Error('a rotation without a beginning');
  return rotation;
}

/** What the call that begins a rotation so would do, in words: the steps that it is run by. */
export function stepsOf(event: Beginning): string[] {
  const by = { actor: '', host: '', key: '' };
  const rotation = begunBy({ rotation: '', n: 0, at: '', by, token: 0, event });
  const deletes = event.kind === 'telephony' && event.wish.overlap === 0;
  const steps = left(rotation).filter(({ final }) => deletes || !final);
  return steps.map((next) => inWords(rotation, next));
}

/** The leases that work on a rotation needs: the first is the one to record it under. */
export const leasesOf = ({ fleet, old }: Pick<Rotation, 'fleet'> & { old: { id: string } }): string[] =>
  fleet === undefined ? [old.id] : [fleet, old.id];

/**
 * Runs `work` as the only one, of all calls, processes and machines, that is at what the names stand for, with the lease of
 * the first; gives what `otherwise` makes of one that someone else is at.
 */
export async function alone<T>(
  { jobs }: Pick<Work, 'jobs'>,
  names: readonly string[],
  work: (lease: Lease) => Promise<T>,
  otherwise: (held: Held) => Promise<T>,
): Promise<T> {
  const taken: Lease[] = [];
  try {
    for (const name of names) {
      const lease = await jobs.lease(name);
      if ('holder' in lease) return await otherwise(lease);
      taken.push(lease);
    }
    return await work(taken[0] as Lease);
  } finally {
    for (const lease of taken.reverse()) await lease[Symbol.asyncDispose]();
  }
}

/** The error of what someone else is at. */
export function busy({ holder, until }: Held): ToolError {
  return conflict(
    `Someone else is working on a rotation of this credential right now: ${holder}. Nothing was changed by this call.`,
    `Call get_rotation in a few seconds. A process on another machine that shows no more sign of life is given up at ${until}.`,
  );
}

/**
 * Records that a rotation is rolled back from here on, and gives it so. Throws `CONFLICT` when its successor was rotated in
 * its turn, or is being rotated this moment. The caller holds the leases of the rotation.
 */
export function startRollback(rotation: Rotation, work: Work, lease: Lease): Promise<Rotation> {
  const turn = async (): Promise<Rotation> => {
    await refuseWhenRotatedOn(rotation, work);
    return rotation.rollbackAt ? rotation : work.jobs.record(rotation, { type: 'rollback' }, lease);
  };
  const successor = factsOf(rotation, 'create')?.id;
  if (successor === undefined) return turn();
  // Whoever rotates the successor holds its lease, and begins nothing once this is recorded.
  return alone(work, [successor], turn, (held) => Promise.reject(busy(held)));
}
