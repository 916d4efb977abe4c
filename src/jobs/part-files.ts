import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { syncFolder } from '../secrets/destination.ts';
import type { Part } from './journal.ts';
import { encodeLine, type Mac, pickLines, readFrom } from './journal-line.ts';

/** A line of such a file. */
export const partShape = z.object({ credential: z.string(), rotation: z.string(), as: z.enum(['old', 'successor']) });
const fdatasync = promisify(fs.fdatasync);

interface Bucket {
  identity: string;
  /** Where the lines end that were read. */
  end: number;
  parts: Map<string, Part[]>;
  altered: boolean;
}

/**
 * Which rotations a credential has a part in, in 4,096 files by the hash of its id, which all processes append to. What a
 * process has read of one it reads no more.
 */
export class PartFiles {
  readonly #folder: string;
  readonly #mac: Mac;
  readonly #buckets = new Map<string, Bucket>();

  constructor(folder: string, mac: Mac) {
    this.#folder = folder;
    this.#mac = mac;
  }

  /** The parts of a credential, in the order they began; undefined when its file was altered. Throws what the system throws. */
  of(credential: string): readonly Part[] | undefined {
    const { parts, altered } = this.#read(bucketOf(credential));
    return altered ? undefined : (parts.get(credential) ?? []);
  }

  /** Adds a part, for good when this resolves if that keeps a credential from being rotated twice. */
  async add(part: Part): Promise<void> {
    fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, bucketOf(part.credential));
    const file = fs.openSync(path, 'a+', 0o600);
    try {
      const { size } = fs.fstatSync(file);
      const last = Buffer.alloc(1);
      if (size > 0) fs.readSync(file, last, 0, 1, size - 1);
      // A line that a crash cut off is ended first, so that it spoils no other. All of it, or the disk is full and says so.
      fs.writeFileSync(file, `${size > 0 && last.toString() !== '\n' ? '\n' : ''}${encodeLine(part, this.#mac)}`);
      if (part.as === 'old') await fdatasync(file);
      if (size === 0) await syncFolder(path);
    } finally {
      fs.closeSync(file);
    }
  }

  #read(name: string): Bucket {
    const path = join(this.#folder, name);
    const found = fs.statSync(path, { throwIfNoEntry: false });
    const identity = `${found?.ino} ${found?.birthtimeMs}`;
    const before = this.#buckets.get(name);
    const same = before?.identity === identity && before.end <= (found?.size ?? 0);
    const bucket = same ? before : { identity, end: 0, parts: new Map<string, Part[]>(), altered: false };
    this.#buckets.set(name, bucket);
    if (!found || (found.isFile() && found.size === bucket.end)) return bucket;
    const { records, length, altered } = pickLines(readFrom(path, bucket.end), this.#mac);
    bucket.end += length;
    bucket.altered ||= altered;
    for (const record of records) {
      const { data } = partShape.safeParse(record);
      // Of a version that knows more: it cannot be told what it says.
      if (!data) bucket.altered = true;
      else bucket.parts.set(data.credential, [...(bucket.parts.get(data.credential) ?? []), data]);
    }
    return bucket;
  }
}

/** The names of the files in that folder; none when it is not there. */
export const bucketsIn = (folder: string): string[] =>
  fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => /^[0-9a-f]{3}$/.test(name)) : [];

/** Which of the files tells of a credential. */
const bucketOf = (credential: string): string => createHash('sha256').update(credential).digest('hex').slice(0, 3);
