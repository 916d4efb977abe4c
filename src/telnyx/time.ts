import { setMaxListeners } from 'node:events';
import { linkedSignal } from '../core/linked-signal.ts';
import type { HttpLimits } from './http.ts';
import type { Method } from './retry.ts';

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
