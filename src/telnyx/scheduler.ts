import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { linkedSignal } from '../core/basics.ts';
import type { HttpLimits } from './http.ts';
import { type Method, problemOf } from './problem.ts';

/** A try that has had its turn: the how-manieth, and when. */
export type Ticket = Record<'number' | 'at', number>;

/** The server's window, as headers tell it (api.md §1): `length` is the longest reset, `asOf` the number of who was told. */
type Window = Record<'limit' | 'left' | 'endsAt' | 'length' | 'asOf', number>;

// A person's request goes ahead of its turn by up to so many, and jobs wait longer.
const AHEAD = 5;
// Timers are late, and a busy machine is later: what was missed by that much is made up for.
const CATCH_UP_MS = 100;
// However little is left: an answer, if only a 429, tells more than headers that may be nonsense.
const WIDEST_SPACING_MS = 2000;
const SECOND_MS = 1000;
const CUT_TO = 0.92;
const COMEBACK_MS = 30_000;
// Who is refused after a few requests learns little about the limit: somebody else uses the account too.
const FIRST_CUT_AT_LEAST = 10;
const CLOCK = {
  now: () => performance.now(),
  sleep: (ms: number, signal: AbortSignal): Promise<unknown> => sleep(ms, undefined, { signal }),
};

/**
 * Says when each request of the process may start: all use up one account's allowance. After a 429 none does until the wait
 * it asks for is over. Else they are spaced by what headers say is left until the reset, or by a rate that a 429 cuts and
 * time brings back (AIMD), whichever is slower; before there were any, by nothing.
 */
export class Scheduler {
  readonly #clock: typeof CLOCK;
  readonly #people = new PQueue({ concurrency: 6 });
  readonly #jobs = new PQueue({ concurrency: 10 });
  // Two more than jobs can have: a person's request need not wait for one of theirs to end.
  readonly #wire = new PQueue({ concurrency: 12 });
  #started = 0;
  /** The place of the last try in the schedule, which may be ahead of its real start. */
  #last = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #window: Window | undefined;
  #refusedRate = Number.POSITIVE_INFINITY;
  #cutAfter = 0;
  /** Since when tries have started without a break, and how many were answered since. */
  #busy = { since: 0, answered: 0 };

  constructor(clock = CLOCK) {
    this.#clock = clock;
  }

  /** Runs a request, its tries and waits included, when there is room for one more of its kind. Rejects on abort. */
  serve<T>(background: boolean, request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return (background ? this.#jobs : this.#people).add(request, { signal });
  }

  /** Runs one try of it at its turn. Rejects on abort, and with `RATE_LIMITED` at once if its time would be over before. */
  async send<T>(background: boolean, time: Pick<Time, 'patience' | 'signal'>, attempt: (ticket: Ticket) => Promise<T>) {
    for (let wait = this.#wait(background); wait > 0; wait = this.#wait(background)) {
      if (wait > time.patience()) throw problemOf({ kind: 'answered', status: 429, body: '', wait });
      await this.#clock.sleep(wait, time.signal);
    }
    const at = this.#clock.now();
    if (at > Math.max(this.#last, this.#pausedUntil) + SECOND_MS) this.#busy = { since: at, answered: 0 };
    this.#last = Math.max(this.#last + this.#spacing(at), at - CATCH_UP_MS, this.#pausedUntil);
    if (this.#window) this.#window.left -= 1;
    this.#started += 1;
    const ticket = { number: this.#started, at };
    return this.#wire.add(() => attempt(ticket), { signal: time.signal, priority: background ? 0 : 1 });
  }

  /** Learns from the answer to the try with that ticket, as soon as its headers are there. */
  answered(ticket: Ticket, status: number, headers: Headers): void {
    const now = this.#clock.now();
    if (status === 429) {
      this.#refused(ticket, sensible(waitAsked(status, headers, Date.now())) ?? SECOND_MS, now);
      return;
    }
    this.#observe(ticket, headers, now);
    this.#busy.answered += 1;
  }

  #refused({ number }: Ticket, wait: number, now: number): void {
    // What was under way at the last cut says nothing about the rate after it.
    if (number > this.#cutAfter) {
      // A long wait is the rest of a long window. A rate that was far from reached is not the one that was refused.
      const time = Math.max(SECOND_MS, wait, now - this.#busy.since);
      const worked = Math.max(FIRST_CUT_AT_LEAST, (this.#busy.answered / time) * SECOND_MS);
      const rate = this.#rate(now);
      this.#refusedRate = Math.max(SECOND_MS / WIDEST_SPACING_MS, rate > 2 * worked ? worked : rate);
      this.#cutAfter = this.#started;
    }
    // It did not foresee this: it was wrong about something.
    this.#window = undefined;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + wait);
  }

  /** Whole milliseconds until a try may start, 0 for now; to be asked again after them. */
  #wait(background: boolean): number {
    const now = this.#clock.now();
    const spacing = this.#spacing(now);
    // A debt that was run up at a slower pace is not paid at that.
    this.#last = Math.min(this.#last, now + spacing * AHEAD);
    const window = this.#current(now);
    // A person's few requests may come at once while there is plenty; a job of thousands would use it all up.
    const isAmple = window !== undefined && window.left > window.limit / 2;
    const ofPerson = (isAmple ? SECOND_MS / this.#rate(now) : spacing) - spacing * AHEAD;
    const turn = this.#last + (background ? spacing : ofPerson);
    const due = window && window.left < 1 ? Math.min(window.endsAt, this.#last + WIDEST_SPACING_MS) : turn;
    return Math.max(0, Math.round(Math.max(this.#pausedUntil, due) - now));
  }

  #spacing(now: number): number {
    const window = this.#current(now);
    const spread = window ? (window.endsAt - now) / Math.max(1, window.left) : 0;
    return Math.max(SECOND_MS / this.#rate(now), Math.min(WIDEST_SPACING_MS, spread));
  }

  /** Per second: a little below what was refused, back to it in a straight line, and from then on doubled as often. */
  #rate(now: number): number {
    const since = Math.max(0, now - this.#pausedUntil) / COMEBACK_MS;
    return this.#refusedRate * (since < 1 ? CUT_TO + (1 - CUT_TO) * since : 2 ** (since - 1));
  }

  #observe({ number, at }: Ticket, headers: Headers, now: number): void {
    const told = rateLimitOf(headers, Date.now());
    const known = this.#current(now);
    if (!told || (known && number < known.asOf)) return;
    // The others in flight were started since, or overtaken: they may not be counted in what was told.
    const left = told.remaining - (this.#wire.pending + this.#wire.size - 1);
    // A little too long: our clock and theirs differ in speed, and too early an end would be taken for ever.
    const length = Math.max(told.reset * 1.001, known?.length ?? 0);
    const next = { limit: told.limit, left, endsAt: at + told.reset, length, asOf: number };
    // A reset in whole seconds is rounded up: of all that a window's answers tell, the earliest is the nearest.
    if (known && told.reset <= known.length) {
      const isOver = left > known.left + told.limit / 4;
      next.endsAt = Math.min(next.endsAt, isOver ? known.endsAt + known.length : known.endsAt);
    }
    this.#window = next;
  }

  /** The window that holds `now`: the one after the last that was told is taken to be like it, until an answer tells. */
  #current(now: number): Window | undefined {
    const window = this.#window;
    if (!window || now < window.endsAt) return window;
    // Late answers still tell of the window before.
    const next = { ...window, left: window.limit, endsAt: window.endsAt + window.length, asOf: this.#started + 1 };
    this.#window = now < next.endsAt ? next : undefined;
    return this.#window;
  }
}

/** The time one request may take, waiting included. Dispose of it when the request is over. */
export interface Time extends Disposable {
  /** Ends the waiting: the caller's cancellation, and the end of the time. */
  readonly signal: AbortSignal;
  /** How many milliseconds it may wait from now until it is sent, or sent again. */
  patience(): number;
  /** Sends once, with the signal that ends this. */
  spend<T>(attempt: (stop: AbortSignal) => Promise<T>): Promise<T>;
}

const JOB_PATIENCE_MS = 120_000;

/** The time of the requests of a person's call: one deadline for all of them, `ms` from now, waiting and all. */
export function callTime(signal: AbortSignal, ms: number, { recoveryMs }: HttpLimits): (method: Method) => Time {
  const deadline = Date.now() + ms;
  return (method) => {
    // A create keeps some of the call's time back: enough to look for it should its answer get lost.
    const until = method === 'POST' ? deadline - recoveryMs : deadline;
    const stop = linkedSignal([signal], Math.max(0, until - Date.now()));
    return { ...stop, patience: () => until - Date.now(), spend: (attempt) => attempt(stop.signal) };
  };
}

/**
 * The time of the requests of a job: `ms` for each, counted only while it is under way. Its turn may be long in coming,
 * but once it has come, no 429 is waited out for more than two minutes.
 */
export function jobTime(signal: AbortSignal, ms: number): () => Time {
  // All of a job's waiting requests listen to it; thousands of them are no leak.
  setMaxListeners(0, signal);
  return () => {
    let left = ms;
    let until: number | undefined;
    return {
      signal,
      patience() {
        until ??= Date.now() + JOB_PATIENCE_MS;
        return until - Date.now();
      },
      async spend(attempt) {
        const started = Date.now();
        using stop = linkedSignal([signal], left);
        try {
          return await attempt(stop.signal);
        } finally {
          left -= Date.now() - started;
        }
      },
      [Symbol.dispose]: () => undefined,
    };
  };
}

const EPOCH_FROM = 1e9;
const EPOCH_MS_FROM = 1e12;
const LONGEST_WAIT_MS = 60_000;
const ABSURD_WAIT_MS = 3_600_000;

export type Headers = Record<string, string | string[] | undefined>;

/**
 * Milliseconds an answer asks to wait: `retry-after` in seconds or as a date, else, on a 429, `x-ratelimit-reset` in
 * seconds or as an epoch (Telnyx documents both, api.md §1). `now` is in epoch milliseconds.
 */
export function waitAsked(status: number, headers: Headers, now: number): number | undefined {
  const after = headers['retry-after']?.toString().trim();
  const wait = after ? (isNumber(after) ? fromNow(Number(after), now) : Date.parse(after) - now) : Number.NaN;
  if (Number.isFinite(wait)) return Math.max(0, wait);
  return status === 429 ? resetAsked(headers, now) : undefined;
}

/** Milliseconds until `x-ratelimit-reset`, 0 when that is over; undefined without one that can be read. */
function resetAsked(headers: Headers, now: number): number | undefined {
  const reset = headers['x-ratelimit-reset']?.toString().trim();
  return reset && isNumber(reset) ? Math.max(0, fromNow(Number(reset), now)) : undefined;
}

/**
 * What the x-ratelimit headers say: how many requests remain of how many, for how many milliseconds. Undefined unless a
 * number and a reset can be read that make sense; the limit is what remains where it cannot be read.
 */
function rateLimitOf(headers: Headers, now: number): { limit: number; remaining: number; reset: number } | undefined {
  const read = (name: string) => Number.parseFloat(`${headers[`x-ratelimit-${name}`]}`);
  const remaining = read('remaining');
  // By the server's own clock, when the reset is a moment: ours may be minutes off.
  const reset = sensible(resetAsked(headers, Date.parse(`${headers.date}`) || now));
  return remaining >= 0 && reset ? { limit: read('limit') || remaining, remaining, reset } : undefined;
}

/**
 * As much of a wait as is kept: no more than a minute, since a limit that is still there then says so again; and nothing
 * of more than an hour, which is a clock or a unit gone wrong and would keep every later call waiting.
 */
export function sensible(wait: number | undefined): number | undefined {
  return wait === undefined || wait > ABSURD_WAIT_MS ? undefined : Math.min(wait, LONGEST_WAIT_MS);
}

/** What a number in a header stands for: an epoch in milliseconds or seconds, or seconds from now. */
function fromNow(value: number, now: number): number {
  if (value >= EPOCH_MS_FROM) return value - now;
  return value > EPOCH_FROM ? value * 1000 - now : value * 1000;
}

const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
