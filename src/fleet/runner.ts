import { ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RotationEvent } from '../rotation/events.ts';
import { rotationFrom } from '../rotation/rotation.ts';
import type { Work } from '../rotation/work.ts';
import { type Fleet, fleetFrom, isAtRest, standings } from './fleet.ts';
import { serve } from './member.ts';

// Enough to keep the requests that may be under way busy while some members wait.
const AT_ONCE = 16;

/** The fleets that run in this process, beside its calls. */
export interface Fleets {
  /** Starts a fleet, unless it runs here or elsewhere; resolves when it has come to rest, or stopped. */
  run(id: string): Promise<void>;
  isRunning(id: string): boolean;
  /** Stops where a next process can go on. */
  close(): Promise<void>;
}

/** `work` gives what a fleet needs for as long as it runs, until the signal. */
export function createFleets(work: (signal: AbortSignal) => Promise<Work>, log: Log): Fleets {
  const running = new Map<string, Promise<void>>();
  const ending = new AbortController();

  async function go(id: string): Promise<void> {
    const means = await work(ending.signal);
    const lock = await means.ledger.lock(`fleet-${id}`);
    if (!lock) return;
    try {
      await new Run(id, means, ending.signal).toTheEnd();
    } catch (error) {
      // What is recorded is enough to go on from; a fleet that is cut off needs no more than that.
      if (!ending.signal.aborted)
        log('error', 'a fleet stopped', { id, reason: error instanceof ToolError ? error.code : 'fault' });
    } finally {
      await lock[Symbol.asyncDispose]();
    }
  }

  return {
    isRunning: (id) => running.has(id),
    async run(id) {
      if (!running.has(id))
        running.set(
          id,
          go(id).finally(() => running.delete(id)),
        );
      await running.get(id);
    },
    async close() {
      ending.abort();
      await Promise.all(running.values());
    },
  };
}

/** One run of a fleet: canaries one by one, then the others some at a time, until too many have failed. */
class Run {
  readonly #id: string;
  readonly #work: Work;
  readonly #signal: AbortSignal;
  #next = 0;
  #failures = 0;
  #last = '';

  constructor(id: string, work: Work, signal: AbortSignal) {
    this.#id = id;
    this.#work = work;
    this.#signal = signal;
  }

  async toTheEnd(): Promise<void> {
    const before = (await this.#work.ledger.read()).of(this.#id);
    this.#next = (before.at(-1)?.n ?? -1) + 1;
    await this.#note({ type: 'resumed' });
    const records = await this.#work.ledger.read();
    const fleet = fleetFrom(records.of(this.#id));
    if (!fleet || fleet.members.length < fleet.expected) return;
    const all = standings(fleet, records, this.#work.now());
    const left = fleet.members.filter((id) => !isAtRest(all.get(id)?.standing ?? 'left'));
    const most = fleet.job === 'rotate' ? fleet.wish.stop_after_failures : 3;
    const canaries = fleet.job === 'rotate' && !fleet.turnedBackAt ? fleet.members.slice(0, fleet.wish.canary) : [];
    for (const canary of canaries.filter((id) => left.includes(id))) {
      await this.#serve(fleet, canary);
      if (this.#failures > 0) return this.#stop(`The canary failed: ${this.#last}`);
      if (this.#signal.aborted) return;
    }
    const rest = left.filter((id) => !canaries.includes(id)).values();
    const worker = async (): Promise<void> => {
      for (const member of rest) {
        await this.#serve(fleet, member);
        if (this.#failures >= most || this.#signal.aborted) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (this.#failures >= most) await this.#stop(`${this.#failures} members failed, the last with: ${this.#last}`);
  }

  async #serve(fleet: Fleet, member: string): Promise<void> {
    try {
      const records = await this.#work.ledger.read();
      const rotations = records.ofCredential(member).map((id) => records.of(id));
      const own = rotations.findLast(([first]) => first?.event.type === 'began' && first.event.fleet === fleet.id);
      await serve(fleet, member, own && rotationFrom(own), this.#work, this.#note);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof ToolError)) throw error;
      this.#failures += 1;
      this.#last = error.message;
    }
  }

  /** Members are served at once, but what is said of the fleet has an order: the next place is taken before any wait. */
  readonly #note = async (event: RotationEvent): Promise<void> => {
    const n = this.#next++;
    await this.#work.ledger.append({ rotation: this.#id, n, at: this.#work.now().toISOString(), event });
  };

  #stop(note: string): Promise<void> {
    return this.#note({ type: 'stopped', note });
  }
}
