import { changedSince } from '../consent.ts';
import { ToolError } from '../errors.ts';
import type { RotationEvent } from '../rotation/events.ts';
import { rotationFrom } from '../rotation/rotation.ts';
import type { Work } from '../rotation/work.ts';
import { type Fleet, fleetFrom, isAtRest, isCutShort, standings } from './fleet.ts';
import { serve } from './member.ts';

// Enough to keep the requests that may be under way busy while some members wait.
const AT_ONCE = 16;

/** Whether a fleet goes on, or is undone. */
export type Way = 'on' | 'back';

/** One run of a fleet: canaries one by one, then the others some at a time. Whoever has it holds the fleet's lock. */
export class Run {
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
