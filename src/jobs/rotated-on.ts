import { conflict } from '../core/errors.ts';
import { factsOf, type Item, isRolledBack, type Rotation } from './item.ts';
import type { Work } from './work.ts';

type Means = Pick<Work, 'jobs' | 'now'>;

/** The rotation that replaces this credential, unless that was rolled back. */
async function replacing(credential: string, { jobs, now }: Means): Promise<Rotation | undefined> {
  return (await jobs.of(credential, 'old')).find((rotation) => !isRolledBack(rotation, now()));
}

/** The rotation that replaced the successor of this one in its turn, unless that was rolled back. */
export async function rotatedOnBy(item: Item, means: Means): Promise<Rotation | undefined> {
  const made = factsOf(item, 'create')?.id;
  return made === undefined ? undefined : replacing(made, means);
}

/** Throws `CONFLICT` when one of these successors has a successor of its own: that one must go back first. */
export async function refuseWhenReplaced(successors: Iterable<string>, means: Means): Promise<void> {
  for (const id of successors) {
    const later = await replacing(id, means);
    if (!later) continue;
    throw conflict(`The successor has been rotated in its turn, by rotation ${later.id}.`, 'Roll that one back first.');
  }
}

/** Throws as `refuseWhenReplaced` for the successor that this rotation is known to have made. */
export function refuseWhenRotatedOn(rotation: Rotation, means: Means): Promise<void> {
  const made = factsOf(rotation, 'create')?.id;
  return refuseWhenReplaced(made === undefined ? [] : [made], means);
}
