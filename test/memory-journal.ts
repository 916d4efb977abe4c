import { conflict } from '../src/core/errors.ts';
import type { Held, Lease } from '../src/core/lease.ts';
import { type RotationEvent, rotationEvent } from '../src/jobs/events.ts';
import {
  type By,
  type Entry,
  essentials,
  type Journal,
  jobOf,
  type Part,
  partsOf,
  type Recorded,
} from '../src/jobs/journal.ts';

/** What outlives the processes that share it. */
export class Memory {
  /** By rotation or fleet. */
  readonly entries = new Map<string, Entry[]>();
  readonly counts = new Map<string, number>();
  readonly parts: Part[] = [];
  readonly finished = new Set<string>();
  readonly leases = new Map<string, { token: number; holder: string }>();
  lastToken = 0;
}

/** A journal in memory, as one process sees it: it keeps the contract, and only that. */
export class MemoryJournal implements Journal {
  readonly #memory: Memory;
  readonly #now: () => Date;
  readonly #holder: string;

  constructor(memory: Memory, now: () => Date, holder = 'this process') {
    this.#memory = memory;
    this.#now = now;
    this.#holder = holder;
  }

  async append(id: string, event: RotationEvent, lease: Lease, by: By): Promise<Entry> {
    lease.check();
    const { entries, counts, finished, parts } = this.#memory;
    const of = jobOf(id);
    const n = counts.get(of) ?? 0;
    // As from a file: what the schema does not name is lost.
    const kept = rotationEvent.parse(JSON.parse(JSON.stringify(event)));
    const entry = { rotation: id, n, at: this.#now().toISOString(), by, token: lease.token, event: kept };
    counts.set(of, n + 1);
    parts.push(...partsOf(id, kept));
    entries.set(id, [...(entries.get(id) ?? []), entry]);
    finished.delete(of);
    return entry;
  }

  async job(id: string): Promise<Recorded | undefined> {
    return this.#jobOf(jobOf(id));
  }

  async about(credential: string): Promise<Part[]> {
    return this.#memory.parts.filter((part) => part.credential === credential);
  }

  async open(): Promise<Recorded[]> {
    return [...this.#memory.counts.keys()].flatMap((id) =>
      this.#memory.finished.has(id) ? [] : (this.#jobOf(id) ?? []),
    );
  }

  async finished(from: number, limit: number): Promise<{ jobs: Recorded[]; more: boolean }> {
    const ids = [...this.#memory.finished].sort().reverse();
    const jobs = ids.slice(from, from + limit).flatMap((id) => this.#jobOf(id) ?? []);
    return { jobs, more: ids.length > from + limit };
  }

  async condense(id: string, lease: Lease): Promise<void> {
    lease.check();
    for (const one of this.#idsOf(id)) this.#memory.entries.set(one, essentials(this.#memory.entries.get(one) ?? []));
    this.#memory.finished.add(id);
  }

  async lease(name: string): Promise<Lease | Held> {
    const { leases } = this.#memory;
    const held = leases.get(name);
    if (held) return { holder: held.holder, until: this.#now().toISOString() };
    this.#memory.lastToken += 1;
    const mine = { token: this.#memory.lastToken, holder: this.#holder };
    leases.set(name, mine);
    return {
      token: mine.token,
      check() {
        if (leases.get(name) !== mine) throw conflict('The lease was lost.', 'Look.');
      },
      async [Symbol.asyncDispose]() {
        if (leases.get(name) === mine) leases.delete(name);
      },
    };
  }

  #idsOf(id: string): string[] {
    return [...this.#memory.entries.keys()].filter((one) => jobOf(one) === id);
  }

  #jobOf(id: string): Recorded | undefined {
    if (!this.#memory.counts.has(id)) return undefined;
    return { id, of: (one) => this.#memory.entries.get(one) ?? [], ids: () => this.#idsOf(id) };
  }
}
