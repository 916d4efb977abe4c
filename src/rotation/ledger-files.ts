import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { misconfigured, ToolError } from '../errors.ts';
import { reason, syncFolder } from '../secrets/destination.ts';
import { encodeHeader, encodeLine, encodeNewest } from './ledger-line.ts';
import { fileName, LedgerReader, ledgerFolder, newestIn, runsIn } from './ledger-reader.ts';
import { takeLock } from './lock.ts';
import type { Entry, Ledger } from './records.ts';

/**
 * Takes the state folder and a clock; gives the ledger kept there, in one file for each process that records anything.
 * Nothing is written before the first append.
 */
export function openLedger(stateDir: string, now: () => Date): Ledger {
  const folder = ledgerFolder(stateDir);
  const reader = new LedgerReader(folder);
  const writer = new LedgerWriter(folder, now, reader);
  return {
    append: (entry) => writer.append(entry),
    read: () => reader.read(),
    lock: (credential) => takeLock(stateDir, credential),
  };
}

interface Waiting {
  entry: Entry;
  resolve(): void;
  reject(error: unknown): void;
}

/** The file of this process: the hash its last line has, and what is still to be written before the next one. */
interface End {
  path: string;
  hash: string;
  unwritten: string;
}

class LedgerWriter {
  readonly #folder: string;
  readonly #now: () => Date;
  readonly #reader: LedgerReader;
  #waiting: Waiting[] = [];
  #busy = false;
  #end: End | undefined;

  constructor(folder: string, now: () => Date, reader: LedgerReader) {
    this.#folder = folder;
    this.#now = now;
    this.#reader = reader;
  }

  append(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      // Not at once: what is recorded in the same turn shares a write.
      if (!this.#busy) queueMicrotask(() => void this.#drain());
      this.#busy = true;
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch.map(({ entry }) => entry));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Its end may be cut: the next entry begins a new file.
        this.#end = undefined;
        for (const { reject } of batch) reject(this.#failure(error));
      }
    }
    this.#busy = false;
  }

  async #write(entries: Entry[]): Promise<void> {
    let { path, hash, unwritten: text } = this.#end ?? (await this.#begin());
    for (const entry of entries) {
      const line = encodeLine(hash, entry);
      hash = line.hash;
      text += line.text;
    }
    // Opened each time, and never created here: a file that was deleted is noticed instead of written to.
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#end = { path, hash, unwritten: '' };
  }

  async #begin(): Promise<End> {
    const made = await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
    for (const path of new Set([made ?? this.#folder, this.#folder])) await syncFolder(path);
    const run = await claimRun(this.#folder);
    // Before the first line, so that a file with lines in it is always known to `last`.
    await keepNewest(this.#folder, run);
    const previous = await this.#reader.endBefore(run);
    if (previous) await syncFile(join(this.#folder, previous.file));
    const { hash, text } = encodeHeader({ run, at: this.#now().toISOString(), previous });
    return { path: join(this.#folder, fileName(run)), hash, unwritten: text };
  }

  #failure(error: unknown): ToolError {
    if (error instanceof ToolError) return error;
    return misconfigured(
      `What a rotation did or was about to do could not be recorded in ${this.#folder} (${reason(error)}).`,
      'Ask the person to free space or to make that folder writable, then call continue_rotation: it looks at what was done and goes on from there.',
    );
  }
}

/** Takes the next number for this process alone. One that `last` names is not given again, though its file may be gone. */
async function claimRun(folder: string): Promise<number> {
  const newest = await newestIn(folder);
  const run = Math.max(0, typeof newest === 'number' ? newest : 0, ...(await runsIn(folder))) + 1;
  try {
    await (await open(join(folder, fileName(run)), 'wx', 0o600)).close();
    return run;
  } catch (error) {
    if (reason(error) === 'EEXIST') return claimRun(folder);
    throw error;
  }
}

async function keepNewest(folder: string, run: number): Promise<void> {
  const path = join(folder, 'last');
  const beside = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    await writeFile(beside, encodeNewest(run), { flag: 'wx', mode: 0o600, flush: true });
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
  // This also keeps the entry of the new file in the folder.
  await syncFolder(path);
  // A process that began meanwhile may have been overwritten just now.
  const newer = (await runsIn(folder)).at(-1) ?? run;
  if (newer > run) await keepNewest(folder, newer);
}

/** A line that a header names must not be lost in a power cut that the header survives. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+').catch(() => undefined);
  await file?.datasync().catch(() => undefined);
  await file?.close();
}
