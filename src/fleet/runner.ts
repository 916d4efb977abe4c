import { setTimeout as sleep } from 'node:timers/promises';
import { changedSince } from '../consent.ts';
import { conflict, ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RotationEvent } from '../rotation/events.ts';
import type { Ledger } from '../rotation/records.ts';
import { rotationFrom } from '../rotation/rotation.ts';
import type { Work } from '../rotation/work.ts';
import { type Fleet, fleetFrom, isAtRest, isCutShort, standings } from './fleet.ts';
import { serve } from './member.ts';

// Enough to keep the requests that may be under way busy while some members wait.
const AT_ONCE = 16;

/** Whether a fleet goes on, or is undone. */
export type Way = 'on' | 'back';

/** One run of a fleet: canaries one by one, then the others some at a time. Whoever has it holds the fleet's lock. */
class Run {
  readonly #id: string;
  readonly #work: Work;
  readonly #signal: AbortSignal;
  /** Who is served: all but what a person was asked about stays as it is. */
  #only: ReadonlySet<string>;
  #next = 0;
  #failures = 0;
  #last = '';
  #turned: Promise<void> | undefined;
  #over = false;

  constructor(id: string, only: ReadonlySet<string>, work: Work, signal: AbortSignal) {
    this.#id = id;
    this.#only = only;
    this.#work = work;
    this.#signal = signal;
  }

  /** Records that the fleet goes on, or back. Throws when it cannot be recorded, `CONFLICT` when it was turned back meanwhile. */
  async begin(way: Way): Promise<void> {
    const entries = (await this.#work.ledger.read()).of(this.#id);
    this.#next = (entries.at(-1)?.n ?? -1) + 1;
    const turned = fleetFrom(entries)?.turnedBackAt !== undefined;
    if (turned && way === 'on') throw changedSince(`Fleet ${this.#id}`, ['it was turned back']);
    if (turned) this.#turned = Promise.resolve();
    if (way === 'back' && !turned) await this.turnBack(this.#only);
    else await this.#note({ type: 'resumed' });
  }

  /** Undoes the fleet from here on, and records that; false when the run is over. Throws when it cannot be recorded. */
  async turnBack(only: ReadonlySet<string>): Promise<boolean> {
    if (this.#over) return false;
    this.#only = only;
    this.#turned ??= this.#note({ type: 'turned_back' });
    await this.#turned;
    return true;
  }

  /** Serves all that are left, until too many have failed; when it is turned back meanwhile, those already served too. */
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

  /** Goes through the members once; gives whether it was to undo them. */
  async #pass(): Promise<boolean> {
    const records = await this.#work.ledger.read();
    const fleet = fleetFrom(records.of(this.#id));
    if (!fleet || isCutShort(fleet)) return true;
    const back = fleet.turnedBackAt !== undefined;
    const ends = (): boolean => this.#signal.aborted || (!back && this.#turned !== undefined);
    // Members that are under way then stop before their next step.
    const work = { ...this.#work, timeLeft: () => (ends() ? 0 : this.#work.timeLeft()) };
    const all = standings(fleet, records, this.#work.now());
    const members = [...fleet.members.keys()];
    const left = members.filter((id) => !isAtRest(all.get(id)?.standing ?? 'left'));
    const most = fleet.job === 'rotate' ? fleet.wish.stop_after_failures : 3;
    const canaries = fleet.job === 'rotate' && !back ? members.slice(0, fleet.wish.canary) : [];
    this.#failures = 0;
    for (const canary of canaries.filter((id) => left.includes(id))) {
      await this.#serve(fleet, canary, work);
      if (ends()) return back;
      if (this.#failures > 0) {
        await this.#note({ type: 'stopped', note: `The canary failed: ${this.#last}` });
        return back;
      }
    }
    const rest = left.filter((id) => !canaries.includes(id)).values();
    const worker = async (): Promise<void> => {
      for (const member of rest) {
        await this.#serve(fleet, member, work);
        if (this.#failures >= most || ends()) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (this.#failures >= most && !ends())
      await this.#note({ type: 'stopped', note: `${this.#failures} members failed, the last with: ${this.#last}` });
    return back;
  }

  async #serve(fleet: Fleet, member: string, work: Work): Promise<void> {
    try {
      const records = await work.ledger.read();
      const rotations = records.ofCredential(member).map((id) => records.of(id));
      const own = rotations.findLast(([first]) => first?.event.type === 'began' && first.event.fleet === fleet.id);
      await serve(fleet, member, own && rotationFrom(own), this.#only.has(member), work, this.#note);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof ToolError)) throw error;
      this.#failures += 1;
      this.#last = error.reason;
    }
  }

  /** Members are served at once, but what is said of the fleet has an order: the next place is taken before any wait. */
  readonly #note = async (event: RotationEvent): Promise<void> => {
    const n = this.#next++;
    await this.#work.ledger.append({ rotation: this.#id, n, at: this.#work.now().toISOString(), event });
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
  /** With the lock of the fleet. */
  begun: Promise<Begun>;
  ended: Promise<void>;
}

interface Begun {
  run: Run;
  lock: AsyncDisposable;
}

/** `work` gives what a fleet needs for as long as it runs, until the signal. */
export function createFleets(work: (signal: AbortSignal) => Promise<Work>, log: Log): Fleets {
  const running = new Map<string, Running>();
  const ending = new AbortController();

  async function begin(id: string, way: Way, only: ReadonlySet<string>): Promise<Begun> {
    const means = await work(ending.signal);
    const lock = await lockOf(id, means.ledger);
    const run = new Run(id, only, means, ending.signal);
    await run.begin(way).catch(async (error: unknown) => {
      await lock[Symbol.asyncDispose]();
      throw error;
    });
    return { run, lock };
  }

  async function finish(id: string, { run, lock }: Begun): Promise<void> {
    try {
      await run.toTheEnd();
    } catch (error) {
      // What is recorded is enough to go on from; a fleet that is cut off needs no more than that.
      if (!ending.signal.aborted)
        log('error', 'a fleet stopped', { id, reason: error instanceof ToolError ? error.code : 'fault' });
    } finally {
      await lock[Symbol.asyncDispose]();
    }
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
        const joined = way === 'on' || (await run.turnBack(only));
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
export async function refuseRunning(id: string, ledger: Ledger): Promise<void> {
  await using _ = await lockOf(id, ledger);
}

const TRIES = 5;

async function lockOf(id: string, ledger: Ledger): Promise<AsyncDisposable> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const lock = await ledger.lock(`fleet-${id}`);
    if (lock) return lock;
    // Whoever only looks whether it runs holds it for a moment.
    await sleep(10 * tries);
  }
  throw conflict(
    'Another process, or call, is at work on this fleet right now. Nothing was changed by this call.',
    'Call get_rotation with this id to see how far it is, and call again when it gets no further; to undo it meanwhile, ask where it runs.',
  );
}
