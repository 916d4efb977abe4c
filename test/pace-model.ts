import { Pace } from '../src/telnyx/pace.ts';

/** What a server answers at a moment: `wait` is what a 429 asks for, absent when it says nothing. */
interface Reply {
  ok: boolean;
  headers: Record<string, string>;
  wait?: number;
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

function reply(state: { ok: boolean; limit: number; remaining: number; reset: number }, says: Word): Reply {
  const { ok, limit, remaining, reset } = state;
  const headers = says.headers
    ? { 'x-ratelimit-limit': `${limit}`, 'x-ratelimit-remaining': `${remaining}`, 'x-ratelimit-reset': `${reset}` }
    : undefined;
  return { ok, headers: headers ?? {}, ...(!ok && says.retryAfter && { wait: reset * 1000 }) };
}

interface Run {
  server: Server;
  /** Of the job; as many are under way at once as the client allows a job. */
  requests: number;
  latencyMs: number;
  atOnce?: number;
}

/** A job of many requests, and a person who asks something every now and then, on a clock of its own. */
export function play({ server, requests, latencyMs, atOnce = 10 }: Run) {
  let now = 0;
  const due: { at: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void): void => void due.push({ at: now + ms, run });
  const pace = new Pace(() => now);
  const random = generator(7);
  const seen = { answered: 0, refused: 0, endedAt: 0, waits: [] as number[] };

  function request(background: boolean, done: () => void, tries = 1): void {
    const wait = pace.wait(background);
    // Timers know whole milliseconds, and are late.
    if (wait > 0) after(Math.ceil(wait) + random() * 1.5, () => request(background, done, tries));
    else send(background, done, tries);
  }

  function send(background: boolean, done: () => void, tries: number): void {
    const ticket = pace.start();
    const half = () => latencyMs * (0.5 + random() * 0.1);
    after(half(), () => {
      const { ok, headers, wait: asked } = server(now);
      after(half(), () => {
        pace.answered(ticket, ok ? 200 : 429, headers);
        if (ok) {
          seen.answered += 1;
          seen.endedAt = now;
          return done();
        }
        seen.refused += 1;
        const backoff = asked ?? 250 * 2 ** Math.min(tries - 1, 6) * (0.5 + random());
        pace.refused(ticket, backoff);
        after(backoff + random() * 100, () => request(background, done, tries + 1));
      });
    });
  }

  let left = requests;
  const job = (): void => {
    if (left-- > 0) request(true, job);
  };
  const person = (): void => {
    const asked = now;
    if (left <= 0) return;
    request(false, () => {
      seen.waits.push(now - asked);
      after(150 + random() * 300, person);
    });
  };
  for (let place = 0; place < atOnce; place += 1) after(random() * 5, job);
  after(500, person);
  while (due.length > 0) {
    const next = due.reduce((first, event) => (event.at < first.at ? event : first));
    due.splice(due.indexOf(next), 1);
    now = next.at;
    next.run();
  }
  const sorted = seen.waits.toSorted((a, b) => a - b);
  return {
    perSecond: (seen.answered / seen.endedAt) * 1000,
    refused: seen.refused,
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
  };
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
