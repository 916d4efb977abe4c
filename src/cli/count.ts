/** A number with its word, in the plural where that is right. */
export const count = (number: number, [one, many]: readonly [string, string]): string =>
  `${number} ${number === 1 ? one : many}`;
