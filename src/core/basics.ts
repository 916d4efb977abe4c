import { setMaxListeners } from 'node:events';

// Small things that the language has no word for.

/** What a function gives; undefined when it throws. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** A text as JSON; undefined when it is none. */
export const parseJson = (text: string): unknown => attempt(() => JSON.parse(text));

/** Whether a value is an object with keys: no list, and not null. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The function with its first result kept; `made` tells whether there is one. */
export function once<T>(make: () => T): (() => T) & { made(): boolean } {
  let kept: { value: T } | undefined;
  const get = (): T => {
    kept ??= { value: make() };
    return kept.value;
  };
  return Object.assign(get, { made: () => kept !== undefined });
}

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

/** What a promise gives, or `late` when that takes longer than `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const waiting = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, waiting]);
  } finally {
    clearTimeout(timer);
  }
}
