import type { RotationEvent } from './events.ts';
import type { Records } from './records.ts';

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
