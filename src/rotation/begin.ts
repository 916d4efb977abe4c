import { randomBytes } from 'node:crypto';
import { conflict, type ToolError } from '../errors.ts';
import type { RotationEvent } from './events.ts';
import type { Ledger } from './records.ts';
import { factsOf, type Rotation, rotationFrom } from './rotation.ts';
import { record } from './run.ts';
import { inWords, isOver, left, refuseWhenRotatedOn, stateOf } from './steps.ts';
import type { Work } from './work.ts';

/** Every rotation there was, the latest first. */
export async function allRotations(ledger: Ledger): Promise<Rotation[]> {
  const records = await ledger.read();
  const rotations = [...records.ids()].flatMap((id) => rotationFrom(records.of(id)) ?? []);
  return rotations.sort((a, b) => b.beganAt.localeCompare(a.beganAt));
}

/** The rotation of a credential that is not over yet, if there is one. */
export async function openRotationOf({ ledger, now }: Pick<Work, 'ledger' | 'now'>, oldId: string) {
  const records = await ledger.read();
  for (const id of records.ofCredential(oldId)) {
    const rotation = rotationFrom(records.of(id));
    if (rotation && !isOver(stateOf(rotation, now()))) return rotation;
  }
  return undefined;
}

/** Refuses to rotate a successor that its own rotation is not done with: it could never be finished or undone. */
export async function refuseHalfMade({ ledger, now }: Pick<Work, 'ledger' | 'now'>, oldId: string): Promise<void> {
  const records = await ledger.read();
  const maker = rotationFrom(records.of(records.makerOf(oldId) ?? ''));
  if (!maker || !['in_progress', 'rolling_back'].includes(stateOf(maker, now()))) return;
  throw conflict(
    `This credential is the successor of rotation ${maker.id}, which is not finished.`,
    'Finish that one with continue_rotation, or undo it with roll_back_rotation.',
  );
}

/** Records that a rotation begins. Throws when it cannot be recorded: then nothing has happened. */
export function begin(work: Work, beginning: RotationEvent & { type: 'began' }): Promise<Rotation> {
  return record(work, randomBytes(8).toString('hex'), beginning);
}

/** What the call that begins a rotation so would do, in words: the steps that it is run by. */
export function stepsOf(event: RotationEvent & { type: 'began' }): string[] {
  const rotation = rotationFrom([{ rotation: '', n: 0, at: '', event }]);
  const deletes = event.kind === 'telephony' && event.wish.overlap === 0;
  const steps = rotation ? left(rotation).filter(({ final }) => deletes || !final) : [];
  return steps.map((next) => (rotation ? inWords(rotation, next) : next.title));
}

/**
 * Runs `work` as the only one, of all calls and processes, that touches the rotations of a credential; gives what
 * `otherwise` makes of a credential that someone else is at.
 */
export async function alone<T>(ledger: Ledger, oldId: string, work: () => Promise<T>, otherwise: () => Promise<T>) {
  const lock = await ledger.lock(oldId);
  if (!lock) return otherwise();
  try {
    return await work();
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

export function busy(): ToolError {
  return conflict(
    'Another call or process is working on a rotation of this credential right now.',
    'Call get_rotation in a few seconds.',
  );
}

/**
 * Records that a rotation is undone from here on, and gives it so. Throws `CONFLICT` when its successor was rotated in
 * its turn, or is being rotated this moment. The caller holds the lock of the old credential.
 */
export function turnBack(rotation: Rotation, work: Work): Promise<Rotation> {
  const turn = async (): Promise<Rotation> => {
    await refuseWhenRotatedOn(rotation, work);
    return rotation.turnedBackAt ? rotation : record(work, rotation.id, { type: 'turned_back' });
  };
  const successor = factsOf(rotation, 'create')?.id;
  if (successor === undefined) return turn();
  // Whoever rotates the successor holds its lock, and begins nothing once this is recorded.
  return alone(work.ledger, successor, turn, () => Promise.reject(busy()));
}
