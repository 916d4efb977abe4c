import { count, oneLine } from '../core/text.ts';

const REASONS = 3;
const LONGEST_WHY = 200;

/**
 * Counts of how many credentials nobody can tell whether they are used, by the reason. `what` is what they are called: of
 * one, and of more.
 */
export function unknowns(what: readonly [string, string]) {
  const reasons = new Map<string, number>();
  const inWords = (number: number, why: string): string => `Use of ${count(number, what)} is ${why}`;
  return {
    /** Takes what a sighting says: that it is unknown, and why. */
    add(why: string): void {
      reasons.set(why, (reasons.get(why) ?? 0) + 1);
    },

    /** A sentence for each of the most frequent reasons, and one for all others. */
    say(): string[] {
      const all = [...reasons].sort(([, a], [, b]) => b - a);
      const others = all.slice(REASONS).reduce((sum, [, number]) => sum + number, 0);
      return [
        ...all.slice(0, REASONS).map(([why, number]) => inWords(number, oneLine(why, LONGEST_WHY))),
        ...(others > 0 ? [inWords(others, 'not known for other reasons.')] : []),
      ];
    },
  };
}
