import { setMaxListeners } from 'node:events';

/**
 * A signal that aborts as soon as one of `signals` does, or after `ms` milliseconds. Dispose of it when what it bounds is
 * over. Not `AbortSignal.any` with `AbortSignal.timeout`: Node 20 lets the collector take those before they abort, and
 * newer ones are not free of that (nodejs/node issues 57736 and 65995); a call would then never end.
 */
export function linkedSignal(signals: readonly AbortSignal[], ms?: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = ms === undefined ? undefined : setTimeout(abort, ms);
  // Many at once are no leak: each lets go.
  setMaxListeners(0, ...signals);
  for (const signal of signals) {
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  }
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', abort);
    },
  };
}
