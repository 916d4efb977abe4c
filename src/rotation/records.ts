import type { RotationEvent } from './events.ts';

/** Everything a ledger has recorded, found by rotation, by credential and by fleet. It grows as the ledger does. */
export class Records {
  readonly #entries = new Map<string, readonly Entry[]>();
  readonly #byCredential = new Map<string, string[]>();
  readonly #byFleet = new Map<string, string[]>();
  readonly #bySuccessor = new Map<string, string>();

  /** The entries of a rotation or fleet in their order; none for an id that is unknown. */
  of(id: string): readonly Entry[] {
    return this.#entries.get(id) ?? [];
  }

  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  /** The rotations whose old credential this is or was. */
  ofCredential(id: string): readonly string[] {
    return this.#byCredential.get(id) ?? [];
  }

  /** The rotations that a fleet began. */
  ofFleet(id: string): readonly string[] {
    return this.#byFleet.get(id) ?? [];
  }

  /** The rotation that made a credential. */
  makerOf(id: string): string | undefined {
    return this.#bySuccessor.get(id);
  }

  /** Adds entries in the order they were recorded in; those of one rotation are kept in the order of their `n`. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { rotation: id, n, event } = entry;
      const before = this.of(id);
      // A list that someone holds stays as it is.
      const after = [...before, entry];
      if (n < (before.at(-1)?.n ?? 0)) after.sort((a, b) => a.n - b.n);
      this.#entries.set(id, after);
      if (event.type === 'done' && event.step === 'create' && event.facts.id !== undefined) {
        this.#bySuccessor.set(event.facts.id, id);
      }
      if (event.type !== 'began') continue;
      push(this.#byCredential, event.old.id, id);
      if (event.fleet !== undefined) push(this.#byFleet, event.fleet, id);
    }
  }
}

function push(index: Map<string, string[]>, key: string, value: string): void {
  const values = index.get(key);
  if (values) values.push(value);
  else index.set(key, [value]);
}

/** One thing that happened to a rotation. */
export interface Entry {
  rotation: string;
  /** Its place among the entries of its rotation, from 0. */
  n: number;
  /** ISO 8601 UTC. */
  at: string;
  event: RotationEvent;
}

/**
 * The memory of rotations. It is files in the state folder today; a store that a team shares can take its place, since
 * nothing else about rotations knows where it is kept.
 */
export interface Ledger {
  /** Records an entry; it is on disk when this resolves. Throws `CONFIGURATION` when it cannot be kept. */
  append(entry: Entry): Promise<void>;
  /** Everything recorded, also by other processes. */
  read(): Promise<Records>;
  /**
   * Takes the lock of a credential until it is disposed of; undefined while anyone holds it, this process included. A
   * holder that died holds nothing. Throws `CONFIGURATION` when locks cannot be kept.
   */
  lock(credential: string): Promise<AsyncDisposable | undefined>;
}
