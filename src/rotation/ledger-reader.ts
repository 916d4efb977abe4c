import { statSync } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { misconfigured } from '../errors.ts';
import { reason } from '../secrets/destination.ts';
import { rotationEvent } from './events.ts';
import { decodeNewest, type Header, type Place, START, walkLines } from './ledger-line.ts';
import { type Entry, Records } from './records.ts';

const entryShape = z.object({
  rotation: z.string().regex(/^[\w-]{1,64}$/),
  n: z.int().nonnegative(),
  at: z.string(),
  event: rotationEvent,
});

export const ledgerFolder = (stateDir: string): string => join(stateDir, 'ledger');
export const fileName = (run: number): string => `${`${run}`.padStart(6, '0')}.jsonl`;

/** Gives the numbers of the ledger's files, lowest first; none when there is no folder. Throws what the system throws. */
export async function runsIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(absent);
  return (names ?? [])
    .filter((name) => /^\d{6,15}\.jsonl$/.test(name) && name === fileName(Number.parseInt(name, 10)))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** Gives the number of the newest file as `last` has it, or what is wrong with `last`. Throws what the system throws. */
export async function newestIn(folder: string): Promise<number | 'altered' | 'missing'> {
  const bytes = await readFile(join(folder, 'last')).catch(absent);
  return bytes ? (decodeNewest(bytes) ?? 'altered') : 'missing';
}

function absent(error: unknown): undefined {
  if (reason(error) !== 'ENOENT') throw error;
}

interface Known {
  /** Tells a file from another that took its name. */
  identity: string;
  size: number;
  end: Place;
  entries: Entry[];
}

/** Reads the files of all processes; only what is new since the last time. */
export class LedgerReader {
  readonly #folder: string;
  readonly #known = new Map<number, Known>();
  #records = new Records();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** One reading after another: two at once would take the same new lines twice. */
  read(): Promise<Records> {
    const reading = this.#turn.then(() => this.#refresh());
    this.#turn = reading.catch(() => undefined);
    return reading;
  }

  /** Where the newest file below a number ends, of those that hold a good line. */
  async endBefore(run: number): Promise<Header['previous']> {
    await this.read();
    const [newest] = [...this.#known].filter(([of, { end }]) => of < run && end.hash).sort(([a], [b]) => b - a);
    return newest?.[1].end.hash ? { file: fileName(newest[0]), hash: newest[1].end.hash } : null;
  }

  async #refresh(): Promise<Records> {
    try {
      const runs = new Set([...this.#known.keys(), ...(await runsIn(this.#folder))]);
      for (const run of runs) await this.#advance(run);
    } catch (error) {
      throw misconfigured(
        `The ledger in ${this.#folder} cannot be read (${reason(error)}), so what was done by rotations is not known.`,
        'Ask the person to make that folder and its files readable, and call again.',
      );
    }
    return this.#records;
  }

  async #advance(run: number): Promise<void> {
    const path = join(this.#folder, fileName(run));
    const found = statSync(path, { throwIfNoEntry: false });
    const before = this.#known.get(run);
    const identity = `${found?.ino} ${found?.birthtimeMs}`;
    if (before && before.identity === identity && before.size === found?.size) return;
    const same = found && before?.identity === identity && before.end.offset <= found.size;
    const { end, entries } = same ? before : { end: START, entries: [] };
    const walk = found ? walkLines(await readFrom(path, end.offset), end) : { good: [], end };
    const fresh = walk.good.flatMap(({ entry }) => entryShape.safeParse(entry).data ?? []);
    if (!found) this.#known.delete(run);
    else this.#known.set(run, { identity, size: found.size, end: walk.end, entries: [...entries, ...fresh] });
    if (same || !before) this.#records.add(fresh);
    else this.#startOver();
  }

  /** A file that another took the place of takes back what it had said. */
  #startOver(): void {
    this.#records = new Records();
    const files = [...this.#known].sort(([a], [b]) => a - b);
    for (const [, { entries }] of files) this.#records.add(entries);
  }
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, (await file.stat()).size - offset));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
