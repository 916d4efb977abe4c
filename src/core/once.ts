/** The function with its first result kept; `made` tells whether there is one. */
export function once<T>(make: () => T): (() => T) & { made(): boolean } {
  let kept: { value: T } | undefined;
  const get = (): T => {
    kept ??= { value: make() };
    return kept.value;
  };
  return Object.assign(get, { made: () => kept !== undefined });
}
