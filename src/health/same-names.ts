import type { LeanTelephony } from '../telnyx/lean-rows.ts';
import { type Add, short } from './settings.ts';

const SHOWN = 2;

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
  /** By connection and name: the id of the first that has them, then the group of all. */
  readonly #seen = new Map<string, string | Group>();

  /** `rotationOf` gives the rotation a credential has a part in, by its id. */
  constructor(rotationOf: ReadonlyMap<string, string>) {
    this.#rotationOf = rotationOf;
  }

  see({ id, name, connection_id: connection }: LeanTelephony): void {
    if (name === null) return;
    const key = `${connection ?? ''}\0${name}`;
    const known = this.#seen.get(key);
    if (known === undefined) {
      this.#seen.set(key, id);
      return;
    }
    const group = typeof known === 'object' ? known : { name, connection, copies: 0, ids: [], rotation: undefined };
    if (typeof known === 'string') this.#join(group, known);
    this.#join(group, id);
    this.#seen.set(key, group);
  }

  /** Adds what was found, the name with the most copies first. */
  report(add: Add): void {
    for (const group of this.#seen.values()) {
      if (typeof group === 'string') continue;
      const { ids, name, connection, copies, rotation } = group;
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
}
