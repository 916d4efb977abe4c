import { alone, leasesOf } from './begin.ts';
import { type FleetJob, isAtRest, isCutShort, isFleet, standings } from './fleet.ts';
import type { Lease } from './journal.ts';
import { factsOf, type Rotation } from './rotation.ts';
import { isOver, stateOf } from './steps.ts';
import type { Work } from './work.ts';

/** Condenses the jobs that nothing more is expected of, but for those that someone is at. */
export async function tidy(work: Pick<Work, 'jobs' | 'now'>): Promise<void> {
  const { jobs } = work;
  for (const job of await jobs.open()) {
    if (!isOverBy(job, work.now())) continue;
    const [id, names] = isFleet(job) ? [job.fleet.id, [job.fleet.id]] : [job.id, leasesOf(job)];
    const condense = async (lease: Lease): Promise<void> => {
      // Somebody may have begun to undo it before this had its lease.
      const still = (await jobs.fleet(id)) ?? (await jobs.rotation(id));
      if (still && isOverBy(still, work.now())) await jobs.condense(id, lease);
    };
    await alone(work, names, condense, async () => undefined);
  }
}

const isOverBy = (job: Rotation | FleetJob, now: Date): boolean =>
  isFleet(job) ? isDealtWith(job, now) : isOver(stateOf(job, now));

/** Whether a fleet has nothing left to do, and nothing that could be undone. */
function isDealtWith(job: FleetJob, now: Date): boolean {
  const { fleet, rotations } = job;
  if (fleet.wrong) return false;
  if (isCutShort(fleet)) return true;
  const all = [...standings(job, now).values()];
  if (!all.every(({ standing }) => isAtRest(standing))) return false;
  return fleet.turnedBackAt !== undefined || rotations.every((rotation) => hasEnd(rotation, now));
}

/** Whether the old credential of a rotation has come to its end. */
function hasEnd(rotation: Rotation, now: Date): boolean {
  const { expires_at: ends } = factsOf(rotation, 'retire') ?? {};
  return isOver(stateOf(rotation, now)) || (typeof ends === 'string' && Date.parse(ends) <= now.getTime());
}
