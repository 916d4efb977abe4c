import { type Reply, refuse } from './replies.ts';

export interface RateLimit {
  perSecond: number;
}

const WINDOW_MS = 1000;

/**
 * Counts requests in windows of one second by the clock, not in a bucket of tokens: Telnyx speaks of the requests
 * "allowed in the current window" and of the time until it resets (api.md §1, "Rate limit"), and the Envoy in
 * front of it counts so by default. So a burst on both sides of a full second may be twice the limit, here as there.
 */
export class Gateway {
  allowed = 0;
  refused = 0;
  #window = 0;
  #used = 0;

  /** Counts one request at `now` (epoch milliseconds); gives the headers of its answer, and the answer if it is 429. */
  take(limit: RateLimit | undefined, now: number): { headers: Record<string, string>; refusal?: Reply } {
    if (limit === undefined) {
      this.allowed += 1;
      return { headers: {} };
    }
    const window = Math.floor(now / WINDOW_MS);
    if (window !== this.#window) this.#used = 0;
    this.#window = window;
    this.#used += 1;
    // In whole seconds, as the header and RFC 9110 have it: a part of one is rounded up.
    const reset = String(Math.ceil(((window + 1) * WINDOW_MS - now) / 1000));
    const headers = {
      'x-ratelimit-limit': String(limit.perSecond),
      'x-ratelimit-remaining': String(Math.max(0, limit.perSecond - this.#used)),
      'x-ratelimit-reset': reset,
    };
    if (this.#used <= limit.perSecond) {
      this.allowed += 1;
      return { headers };
    }
    this.refused += 1;
    const { reply } = refuse(429, '10011', { detail: 'You have exceeded the maximum number of allowed requests.' });
    return { headers, refusal: { ...reply, headers: { 'retry-after': reset } } };
  }
}
