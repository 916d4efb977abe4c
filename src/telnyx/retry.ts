import type { Failure, Method } from './problem.ts';

const TRIES = 4;
const FIRST_BACKOFF = 250;
const MOST_DOUBLINGS = 6;

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
