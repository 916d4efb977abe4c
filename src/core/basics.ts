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
