import { alone, busy, openRotationOf, refuseHalfMade } from '../rotation/begin.ts';
import type { Rotation } from '../rotation/rotation.ts';
import type { Deps } from '../tool.ts';

/**
 * The rotation that a credential is in; undefined when one can begin. Throws `CONFLICT` when the credential is the
 * successor of one that is not finished.
 */
export async function currentRotation(id: string, deps: Deps): Promise<Rotation | undefined> {
  const open = await openRotationOf(deps, id);
  if (!open) await refuseHalfMade(deps, id);
  return open;
}

/**
 * Rotates a credential as the only one at it, or gives the rotation that it is in. Throws `CONFLICT` as
 * `currentRotation` does, and when someone else is about to begin one.
 */
export function rotateAlone<T>(id: string, deps: Deps, rotate: () => Promise<T>): Promise<Rotation | T> {
  return alone<Rotation | T>(
    deps.ledger,
    id,
    async () => (await currentRotation(id, deps)) ?? rotate(),
    async () => {
      const open = await openRotationOf(deps, id);
      if (open) return open;
      throw busy();
    },
  );
}
