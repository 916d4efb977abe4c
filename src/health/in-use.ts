import { oneLine } from '../core/text.ts';
import { endsSoon, lookAt, type Sighting } from '../jobs/evidence.ts';
import { type Rotation, retiresAt, stateOf, type TelephonyRotation } from '../jobs/item.ts';
import type { Work } from '../jobs/work.ts';
import type { Add } from './kinds.ts';
import { type ListReading, NO_TIME } from './reading.ts';
import { concerns } from './rotations.ts';
import { minute, short } from './settings.ts';
import { unknowns } from './unknown.ts';

// Each costs a few requests.
const MOST = 50;
const LONGEST_SEEN = 100;

/** A rotation whose old credential ends soon; `ends` is in milliseconds since 1970, UTC. */
interface Ending {
  rotation: TelephonyRotation;
  ends: number;
}

/**
 * Looks for old credentials that end soon and are still in use: of the open rotations of one connection or of all, those
 * that end first. What nobody can tell of counts as nothing.
 */
export function inUseFindings(
  rotations: readonly Rotation[],
  connectionId: string | undefined,
  { now, add }: { now: Date; add: Add },
) {
  const near = rotations.flatMap((rotation) => endingOf(rotation, now) ?? []);
  const endings = near.filter(({ rotation }) => connectionId === undefined || concerns(rotation, connectionId));
  const looks = endings.sort((a, b) => a.ends - b.ends).slice(0, MOST);
  const inUse = new Map<string, { ending: Ending; seen: string; members: number }>();
  const unknown = unknowns(['old credential near its end', 'old credentials near their end']);
  let looked = 0;

  return {
    /** Those to look at, the first to end first. */
    looks,

    /** Asks Telnyx about one. Throws nothing but a cancellation. */
    look: async ({ rotation }: Ending, work: Work): Promise<Sighting | undefined> => (await lookAt(rotation, work)).old,

    found(ending: Ending, old: Sighting | undefined): void {
      looked += 1;
      if (old?.seen === null) unknown.add(old.says);
      if (!old?.seen) return;
      const { id, fleet = id } = ending.rotation;
      const before = inUse.get(fleet);
      const seen = oneLine(old.says, LONGEST_SEEN);
      const first = before && before.ending.ends <= ending.ends ? before : { ending, seen };
      inUse.set(fleet, { ...first, members: 1 + (before?.members ?? 0) });
    },

    /** Adds what was found, members of a fleet as that fleet, and says in the list what could not be told. */
    finish(list: ListReading): void {
      for (const [id, { ending, seen, members }] of inUse) {
        const { rotation, ends } = ending;
        const fleet = rotation.fleet !== undefined && { kind: 'fleet', members };
        const example = { id, ...fleet, old: short(rotation.old.name), ends_at: minute(ends), seen };
        add('rotation_in_use', ends, id, () => example);
      }
      const isWhole = looked === looks.length;
      const whys = [
        ...(list.why ? [list.why] : isWhole ? [] : [NO_TIME]),
        ...(endings.length > MOST
          ? [`Of ${endings.length} old credentials near their end ${MOST} are looked at.`]
          : []),
        ...unknown.say(),
      ];
      list.complete &&= isWhole;
      list.why = whys.join(' ');
    },
  };
}

function endingOf(rotation: Rotation, now: Date): Ending | undefined {
  if (rotation.kind !== 'telephony' || stateOf(rotation, now) !== 'overlap' || !endsSoon(rotation, now))
    return undefined;
  return { rotation, ends: Date.parse(retiresAt(rotation) ?? '') };
}
