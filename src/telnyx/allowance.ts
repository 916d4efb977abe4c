import { type Headers, resetAsked, sensible } from './retry.ts';

/** A request that was started: the how-manieth, and when. */
export interface Ticket {
  number: number;
  at: number;
}

interface Window {
  limit: number;
  remaining: number;
  /** How many requests had been started up to the one whose answer told `remaining`. */
  asOf: number;
  endsAt: number;
  /** The longest reset that was told: the length of the window. */
  length: number;
}

// However little is left: an answer, if only a 429, tells more than headers that may be nonsense.
const WIDEST_SPACING_MS = 2000;
// Requests that overtake each other make `remaining` rise by a few within one window.
const OVERTAKING = 8;

/** What the x-ratelimit headers of the last answers leave, spread over the time they leave it for (api.md §1). */
export class Allowance {
  #window: Window | undefined;
  #fastest = Number.POSITIVE_INFINITY;

  /**
   * Takes in the headers of the answer to a request; `started` is how many were started by now, `overtaken` how many of
   * those before it have no answer yet. Headers that are missing, no numbers, or of a window that is over say nothing.
   */
  observe(headers: Headers, { number, at }: Ticket, started: number, overtaken: number, now: number): void {
    const told = leadingNumber(headers['x-ratelimit-remaining']);
    // The server's own clock, when the reset is a date: ours may be minutes off.
    const reset = sensible(resetAsked(headers, Date.parse(`${headers.date}`) || Date.now()));
    if (told === undefined || !reset) return;
    const known = this.#current(started, now);
    if (known && number < known.asOf) return;
    // Those that were overtaken may not have been counted when this was told.
    const remaining = told - overtaken;
    const limit = leadingNumber(headers['x-ratelimit-limit']) || told;
    // As the server saw it when a request sent now arrives there. A reset in whole seconds is rounded up: of all the ends
    // that the answers of a window tell, the earliest is the nearest. That of the window before is worth as much.
    this.#fastest = Math.min(this.#fastest, now - at);
    let endsAt = now - this.#fastest / 2 + reset;
    if (known && reset <= known.length) {
      const risen = remaining - (started - number) > leftOf(known, started) + Math.min(OVERTAKING, limit / 4);
      endsAt = Math.min(endsAt, risen ? nextEnd(known) : known.endsAt);
    }
    const length = Math.max(reset, known?.length ?? 0);
    this.#window = { limit, remaining, asOf: number, endsAt, length };
  }

  /** After a 429 that it did not foresee: it was wrong about something. */
  forget(): void {
    this.#window = undefined;
  }

  /** Milliseconds to leave between two requests so that what is left lasts until the reset; 0 when nothing is known. */
  spacing(started: number, now: number): number {
    const window = this.#current(started, now);
    if (!window) return 0;
    return Math.min(WIDEST_SPACING_MS, (window.endsAt - now) / Math.max(1, leftOf(window, started)));
  }

  /** When the next may go although nothing is left, if the last went at `last`; undefined when something is. */
  emptyUntil(last: number, started: number, now: number): number | undefined {
    const window = this.#current(started, now);
    return window && leftOf(window, started) < 1 ? Math.min(window.endsAt, last + WIDEST_SPACING_MS) : undefined;
  }

  /** Whether more than half of a window's requests are left. */
  isAmple(started: number, now: number): boolean {
    const window = this.#current(started, now);
    return !window || leftOf(window, started) > window.limit / 2;
  }

  /** The window that holds `now`: the one after the last that was told is taken to be like it, until an answer tells. */
  #current(started: number, now: number): Window | undefined {
    const window = this.#window;
    if (window && window.endsAt <= now) {
      const endsAt = nextEnd(window);
      // As if its first request had been answered already: the last of the window before may still tell of that.
      const begun = { ...window, remaining: window.limit - 1, asOf: started + 1, endsAt };
      this.#window = now < endsAt ? begun : undefined;
    }
    return this.#window;
  }
}

const leftOf = ({ remaining, asOf }: Window, started: number): number => remaining - (started - asOf);

// A little late: our clock and theirs differ in speed, and too early an end would be taken for ever.
const nextEnd = ({ endsAt, length }: Window): number => endsAt + length * 1.001;

/** `50`, and `50, 50;w=1` as gateways write it that name the window too. */
function leadingNumber(header: Headers[string]): number | undefined {
  const text = /^\s*(\d+(\.\d+)?)\s*([,;]|$)/.exec(header?.toString() ?? '')?.[1];
  return text === undefined ? undefined : Number(text);
}
