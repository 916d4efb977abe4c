import { setTimeout as sleep } from 'node:timers/promises';
import { conflict, ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Ledger } from '../rotation/records.ts';
import type { Work } from '../rotation/work.ts';
import { Run, type Way } from './run.ts';

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
