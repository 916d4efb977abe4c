import { alone, busy } from './begin.ts';
import { refuseWhenRotatedOn } from './rotated-on.ts';
import { factsOf, type Rotation } from './rotation.ts';
import { record } from './run.ts';
import type { Work } from './work.ts';

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
