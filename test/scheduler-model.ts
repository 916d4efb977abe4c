import { setMaxListeners } from 'node:events';
import { Scheduler, type Ticket } from '../src/telnyx/scheduler.ts';

/** What a server answers at a moment. */
interface Reply {
  ok: boolean;
  headers: Record<string, string>;
}

export type Server = (now: number) => Reply;

interface Word {
  /** Whether answers carry x-ratelimit headers, and a 429 Retry-After. */
  headers: boolean;
  retryAfter: boolean;
}

/** A limit per window of the clock, as gateways have it; `phase` is where in a window the run begins. */
export function windows(limit: number, ms: number, phase: number, says: Word): Server {
  let window = -1;
  let used = 0;
  return (now) => {
    const current = Math.floor((now + phase) / ms);
    if (current !== window) used = 0;
    window = current;
    used += 1;
    const reset = Math.ceil(((current + 1) * ms - now - phase) / 1000);
    return reply({ ok: used <= limit, limit, remaining: Math.max(0, limit - used), reset }, says);
  };
}

/** A bucket of as many tokens as are refilled per second. */
export function bucket(perSecond: number, says: Word): Server {
  let tokens = perSecond;
  let last = 0;
  return (now) => {
    tokens = Math.min(perSecond, tokens + ((now - last) * perSecond) / 1000);
    last = now;
    const ok = tokens >= 1;
    if (ok) tokens -= 1;
    const reset = Math.max(1, Math.ceil((perSecond - tokens) / perSecond));
    return reply({ ok, limit: perSecond, remaining: Math.floor(tokens), reset }, says);
  };
}

/** The same server, of which others use so many requests per second. */
export function shared(server: Server, perSecond: number): Server {
  let used = 0;
  return (now) => {
    for (; used < (now * perSecond) / 1000; used += 1) server(now);
    return server(now);
  };
}

function reply(state: { ok: boolean; limit: number; remaining: number; reset: number }, says: Word): Reply {
  const { ok, limit, remaining, reset } = state;
  const told = {
    'x-ratelimit-limit': `${limit}`,
    'x-ratelimit-remaining': `${remaining}`,
    'x-ratelimit-reset': `${reset}`,
  };
  return { ok, headers: { ...(says.headers && told), ...(!ok && says.retryAfter && { 'retry-after': `${reset}` }) } };
}

// As a fleet does.
const AT_ONCE = 16;

interface Run {
  server: Server;
  /** Of the job. */
  requests: number;
  latencyMs: number;
}

interface Outcome {
  /** Answered per second, people's too. */
  perSecond: number;
  refused: number;
  /** What a person waited for an answer, in milliseconds. */
  median: number;
}

/** A job of many requests, and a person who asks something every now and then, on a clock of its own. */
export async function play({ server, requests, latencyMs }: Run): Promise<Outcome> {
  const clock = new FakeClock();
  const random = generator(7);
  // Timers are late.
  const scheduler = new Scheduler({ now: () => clock.now(), sleep: (ms) => clock.sleep(ms + random() * 1.5) });
  const seen = { answered: 0, refused: 0, endedAt: 0, waits: [] as number[] };
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const time = { signal, patience: () => Number.POSITIVE_INFINITY };
  const half = () => clock.sleep(latencyMs * (0.5 + random() * 0.1));

  async function attempt(ticket: Ticket): Promise<boolean> {
    await half();
    const { ok, headers } = server(clock.now());
    await half();
    scheduler.answered(ticket, ok ? 200 : 429, headers);
    return ok;
  }

  async function request(background: boolean): Promise<void> {
    for (let tries = 1; !(await scheduler.send(background, time, attempt)); tries += 1) {
      seen.refused += 1;
      await clock.sleep(250 * 2 ** Math.min(tries - 1, 6) * (0.5 + random()));
    }
    seen.answered += 1;
    seen.endedAt = clock.now();
  }

  let left = requests;
  const job = async () => {
    for (; left > 0; await scheduler.serve(true, () => request(true), signal)) left -= 1;
  };
  const person = async () => {
    for (await clock.sleep(500); left > 0; await clock.sleep(150 + random() * 300)) {
      const asked = clock.now();
      await scheduler.serve(false, () => request(false), signal);
      seen.waits.push(clock.now() - asked);
    }
  };
  await clock.runUntil(Promise.all([person(), ...Array.from({ length: AT_ONCE }, job)]));
  const sorted = seen.waits.toSorted((a, b) => a - b);
  return {
    perSecond: (seen.answered / seen.endedAt) * 1000,
    refused: seen.refused,
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
  };
}

/** A clock that goes on when everybody waits for it. */
export class FakeClock {
  #now = 0;
  #timers: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#timers.push({ at: this.#now + ms, wake }));
  }

  /** Lets everybody do what can be done now. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Goes on for so many milliseconds. */
  pass(ms: number): Promise<void> {
    return this.runUntil(this.sleep(ms));
  }

  /** Goes on until the promise is settled. */
  async runUntil(end: Promise<unknown>): Promise<void> {
    let ended = false;
    const note = () => {
      ended = true;
    };
    end.then(note, note);
    for (await this.settle(); !ended; await this.settle()) {
      const next = this.#timers.reduce((first, timer) => (timer.at < first.at ? timer : first));
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = next.at;
      next.wake();
    }
  }
}

/** Numbers in [0, 1), the same on every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
