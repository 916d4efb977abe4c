import { alone, leasesOf } from './begin.ts';
import { factsOf, type Item, isOver, stateOf } from './item.ts';
import { isAtRest, isCutShort, type Job, onlyOf, standings } from './job.ts';
import type { Lease } from './journal.ts';
import type { Work } from './work.ts';

/** Condenses the jobs that nothing more is expected of, but for those that someone is at. */
export async function tidy(work: Pick<Work, 'jobs' | 'now'>): Promise<void> {
  const { jobs } = work;
  for (const job of await jobs.open()) {
    if (!isDealtWith(job, work.now())) continue;
    const only = onlyOf(job);
    const condense = async (lease: Lease): Promise<void> => {
      // Somebody may have begun to roll it back before this had its lease.
      const still = await jobs.job(job.id);
      if (still && isDealtWith(still, work.now())) await jobs.condense(job.id, lease);
    };
    await alone(work, only ? leasesOf(only) : [job.id], condense, async () => undefined);
  }
}

/** Whether a job has nothing left to do, and nothing that could be rolled back. */
function isDealtWith(job: Job, now: Date): boolean {
  const only = onlyOf(job);
  if (job.wrong) return false;
  if (only) return isOver(stateOf(only, now));
  if (isCutShort(job)) return true;
  if (![...standings(job, now).values()].every(({ standing }) => isAtRest(standing))) return false;
  return job.rollbackAt !== undefined || [...job.items.values()].every((item) => hasEnd(item, now));
}

/** Whether an old credential has come to its end. */
function hasEnd(item: Item, now: Date): boolean {
  const { expires_at: ends } = factsOf(item, 'retire') ?? {};
  return isOver(stateOf(item, now)) || (typeof ends === 'string' && Date.parse(ends) <= now.getTime());
}
