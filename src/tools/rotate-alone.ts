import { type Deps, type Instead, nothing } from '../core/tool.ts';
import { plainly } from '../core/untrusted.ts';
import { alone, busy, openRotationOf, refuseHalfMade } from '../jobs/begin.ts';
import { type Rotation, stateOf } from '../jobs/item.ts';
import type { Lease } from '../jobs/journal.ts';
import { forPerson } from '../telnyx/dates.ts';
import { durationOf } from './fields.ts';
import { result, viewRotation } from './rotation-view.ts';

/**
 * What is proposed for a credential that is in a rotation already: to show that one. Undefined when one can begin. Throws
 * `CONFLICT` when the credential is the successor of one that is not finished, or that rotation is of another account.
 */
export async function begunBefore(id: string, deps: Deps): Promise<Instead | undefined> {
  const open = await current(id, deps);
  return open && nothing(`rotation ${open.id} was begun before`, () => shown(open, deps));
}

async function current(id: string, deps: Deps): Promise<Rotation | undefined> {
  const open = await openRotationOf(deps, id);
  if (!open) await refuseHalfMade(deps, id);
  // An id is no secret: what another account did is not shown to whoever knows it.
  else await deps.jobs.job(open.id);
  return open;
}

/** Rotates a credential as the only one at it, or shows the rotation that it is in. Throws as `begunBefore` does. */
export function rotateAlone(id: string, deps: Deps, rotate: (lease: Lease) => Promise<Rotation>) {
  return alone(
    deps,
    [id],
    async (lease) => {
      const begun = await current(id, deps);
      return begun ? shown(begun, deps) : result(viewRotation(await rotate(lease), deps));
    },
    async (held) => {
      const begun = await current(id, deps);
      if (begun) return shown(begun, deps);
      throw busy(held);
    },
  );
}

function shown(rotation: Rotation, deps: Deps) {
  const { overlap, fingerprint: _, prefix: __, files = {}, ...rest } = rotation.wish as Wish;
  const given = Object.entries({ ...rest, ...files }).map(([name, value]) => `${name} ${plainly(`${value}`)}`);
  const by = [...(overlap === undefined ? [] : [`overlap ${durationOf(overlap)}`]), ...given].join(', ');
  const ends = rotation.kind === 'telephony' && stateOf(rotation, deps.now()) === 'overlap';
  const instead = ends
    ? 'To end the old one before its overlap is over: delete_telephony_credential with its id. '
    : '';
  const message = `A rotation of this credential was begun before, ${forPerson(rotation.beganAt)}, with ${by}. It is shown; the arguments of this call were not used. ${instead}For another one, finish it with continue_rotation or undo it with roll_back_rotation, and call again.`;
  return { ...result(viewRotation(rotation, deps)), message };
}

/** What either kind of rotation was begun for. */
type Wish = { overlap?: number; fingerprint?: string; prefix?: string; files?: Record<string, string> };
