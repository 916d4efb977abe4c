import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Ending, Page } from './page.ts';

const LINGERS_MS = 60_000;

const random = (): string => randomBytes(32).toString('base64url');

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether two texts are equal, in a time that says nothing about where they differ. */
export const sameText = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** One page under its address: who may see it, whether it can still be used, and when it ends. */
export class Entry {
  readonly page: Page;
  readonly expiresAt: number;
  readonly path = `/${random()}`;
  /** Leads a launched browser to the page, once: what lies on disk for a moment is never the address of the page. */
  readonly ticket = `/${random()}`;
  readonly token = random();
  readonly done: Promise<Ending>;
  /** Aborted when a browser used the ticket, or when the page ended before one did. */
  readonly #ticketUsed = new AbortController();
  readonly #clock: () => number;
  readonly #forget: (entry: Entry) => void;
  #settle: (ending: Ending) => void = () => undefined;
  #owner: string | undefined;
  #ending: Ending | undefined;
  #timer: NodeJS.Timeout;

  constructor(page: Page, clock: () => number, forget: (entry: Entry) => void) {
    this.page = page;
    this.#clock = clock;
    this.#forget = forget;
    this.expiresAt = clock() + page.lastsMs;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = setTimeout(() => this.end('expired'), page.lastsMs).unref();
  }

  get ticketUsed(): AbortSignal {
    return this.#ticketUsed.signal;
  }

  /** False once it is used, closed or over its time. A timer that is late is caught up with here. */
  get usable(): boolean {
    if (this.#clock() >= this.expiresAt) this.end('expired');
    return this.#ending === undefined;
  }

  redeemTicket(): boolean {
    if (!this.usable || this.#ticketUsed.signal.aborted) return false;
    this.#ticketUsed.abort();
    return true;
  }

  /**
   * The first browser to see the page gets a cookie, and from then on only that browser sees it or answers it: an
   * address that leaks later (a history, a screen, another user's process list) is worth nothing.
   */
  adopt(cookie: string | undefined): string | undefined {
    if (this.#owner === undefined) this.#owner = random();
    else if (!this.ownedBy(cookie)) return undefined;
    return this.#owner;
  }

  ownedBy(cookie: string | undefined): boolean {
    return this.#owner !== undefined && cookie !== undefined && sameText(cookie, this.#owner);
  }

  /** Uses the page up; whoever is told true must call `settle` when the person has their answer. */
  claim(ending: Ending): boolean {
    if (!this.usable) return false;
    this.#finish(ending);
    return true;
  }

  settle(): void {
    if (this.#ending !== undefined) this.#settle(this.#ending);
  }

  end(ending: Ending): void {
    if (this.#ending === undefined) this.#finish(ending);
    this.settle();
  }

  dispose(): void {
    this.end('closed');
    clearTimeout(this.#timer);
  }

  #finish(ending: Ending): void {
    this.#ending = ending;
    this.#ticketUsed.abort();
    clearTimeout(this.#timer);
    // Until then a reload says that the page was used, instead of finding nobody there.
    this.#timer = setTimeout(() => this.#forget(this), LINGERS_MS).unref();
  }
}
