/** One thing a finding is about, in a few short words. */
export type Example = Record<string, string | number | string[] | null>;

/** Where an example stands among those of its finding: the lowest key first, then by id. */
export interface Place {
  key: number;
  id: string;
}

/** Before all others. */
export const START: Place = { key: Number.NEGATIVE_INFINITY, id: '-' };

type Placed = Place & { example: () => Example };

/** Counts what a finding is about and keeps the first few after a place, however many there are and in whatever order they come. */
export class Tally {
  count = 0;
  #after = 0;
  readonly #limit: number;
  readonly #start: Place;
  readonly #first: Placed[] = [];

  constructor(limit: number, start = START) {
    this.#limit = limit;
    this.#start = start;
  }

  /** Counts one, which stands for `weight` of them; `example` is asked for when it is to be shown. */
  add(key: number, id: string, example: () => Example, weight = 1): void {
    this.count += weight;
    if (!before(this.#start.key, this.#start.id, key, id)) return;
    this.#after += 1;
    const last = this.#first.at(-1);
    const full = this.#first.length === this.#limit;
    if (full && last && !before(key, id, last.key, last.id)) return;
    if (full) this.#first.pop();
    const at = this.#first.findIndex((other) => before(key, id, other.key, other.id));
    this.#first.splice(at < 0 ? this.#first.length : at, 0, { key, id, example });
  }

  /** The first `most` of those kept, and the place of the last of them when there are more after it. */
  first(most: number): { examples: Example[]; stopped?: Place } {
    const shown = this.#first.slice(0, most);
    const { key, id } = shown.at(-1) ?? this.#start;
    return {
      examples: shown.map(({ example }) => example()),
      ...(shown.length < this.#after && { stopped: { key, id } }),
    };
  }
}

// Compared for every row of an account: not worth an object.
const before = (key: number, id: string, otherKey: number, otherId: string): boolean =>
  key === otherKey ? id < otherId : key < otherKey;
