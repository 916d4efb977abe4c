import { conflict } from '../errors.ts';
import type { Records } from './records.ts';
import { factsOf, type Rotation, rotationFrom } from './rotation.ts';
import { stateOf } from './steps.ts';
import type { Work } from './work.ts';

/** Whether nothing of a rotation is left to be undone. */
export const isUndone = (rotation: Rotation, now: Date): boolean =>
  ['rolled_back', 'given_up'].includes(stateOf(rotation, now));

/** The rotation that replaces this credential, unless that was undone. */
function replacing(credential: string, records: Records, now: Date): Rotation | undefined {
  const begun = records.ofCredential(credential).flatMap((id) => rotationFrom(records.of(id)) ?? []);
  return begun.find((rotation) => !isUndone(rotation, now));
}

/** The rotation that replaced the successor of this one in its turn, unless that was undone. */
export const rotatedOnBy = (rotation: Rotation, records: Records, now: Date): Rotation | undefined =>
  replacing(factsOf(rotation, 'create')?.id ?? '', records, now);

/** Throws `CONFLICT` when one of these successors has a successor of its own: that one must go back first. */
export async function refuseWhenReplaced(successors: Iterable<string>, { ledger, now }: Pick<Work, 'ledger' | 'now'>) {
  const records = await ledger.read();
  for (const id of successors) {
    const later = replacing(id, records, now());
    if (!later) continue;
    throw conflict(`The successor has been rotated in its turn, by rotation ${later.id}.`, 'Roll that one back first.');
  }
}

/** Throws as `refuseWhenReplaced` for the successor that this rotation is known to have made. */
export function refuseWhenRotatedOn(rotation: Rotation, work: Pick<Work, 'ledger' | 'now'>): Promise<void> {
  const made = factsOf(rotation, 'create')?.id;
  return refuseWhenReplaced(made === undefined ? [] : [made], work);
}
