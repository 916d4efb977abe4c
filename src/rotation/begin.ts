import { randomBytes } from 'node:crypto';
import { ToolError } from '../errors.ts';
import type { RotationEvent } from './events.ts';
import type { Ledger } from './ledger.ts';
import { type Rotation, rotationFrom } from './rotation.ts';
import { record } from './run.ts';
import { isOver, stateOf } from './steps.ts';
import type { Work } from './work.ts';

/** Every rotation there was, the latest first. */
export async function allRotations(ledger: Ledger): Promise<Rotation[]> {
  const rotations = [...(await ledger.read()).values()].flatMap((entries) => rotationFrom(entries) ?? []);
  return rotations.sort((a, b) => b.beganAt.localeCompare(a.beganAt));
}

/** The rotation of a credential that is not over yet, if there is one. */
export async function openRotationOf({ ledger, now }: Pick<Work, 'ledger' | 'now'>, oldId: string) {
  for (const entries of (await ledger.read()).values()) {
    const [first] = entries;
    if (first?.event.type !== 'began' || first.event.old.id !== oldId) continue;
    const rotation = rotationFrom(entries);
    if (rotation && !isOver(stateOf(rotation, now()))) return rotation;
  }
  return undefined;
}

/** Records that a rotation begins. Throws when it cannot be recorded: then nothing has happened. */
export function begin(work: Work, beginning: RotationEvent & { type: 'began' }): Promise<Rotation> {
  return record(work, randomBytes(8).toString('hex'), beginning);
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
  return new ToolError(
    'CONFLICT',
    'Another call or process is working on a rotation of this credential right now.',
    'Call get_rotation in a few seconds.',
  );
}
