import { setTimeout as sleep } from 'node:timers/promises';
import { changedSince } from '../core/consent.ts';
import { conflict, ToolError } from '../core/errors.ts';
import type { Held, Lease } from '../core/lease.ts';
import type { Log } from '../core/log.ts';
import { alone, leasesOf } from './begin.ts';
import type { Member, RotationEvent } from './events.ts';
import { type Item, isOver, retiresAt, stateOf } from './item.ts';
import { isAtRest, isCutShort, type Job, onlyOf, standings } from './job.ts';
import { type Means, serve } from './member.ts';
import type { Work } from './work.ts';

// Enough to keep the requests that may be under way busy while some members wait.
const AT_ONCE = 16;

/** What a clean-up goes by. */
const CAREFUL = { canary: 0, stop_after_failures: 3 };

/** Whether a fleet goes on, or is rolled back. */
export type Way = 'on' | 'back';

type Run = ReturnType<typeof openRun>;

/** One run of a fleet: canaries one by one, then the others some at a time. Whoever has it holds the fleet's lease. */
function openRun(id: string, only: ReadonlySet<string>, means: Work, lease: Lease, signal: AbortSignal) {
  /** Who is served: all but what a person was asked about stays as it is. */
  let served = only;
  let failures = 0;
  let last = '';
  let turned: Promise<unknown> | undefined;
  let over = false;
  const note = (event: RotationEvent) => means.jobs.note(id, event, lease);

  /** Undoes the fleet from here on, and records that; false when the run is over. Throws when it cannot be recorded. */
  async function startRollback(only: ReadonlySet<string>): Promise<boolean> {
    if (over) return false;
    served = only;
    turned ??= note({ type: 'rollback' });
    await turned;
    return true;
  }

  async function deal(member: Member, around: Means): Promise<void> {
    try {
      const why = await serve(member, served.has(member.id), around);
      if (why !== undefined) await note({ type: 'skipped', of: member.id, note: why });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ToolError)) throw error;
      failures += 1;
      last = error.reason;
    }
  }

  /** Goes through the members once; gives whether it was to roll them back. */
  async function pass(): Promise<boolean> {
    const job = await means.jobs.job(id);
    if (!job || isCutShort(job)) return true;
    const back = job.rollbackAt !== undefined;
    const ends = (): boolean => signal.aborted || (!back && turned !== undefined);
    // Members that are under way then stop before their next step.
    const work = { ...means, timeLeft: () => (ends() ? 0 : means.timeLeft()) };
    const all = standings(job, means.now());
    const waits = ({ id }: Member): boolean => !isAtRest(all.get(id)?.standing ?? 'left');
    const members = [...job.members.values()];
    const { canary, stop_after_failures: most } = job.wish ?? CAREFUL;
    const first = back ? 0 : canary;
    failures = 0;
    for (const member of members.slice(0, first).filter(waits)) {
      await deal(member, { job, work, lease });
      if (ends()) return back;
      if (failures > 0) {
        await note({ type: 'stopped', note: `The canary failed: ${last}` });
        return back;
      }
    }
    const rest = members.slice(first).filter(waits).values();
    const worker = async (): Promise<void> => {
      for (const member of rest) {
        await deal(member, { job, work, lease });
        if (failures >= most || ends()) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (failures >= most && !ends())
      await note({ type: 'stopped', note: `${failures} members failed, the last with: ${last}` });
    return back;
  }

  return {
    startRollback,

    /** Records that the fleet goes on, or back. Throws when it cannot be recorded, `CONFLICT` when it was rolled back meanwhile. */
    async begin(way: Way): Promise<void> {
      const known = (await means.jobs.job(id))?.rollbackAt !== undefined;
      if (known && way === 'on') throw changedSince(`Fleet ${id}`, ['it was rolled back']);
      if (known) turned = Promise.resolve();
      if (way === 'back' && !known) await startRollback(only);
      else await note({ type: 'resumed' });
    },

    /** Serves all that are left, until too many have failed; when it is rolled back meanwhile, those already served too. */
    async toTheEnd(): Promise<void> {
      try {
        let back = await pass();
        while (!back && turned && !signal.aborted) {
          await turned;
          back = await pass();
        }
      } finally {
        over = true;
      }
    },
  };
}

/** The fleets that run in this process, beside its calls. */
export interface Fleets {
  /**
   * Lets a fleet go on, or undoes it from here on: one that runs here goes no step further then, and turns. `only` are the
   * members that are served. Resolves when it has come to rest, or stopped. Throws `CONFLICT` when another process runs it
   * or has turned it back, and what cannot be recorded.
   */
  run(id: string, way: Way, only: ReadonlySet<string>): Promise<void>;
  isRunning(id: string): boolean;
  /** Stops where a next process can go on. */
  close(): Promise<void>;
}

/** `work` gives what a fleet needs for as long as it runs, until the signal. */
export function createFleets(work: (signal: AbortSignal) => Promise<Work>, log: Log): Fleets {
  /** Each with its run, once that is begun, and its end. */
  const running = new Map<string, { begun: Promise<Run>; ended: Promise<void> }>();
  const ending = new AbortController();
  const { signal } = ending;

  async function serveAll(id: string, way: Way, only: ReadonlySet<string>, begun: (run: Run) => void): Promise<void> {
    const means = await work(signal);
    {
      await using lease = await leaseOf(id, means);
      const run = openRun(id, only, means, lease, signal);
      await run.begin(way);
      begun(run);
      await run.toTheEnd().catch((error: unknown) => {
        // What is recorded is enough to go on from; a fleet that is cut off needs no more than that.
        if (signal.aborted) return;
        log('error', 'a fleet stopped', { id, reason: error instanceof ToolError ? error.code : 'fault' });
      });
    }
    // Another time does as well.
    if (!signal.aborted) await tidy(means).catch(() => undefined);
  }

  return {
    isRunning: (id) => running.has(id),
    async run(id, way, only) {
      for (let known = running.get(id); known; known = running.get(id)) {
        const { begun, ended } = known;
        // One that could not begin says so to all who wait for it.
        const run = await Promise.race([begun, ended.then(() => begun)]);
        const joined = way === 'on' || (await run.startRollback(only));
        await ended;
        if (joined) return;
      }
      let begin: (run: Run) => void = () => undefined;
      const begun = new Promise<Run>((resolve) => {
        begin = resolve;
      });
      const ended = serveAll(id, way, only, begin).finally(() => running.delete(id));
      running.set(id, { begun, ended });
      await ended;
    },
    async close() {
      ending.abort();
      await Promise.allSettled([...running.values()].map(({ ended }) => ended));
    },
  };
}

/** Throws `CONFLICT` while a fleet runs anywhere. */
export async function refuseRunning(id: string, work: Pick<Work, 'jobs'>): Promise<void> {
  await using _ = await leaseOf(id, work);
}

const TRIES = 5;

async function leaseOf(id: string, { jobs }: Pick<Work, 'jobs'>): Promise<Lease> {
  for (let tries = 1; ; tries += 1) {
    const lease = await jobs.lease(id);
    if (!('holder' in lease)) return lease;
    if (tries === TRIES) throw atWork(lease);
    // Whoever only looks whether it runs holds it for a moment.
    await sleep(10 * tries);
  }
}

const atWork = ({ holder, until }: Held): ToolError =>
  conflict(
    `This fleet is at work right now: ${holder} has it. Nothing was changed by this call.`,
    `Call get_rotation with this id to see how far it is, and call again when it gets no further; to undo it meanwhile, ask where it runs. A process on another machine that shows no more sign of life is given up at ${until}.`,
  );

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
  const ends = retiresAt(item);
  return isOver(stateOf(item, now)) || (ends !== null && Date.parse(ends) <= now.getTime());
}
