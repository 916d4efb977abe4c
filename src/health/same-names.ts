import { bitsOf, uuidOf } from '../telnyx/key-bits.ts';
import { KeyTable } from '../telnyx/key-table.ts';
import type { LeanTelephony } from '../telnyx/lean-rows.ts';
import { type Add, short } from './settings.ts';

const SHOWN = 2;
const ID_WORDS = [0, 1, 2, 3] as const;

interface Group {
  name: string;
  connection: string | null;
  copies: number;
  /** The lowest ids. */
  ids: string[];
  rotation: string | undefined;
}

/** Finds names that several telephony credentials of one connection have. */
export class SameNames {
  readonly #rotationOf: ReadonlyMap<string, string>;
  /** Each connection and name, with the id of the first that has them. */
  readonly #seen = new KeyTable(ID_WORDS.length);
  readonly #bits = new Uint32Array(ID_WORDS.length);
  /** Ids that are no UUIDs, by their place in `#seen`. */
  readonly #odd = new Map<number, string>();
  readonly #groups = new Map<number, Group>();

  /** `rotationOf` gives the rotation a credential has a part in, by its id. */
  constructor(rotationOf: ReadonlyMap<string, string>) {
    this.#rotationOf = rotationOf;
  }

  see({ id, name, connection_id: connection }: LeanTelephony): void {
    if (name === null) return;
    const fresh = this.#seen.size;
    const place = this.#seen.place(`${connection ?? ''}\0${name}`);
    if (place === fresh) {
      this.#keep(place, id);
      return;
    }
    const group = this.#groups.get(place) ?? { name, connection, copies: 0, ids: [], rotation: undefined };
    if (group.copies === 0) this.#join(group, this.#kept(place));
    this.#join(group, id);
    this.#groups.set(place, group);
  }

  /** Adds what was found, the name with the most copies first. */
  report(add: Add): void {
    for (const { ids, name, connection, copies, rotation } of this.#groups.values()) {
      add('telephony_same_name', -copies, ids[0] ?? '', () => ({
        name: short(name),
        connection_id: connection,
        copies,
        ids,
        ...(rotation !== undefined && { rotation }),
      }));
    }
  }

  #join(group: Group, id: string): void {
    group.copies += 1;
    group.rotation ??= this.#rotationOf.get(id);
    group.ids = [...group.ids, id].sort().slice(0, SHOWN);
  }

  #keep(place: number, id: string): void {
    if (!bitsOf(id, this.#bits)) {
      this.#odd.set(place, id);
      return;
    }
    for (let word = 0; word < ID_WORDS.length; word += 1) this.#seen.set(place, word, this.#bits[word] ?? 0);
  }

  #kept(place: number): string {
    return this.#odd.get(place) ?? uuidOf(ID_WORDS.map((word) => this.#seen.get(place, word)));
  }
}
