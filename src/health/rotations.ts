import { factsOf, type Rotation, stateOf } from '../jobs/item.ts';
import type { Add } from './kinds.ts';
import { minute, short } from './settings.ts';

const LONG_MS = 60 * 60_000;

/** Adds the rotations that wait for someone, of one connection or of all; those of a fleet as that fleet. */
export function findInRotations(
  rotations: Iterable<Rotation>,
  connectionId: string | undefined,
  now: Date,
  add: Add,
): void {
  const fleets = new Map<string, { began: number; members: number }>();
  for (const rotation of rotations) {
    if (connectionId !== undefined && !concerns(rotation, connectionId)) continue;
    const { id, kind, old, fleet } = rotation;
    const state = stateOf(rotation, now);
    const began = Date.parse(rotation.beganAt);
    const stuck = ['in_progress', 'rolling_back'].includes(state) && began <= now.getTime() - LONG_MS;
    if (fleet !== undefined) {
      // Its old ones expire, and count as expired.
      if (!stuck) continue;
      const { began: first, members } = fleets.get(fleet) ?? { began, members: 0 };
      fleets.set(fleet, { began: Math.min(first, began), members: members + 1 });
    } else if (stuck || state === 'old_one_left') {
      const name = short('alias' in old ? old.alias : old.name);
      const example = () => ({ id, kind, state, old: name, began_at: minute(began) });
      add(stuck ? 'rotation_stuck' : 'rotation_old_one_left', began, id, example);
    }
  }
  for (const [id, { began, members }] of fleets) {
    add('rotation_stuck', began, id, () => ({ id, kind: 'fleet', members, began_at: minute(began) }));
  }
}

/** The rotation that each telephony credential has a part in, by the credential's id; of several, the latest. */
export function rotationsByCredential(latestFirst: readonly Rotation[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const rotation of latestFirst.toReversed()) {
    if (rotation.kind !== 'telephony') continue;
    for (const id of [rotation.old.id, factsOf(rotation, 'create')?.id])
      if (id !== undefined) found.set(id, rotation.id);
  }
  return found;
}

/** Whether a rotation is of a credential that a connection has, or uses. */
export function concerns({ old }: Rotation, connectionId: string): boolean {
  return 'users' in old ? old.users.some(({ id }) => id === connectionId) : old.connection_id === connectionId;
}
