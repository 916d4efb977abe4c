import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { conflict, type ToolError } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import { readFrom, reason, syncFolder } from '../secrets/files.ts';
import { type RotationEvent, rotationEvent } from './events.ts';
import {
  type By,
  damage,
  type Entry,
  essentials,
  GONE,
  type Part,
  partsOf,
  type Recorded,
  type Wrong,
} from './journal.ts';
import { encodeLine, type Mac, walkLines } from './journal-line.ts';

const common = {
  job: z.string(),
  n: z.int().nonnegative(),
  at: z.string(),
  by: z.object({ actor: z.string(), host: z.string(), key: z.string() }),
  token: z.number(),
};
/** An event that this version does not know stays in the file as it is. */
const single = z.object({
  ...common,
  rotation: z.string().regex(/^[\w-]{1,64}$/),
  event: z.looseObject({ type: z.string() }),
});
/** A finished job: what is left of all entries up to that number. */
const condensed = z.object({ ...common, entries: z.array(single) });
const record = z.union([single, condensed]);

interface Waiting {
  id: string;
  event: RotationEvent;
  lease: Lease;
  by: By;
  resolve(entry: Entry): void;
  reject(error: unknown): void;
}

/** The file of one job. It reads what is new since the last time, and writes what was recorded in one turn at once. */
export class JobFile implements Recorded {
  readonly id: string;
  readonly #path: string;
  readonly #mac: Mac;
  readonly #now: () => Date;
  #entries = new Map<string, Entry[]>();
  /** By credential. */
  #parts = new Map<string, Part[]>();
  #next = 0;
  /** What that was when it was last in order: a file that has less by now was shortened. */
  #seen = 0;
  #lastToken = 0;
  /** Tells the file from another that took its name. */
  #identity = '';
  #size = 0;
  #changed = 0;
  /** Where its good lines end. */
  #end = 0;
  #waiting: Waiting[] = [];
  #busy = false;
  wrong: Wrong | undefined;

  constructor(id: string, path: string, mac: Mac, now: () => Date) {
    this.id = id;
    this.#path = path;
    this.#mac = mac;
    this.#now = now;
  }

  of(id: string): readonly Entry[] {
    return this.#entries.get(id) ?? [];
  }

  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  /** What the rotations of this job have to do with a credential. */
  about(credential: string): readonly Part[] {
    return this.#parts.get(credential) ?? [];
  }

  /** How many were recorded, those included that are condensed. */
  get records(): number {
    return this.#next;
  }

  /** Whether it ends amid a record. */
  get isCut(): boolean {
    return this.#size > this.#end;
  }

  /**
   * Makes an empty file beside, which gets its name with the first record: so one that is missing was removed, and one
   * without a first record was altered. Throws what the system throws.
   */
  async create(): Promise<void> {
    fs.closeSync(fs.openSync(unbegun(this.#path), 'wx', 0o600));
    await syncFolder(this.#path);
  }

  /** Takes in what was written since; false when there is no such file. One that cannot be read is as if it was altered. */
  refresh(): boolean {
    try {
      return this.#refresh();
    } catch (error) {
      // Looked at again the next time; the other jobs are nobody's business of this.
      this.#forget();
      this.wrong = { problem: 'altered', says: `Its file cannot be read (${reason(error)}).` };
      return true;
    }
  }

  #refresh(): boolean {
    const found = fs.lstatSync(this.#path, { throwIfNoEntry: false });
    const identity = `${found?.ino} ${found?.birthtimeMs}`;
    const grown = identity === this.#identity && Number(found?.size) > this.#size;
    if (found && identity === this.#identity && found.size === this.#size && found.mtimeMs === this.#changed)
      return true;
    // One that was written over is read anew; so is another that took its name.
    if (!found || !grown) this.#forget();
    // A crash came before its first record.
    if (!found) return this.#seen === 0 && fs.existsSync(unbegun(this.#path));
    this.#identity = identity;
    this.#size = found.size;
    this.#changed = found.mtimeMs;
    const { records, length, wrong } = walkLines(readFrom(this.#path, this.#end), this.#mac);
    for (const one of records) this.#take(one);
    this.#end += length;
    if (wrong === 'altered' || this.#end === 0) this.#refuse('altered', 'was altered, or made under another key');
    if (!grown && this.#next < this.#seen) this.#refuse('altered', 'is gone, which was there before');
    if (!this.wrong) this.#seen = this.#next;
    return true;
  }

  /** Records an event as the next; kept for good when this resolves. */
  append(id: string, event: RotationEvent, lease: Lease, by: By): Promise<Entry> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, event, lease, by, resolve, reject });
      // Not at once: what is recorded in the same turn shares a write.
      if (!this.#busy) queueMicrotask(() => void this.#drain());
      this.#busy = true;
    });
  }

  /** Writes what is left of a finished job to another file. */
  async condenseTo(path: string, lease: Lease): Promise<void> {
    const all = [...this.#entries.values()].flat().sort((a, b) => a.n - b.n);
    const last = all.at(-1);
    if (!last || this.wrong) return;
    const entries = essentials(all).map((entry) => ({ job: this.id, ...entry }));
    const { n, at, by } = last;
    const line = encodeLine({ job: this.id, n, at, by, token: lease.token, entries }, this.#mac);
    await fs.promises.writeFile(path, line, { mode: 0o600, flush: true });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#write(batch).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
    }
    this.#busy = false;
  }

  async #write(batch: Waiting[]): Promise<void> {
    if (!this.refresh()) throw damage(this.id, GONE);
    if (this.wrong) throw damage(this.id, this.wrong);
    const entries = batch.map(({ id: rotation, event, lease, by }, index) => {
      // The clock that tokens are taken from may have been set back.
      const token = Math.max(lease.token, this.#lastToken);
      return { rotation, n: this.#next + index, at: this.#now().toISOString(), by, token, event };
    });
    const leases = new Set(batch.map(({ lease }) => lease));
    for (const lease of leases) lease.check();
    // Never created here: one that was removed is noticed instead of written to.
    const begins = !fs.existsSync(this.#path);
    const path = begins ? unbegun(this.#path) : this.#path;
    const file = await open(path, fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_NOFOLLOW);
    try {
      if (begins) await file.truncate();
      else if (this.isCut) this.#dropCut();
      await file.writeFile(entries.map((entry) => encodeLine({ job: this.id, ...entry }, this.#mac)).join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
    if (begins) {
      fs.renameSync(path, this.#path);
      await syncFolder(this.#path);
    }
    // Whoever took this process for dead meanwhile has not seen it: then nothing may be done for it.
    for (const lease of leases) lease.check();
    this.refresh();
    for (const [index, { resolve }] of batch.entries()) resolve(entries[index] as Entry);
  }

  /**
   * Drops a line that a crash cut: it had told nobody anything. Not when something follows it by now: whoever wrote that
   * has dropped it already, and has taken this process for dead.
   */
  #dropCut(): void {
    if (fs.statSync(this.#path).size !== this.#size) throw writtenMeanwhile(this.id);
    fs.truncateSync(this.#path, this.#end);
  }

  #forget(): void {
    this.#entries = new Map();
    this.#parts = new Map();
    this.#next = 0;
    this.#lastToken = 0;
    this.#identity = '';
    this.#size = 0;
    this.#end = 0;
    this.wrong = undefined;
  }

  #take(raw: unknown): void {
    if (this.wrong) return;
    const { data } = record.safeParse(raw);
    if (!data) this.#refuse('unknown', 'is of a form that this version does not know');
    else if (data.job !== this.id) this.#refuse('altered', 'is one of another job');
    if (!data || this.wrong) return;
    // Written by a holder that had lost its lease, and was told so.
    if (data.token < this.#lastToken) return;
    // By its number it takes the place of such a one.
    if (data.n < this.#next && data.token > this.#lastToken) this.#dropFrom(data.n);
    this.#lastToken = data.token;
    const expected = 'entries' in data ? data.n : this.#next;
    if (data.n !== expected) {
      this.#refuse('altered', 'does not follow the one before');
      return;
    }
    this.#next = data.n + 1;
    for (const entry of 'entries' in data ? data.entries : [data]) this.#keep(entry);
  }

  #keep({ job: _, ...entry }: z.output<typeof single>): void {
    const { data } = rotationEvent.safeParse(entry.event);
    if (!data) this.#refuse('unknown', 'was written by a version that knows more');
    const kept: Entry = { ...entry, event: data ?? { type: 'unknown' } };
    const known = this.#entries.get(entry.rotation);
    if (known) known.push(kept);
    else this.#entries.set(entry.rotation, [kept]);
    this.#index(kept);
  }

  #index({ rotation, event }: Entry): void {
    if (event.type === 'unknown') return;
    for (const part of partsOf(rotation, event)) {
      this.#parts.set(part.credential, [...this.about(part.credential), part]);
    }
  }

  #dropFrom(n: number): void {
    this.#next = n;
    this.#parts = new Map();
    for (const [id, entries] of this.#entries) {
      const before = entries.filter((entry) => entry.n < n);
      this.#entries.set(id, before);
      for (const entry of before) this.#index(entry);
    }
  }

  #refuse(problem: Wrong['problem'], what: string): void {
    this.wrong ??= { problem, says: `Record ${this.#next + 1} of job ${this.id} ${what}.` };
  }
}

/** The name of a job's file until it has a record. */
const unbegun = (path: string): string => path.replace(/jsonl$/, 'new');

const writtenMeanwhile = (id: string): ToolError =>
  conflict(
    `Another process has taken over the work on ${id}. This one does no more of it.`,
    'Call get_rotation to see how far it is.',
  );
