import type { Failure, Method } from './failure.ts';

const TRIES = 4;
const FIRST_BACKOFF = 250;
const MOST_DOUBLINGS = 6;
const EPOCH_FROM = 1e9;
const EPOCH_MS_FROM = 1e12;
const LONGEST_WAIT_MS = 60_000;
const ABSURD_WAIT_MS = 3_600_000;

export type Headers = Record<string, string | string[] | undefined>;

/**
 * Milliseconds to wait before trying again, or undefined to give up. `attempt` counts from 1, `random` is in [0, 1).
 * A POST is repeated only when it surely did not run: Telnyx has no idempotency key for credentials (api.md §1).
 * `patient` does not give up on a 429: a job has the time, and the limit passes.
 */
export function retryDelay(
  method: Method,
  attempt: number,
  failure: Failure,
  random: number,
  patient = false,
): number | undefined {
  const refused = isRefusal(failure);
  if ((attempt >= TRIES && !(patient && refused)) || !isPassing(failure)) return undefined;
  const neverRan = failure.kind === 'unreachable' || refused;
  if (method === 'POST' && !neverRan) return undefined;
  // A little more than asked, and not the same for all: everyone who waited would come back at once.
  if (failure.kind === 'answered' && failure.wait !== undefined) return failure.wait + random * 100;
  return FIRST_BACKOFF * 2 ** Math.min(attempt - 1, MOST_DOUBLINGS) * (0.5 + random);
}

/** Whether Telnyx asks for fewer requests. */
export function isRefusal(failure: Failure): failure is Failure & { kind: 'answered' } {
  return failure.kind === 'answered' && failure.status === 429;
}

function isPassing(failure: Failure): boolean {
  if (failure.kind !== 'answered') return failure.kind === 'unreachable' || failure.kind === 'cut';
  return failure.status === 408 || failure.status === 429 || failure.status >= 500;
}

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
export function resetAsked(headers: Headers, now: number): number | undefined {
  const reset = headers['x-ratelimit-reset']?.toString().trim();
  return reset && isNumber(reset) ? Math.max(0, fromNow(Number(reset), now)) : undefined;
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
