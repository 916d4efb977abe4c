import { Allowance, type Ticket } from './allowance.ts';
import { LearnedRate } from './learned-rate.ts';
import type { Headers } from './retry.ts';

// Timers are late, and a busy machine is later: what was missed by that much is made up for.
const CATCH_UP_MS = 100;
// A person's request does not wait for its turn among a job's: it goes ahead by up to so many, and the job waits longer.
const AHEAD = 5;

/**
 * When the next request of the process may start: all of them use up one account's allowance. After a 429 none starts
 * until the wait it asks for is over; else they keep the distance that the rate limit headers and earlier 429s call for,
 * which is none as long as there were none of either. `now` is in milliseconds and never goes back.
 */
export class Pace {
  readonly #now: () => number;
  readonly #rate = new LearnedRate();
  readonly #allowance = new Allowance();
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #started = 0;
  readonly #unanswered = new Set<number>();
  /** The place of the last request in the schedule, which may be ahead of its real start. */
  #last = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whole milliseconds until a request may start, 0 for now; ask again after them. */
  wait(background: boolean): number {
    const now = this.#now();
    const empty = this.#allowance.emptyUntil(this.#last, this.#started, now);
    const spacing = this.#spacing(now);
    // A debt that was run up at a slower pace is not paid at that.
    this.#last = Math.min(this.#last, now + spacing * AHEAD);
    const due = this.#last + (background ? spacing : this.#spacingOfPeople(now) - spacing * AHEAD);
    // Timers know whole milliseconds; less than a millionth is an error of the sum.
    return Math.max(0, Math.ceil(Math.max(this.#pausedUntil, empty ?? due) - now - 1e-6));
  }

  /** Counts a request as started now. */
  start(): Ticket {
    const now = this.#now();
    this.#last = Math.max(this.#last + this.#spacing(now), now - CATCH_UP_MS);
    this.#started += 1;
    this.#unanswered.add(this.#started);
    return { number: this.#started, at: now };
  }

  /** Learns from the headers of an answer. */
  answered(ticket: Ticket, status: number, headers: Headers): void {
    const now = this.#now();
    this.ended(ticket);
    const overtaken = [...this.#unanswered].filter((number) => number < ticket.number).length;
    this.#allowance.observe(headers, ticket, this.#started, overtaken, now);
    if (status !== 429) this.#rate.answered(now);
  }

  /** Counts a request as over, with or without an answer. */
  ended({ number }: Ticket): void {
    this.#unanswered.delete(number);
  }

  /** Stops everything for the milliseconds a 429 asks for. */
  refused(ticket: Ticket, wait: number): void {
    const now = this.#now();
    this.#rate.refused(ticket.at, now, wait);
    this.#allowance.forget();
    this.#pausedUntil = Math.max(this.#pausedUntil, now + wait);
  }

  #spacing(now: number): number {
    return Math.max(1000 / this.#rate.at(now), this.#allowance.spacing(this.#started, now));
  }

  /** Their few requests may come at once while there is plenty; a job of thousands would use it all up. */
  #spacingOfPeople(now: number): number {
    return this.#allowance.isAmple(this.#started, now) ? 1000 / this.#rate.at(now) : this.#spacing(now);
  }
}
