import { setTimeout as sleep } from 'node:timers/promises';
import { changedSince } from '../core/consent.ts';
import { conflict, ToolError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { alone, leasesOf } from './begin.ts';
import type { Member, RotationEvent } from './events.ts';
import { factsOf, type Item, isOver, stateOf } from './item.ts';
import { isAtRest, isCutShort, type Job, onlyOf, standings } from './job.ts';
import type { Held, Lease } from './journal.ts';
import { type Means, serve } from './member.ts';
import type { Work } from './work.ts';

// Enough to keep the requests that may be under way busy while some members wait.
const AT_ONCE = 16;

/** What a clean-up goes by. */
const CAREFUL = { canary: 0, stop_after_failures: 3 };

/** Whether a fleet goes on, or is rolled back. */
export type Way = 'on' | 'back';

/** One run of a fleet: canaries one by one, then the others some at a time. Whoever has it holds the fleet's lease. */
class Run {
  readonly #id: string;
  readonly #work: Work;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;
  /** Who is served: all but what a person was asked about stays as it is. */
  #only: ReadonlySet<string>;
  #failures = 0;
  #last = '';
  #turned: Promise<void> | undefined;
  #over = false;

  constructor(id: string, only: ReadonlySet<string>, work: Work, lease: Lease, signal: AbortSignal) {
    this.#id = id;
    this.#only = only;
    this.#work = work;
    this.#lease = lease;
    this.#signal = signal;
  }

  /** Records that the fleet goes on, or back. Throws when it cannot be recorded, `CONFLICT` when it was rolled back meanwhile. */
  async begin(way: Way): Promise<void> {
    const known = await this.#work.jobs.job(this.#id);
    const turned = known?.rollbackAt !== undefined;
    if (turned && way === 'on') throw changedSince(`Fleet ${this.#id}`, ['it was rolled back']);
    if (turned) this.#turned = Promise.resolve();
    if (way === 'back' && !turned) await this.startRollback(this.#only);
    else await this.#note({ type: 'resumed' });
  }

  /** Undoes the fleet from here on, and records that; false when the run is over. Throws when it cannot be recorded. */
  async startRollback(only: ReadonlySet<string>): Promise<boolean> {
    if (this.#over) return false;
    this.#only = only;
    this.#turned ??= this.#note({ type: 'rollback' });
    await this.#turned;
    return true;
  }

  /** Serves all that are left, until too many have failed; when it is rolled back meanwhile, those already served too. */
  async toTheEnd(): Promise<void> {
    try {
      let back = await this.#pass();
      while (!back && this.#turned && !this.#signal.aborted) {
        await this.#turned;
        back = await this.#pass();
      }
    } finally {
      this.#over = true;
    }
  }

  /** Goes through the members once; gives whether it was to roll them back. */
  async #pass(): Promise<boolean> {
    const job = await this.#work.jobs.job(this.#id);
    if (!job || isCutShort(job)) return true;
    const back = job.rollbackAt !== undefined;
    const ends = (): boolean => this.#signal.aborted || (!back && this.#turned !== undefined);
    // Members that are under way then stop before their next step.
    const work = { ...this.#work, timeLeft: () => (ends() ? 0 : this.#work.timeLeft()) };
    const means = { job, work, lease: this.#lease };
    const all = standings(job, this.#work.now());
    const waits = ({ id }: Member): boolean => !isAtRest(all.get(id)?.standing ?? 'left');
    const members = [...job.members.values()];
    const { canary, stop_after_failures: most } = job.wish ?? CAREFUL;
    const first = back ? 0 : canary;
    this.#failures = 0;
    for (const member of members.slice(0, first).filter(waits)) {
      await this.#serve(member, means);
      if (ends()) return back;
      if (this.#failures > 0) {
        await this.#note({ type: 'stopped', note: `The canary failed: ${this.#last}` });
        return back;
      }
    }
    const rest = members.slice(first).filter(waits).values();
    const worker = async (): Promise<void> => {
      for (const member of rest) {
        await this.#serve(member, means);
        if (this.#failures >= most || ends()) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (this.#failures >= most && !ends())
      await this.#note({ type: 'stopped', note: `${this.#failures} members failed, the last with: ${this.#last}` });
    return back;
  }

  async #serve(member: Member, means: Means): Promise<void> {
    try {
      const note = await serve(member, this.#only.has(member.id), means);
      if (note !== undefined) await this.#note({ type: 'skipped', of: member.id, note });
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof ToolError)) throw error;
      this.#failures += 1;
      this.#last = error.reason;
    }
  }

  readonly #note = async (event: RotationEvent): Promise<void> => {
    await this.#work.jobs.note(this.#id, event, this.#lease);
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

interface Running {
  /** With the lease of the fleet. */
  begun: Promise<Begun>;
  ended: Promise<void>;
}

interface Begun {
  run: Run;
  lease: Lease;
  means: Work;
}

/** `work` gives what a fleet needs for as long as it runs, until the signal. */
export function createFleets(work: (signal: AbortSignal) => Promise<Work>, log: Log): Fleets {
  const running = new Map<string, Running>();
  const ending = new AbortController();

  async function begin(id: string, way: Way, only: ReadonlySet<string>): Promise<Begun> {
    const means = await work(ending.signal);
    const lease = await leaseOf(id, means);
    const run = new Run(id, only, means, lease, ending.signal);
    await run.begin(way).catch(async (error: unknown) => {
      await lease[Symbol.asyncDispose]();
      throw error;
    });
    return { run, lease, means };
  }

  async function finish(id: string, { run, lease, means }: Begun): Promise<void> {
    try {
      await run.toTheEnd();
    } catch (error) {
      // What is recorded is enough to go on from; a fleet that is cut off needs no more than that.
      if (!ending.signal.aborted)
        log('error', 'a fleet stopped', { id, reason: error instanceof ToolError ? error.code : 'fault' });
    } finally {
      await lease[Symbol.asyncDispose]();
    }
    // Another time does as well.
    if (!ending.signal.aborted) await tidy(means).catch(() => undefined);
  }

  function start(id: string, way: Way, only: ReadonlySet<string>): Running {
    const begun = begin(id, way, only);
    const ended = begun.then((known) => finish(id, known)).finally(() => running.delete(id));
    const known = { begun, ended };
    running.set(id, known);
    return known;
  }

  return {
    isRunning: (id) => running.has(id),
    async run(id, way, only) {
      for (let known = running.get(id); known; known = running.get(id)) {
        const { run } = await known.begun;
        const joined = way === 'on' || (await run.startRollback(only));
        await known.ended;
        if (joined) return;
      }
      await start(id, way, only).ended;
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
  const { expires_at: ends } = factsOf(item, 'retire') ?? {};
  return isOver(stateOf(item, now)) || (typeof ends === 'string' && Date.parse(ends) <= now.getTime());
}
