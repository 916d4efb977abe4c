import { ToolError, unexpected } from '../core/errors.ts';
import { problemOf } from './problem.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** How a request ended without a usable answer. `wait` is what the answer's headers ask to wait, in milliseconds. */
export type Failure =
  | { kind: 'answered'; status: number; body: string; wait: number | undefined; requestId?: string | undefined }
  | { kind: 'unreachable'; code: string } // no connection was made
  | { kind: 'cut'; code: string } // the connection was lost, or no answer came in time
  | { kind: 'stopped'; sent: boolean; cancelled: boolean } // by the caller, or by the end of the call's time
  | { kind: 'unreadable' }; // an answer came, without end

/** Whether Telnyx may have carried the request out, although we have no answer that says so. */
function mayHaveRun(failure: Failure): boolean {
  switch (failure.kind) {
    case 'answered':
      return failure.status === 408 || failure.status >= 500;
    case 'unreachable':
      return false;
    case 'stopped':
      return failure.sent;
    case 'cut':
    case 'unreadable':
      return true;
  }
}

/** The failure as an agent should read it. A POST that may have run is `OUTCOME_UNKNOWN`, whatever went wrong. */
export function explain(method: Method, failure: Failure): ToolError {
  if (method === 'POST' && mayHaveRun(failure)) {
    return new ToolError(
      'OUTCOME_UNKNOWN',
      'The request was sent, but no answer says whether it was carried out.',
      'Look whether it was before trying again.',
      failure.kind === 'answered' ? { httpStatus: failure.status, requestId: failure.requestId } : {},
    );
  }
  switch (failure.kind) {
    case 'answered':
      return problemOf(failure.status, failure.body, failure.wait && Math.ceil(failure.wait / 1000), failure.requestId);
    case 'unreachable':
      return unreached(failure.code);
    case 'cut':
      return failure.code === 'ETIMEDOUT' ? late() : unreached(failure.code);
    case 'stopped':
      return failure.cancelled
        ? new ToolError('CANCELLED', 'The call was cancelled.', 'Nothing more is sent.')
        : late();
    case 'unreadable':
      return unexpected(
        'Telnyx sent an answer longer than any that it documents.',
        'Call again, with a lower limit where there is one; if it stays so, tell the person: a proxy may stand in between.',
      );
  }
}

const late = () => new ToolError('TIMEOUT', 'Telnyx did not answer in time.', 'Call again in a moment.');

const CHECK = 'Have the person check the network of this machine and TELNYX_BASE_URL, then call again.';
const unreached = (code: string) => new ToolError('NETWORK', `The connection to Telnyx failed (${code}).`, CHECK);

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
function isRefusal(failure: Failure): failure is Failure & { kind: 'answered' } {
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
function resetAsked(headers: Headers, now: number): number | undefined {
  const reset = headers['x-ratelimit-reset']?.toString().trim();
  return reset && isNumber(reset) ? Math.max(0, fromNow(Number(reset), now)) : undefined;
}

/**
 * What the x-ratelimit headers say: how many requests remain of how many, for how many milliseconds. Undefined unless a
 * number and a reset can be read that make sense; the limit is what remains where it cannot be read.
 */
export function rateLimitOf(
  headers: Headers,
  now: number,
): { limit: number; remaining: number; reset: number } | undefined {
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
