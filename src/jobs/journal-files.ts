import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { conflict, ToolError } from '../core/errors.ts';
import { readFrom, reason, syncFolder } from '../secrets/files.ts';
import { LeaseFiles } from '../secrets/lease-files.ts';
import type { StateKey } from '../secrets/state-folder.ts';
import { JobFile } from './job-file.ts';
import { beginsJob, type Journal, JournalAway, jobOf, type Part, partsOf, type Recorded } from './journal.ts';
import { encodeLine, type Mac, pickLines } from './journal-line.ts';

/**
 * Where a journal keeps what: `open` and `done` have a file for each job, `parts` says which rotations a credential has a
 * part in, in 4,096 files by the hash of its id. What is looked for is opened by its name: that costs the same, however many
 * jobs there were.
 */
export const foldersOf = (stateDir: string) => {
  const root = join(stateDir, 'journal');
  return {
    root,
    open: join(root, 'open'),
    done: join(root, 'done'),
    parts: join(root, 'parts'),
    leases: join(root, 'leases'),
  };
};

/** The MACs of a state folder's journal. */
export const macOf =
  (key: StateKey): Mac =>
  (text) =>
    key.mac('journal', text).toString('base64url');

const JOB = /^([0-9a-f]{24})\.jsonl$/;

/** Gives the journal kept in a state folder, with MACs under its key. Nothing is written before the first lease. */
export function openJournal(stateDir: string, key: () => StateKey, now: () => Date): Journal {
  const folders = foldersOf(stateDir);
  const leases = new LeaseFiles(folders.leases);
  const known = new Map<string, JobFile>();
  const mac: Mac = (text) => macOf(key())(text);
  const parts = new PartFiles(folders.parts, mac);

  function find(id: string, folder: 'open' | 'done'): JobFile | undefined {
    const path = join(folders[folder], `${id}.jsonl`);
    const file = known.get(path) ?? new JobFile(id, path, mac, now);
    if (!file.refresh()) return undefined;
    // What is finished is seldom asked for again, and there is much of it.
    if (folder === 'open') known.set(path, file);
    return file;
  }

  const job = (id: string): JobFile | undefined => {
    if (!JOB.test(`${id}.jsonl`)) return undefined;
    // Once more: it may have been moved between the two looks.
    return find(id, 'open') ?? find(id, 'done') ?? find(id, 'open');
  };

  let listed: number | undefined;

  /** The files of open jobs as they were read last. The folder is looked into when it has changed: there may be hundreds. */
  function openFiles(): Iterable<JobFile> {
    const changed = fs.statSync(folders.open, { throwIfNoEntry: false })?.mtimeMs;
    if (changed !== listed) {
      for (const id of idsIn(folders.open)) if (!known.has(join(folders.open, `${id}.jsonl`))) find(id, 'open');
    }
    listed = changed;
    return known.values();
  }

  return {
    async append(id, event, lease, by) {
      return guarded(folders.root, 'recorded', async () => {
        const of = jobOf(id);
        const [path, done] = [join(folders.open, `${of}.jsonl`), join(folders.done, `${of}.jsonl`)];
        for (const folder of [folders.open, folders.done]) fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
        // A finished one that is rolled back after all is open again.
        if (!fs.existsSync(path) && fs.existsSync(done)) fs.renameSync(done, path);
        const file = known.get(path) ?? new JobFile(of, path, mac, now);
        known.set(path, file);
        if (beginsJob(event)) await file.create();
        // Before the event, since a credential must lead to its rotation from the first moment on.
        for (const part of partsOf(id, event)) await parts.add(part);
        return await file.append(id, event, lease, by);
      });
    },
    job: (id) => guarded(folders.root, 'read', async () => job(jobOf(id))),
    about: (credential) =>
      guarded(folders.root, 'read', async () => {
        const found = parts.of(credential);
        if (!found) throw partsAltered(credential);
        // What is open says so itself: of the files of parts nobody can tell whether a line is missing.
        const known = new Set(found.map(({ rotation, as }) => `${as} ${rotation}`));
        const open = [...openFiles()].flatMap((file) => file.about(credential));
        return [...found, ...open.filter(({ rotation, as }) => !known.has(`${as} ${rotation}`))];
      }),
    open: () =>
      guarded(folders.root, 'read', async () =>
        idsIn(folders.open).flatMap((id): Recorded[] => [find(id, 'open') ?? []].flat()),
      ),
    finished: (from, limit) =>
      guarded(folders.root, 'read', async () => {
        // One whose condensing a crash cut short is in both.
        const open = new Set(idsIn(folders.open));
        const ids = idsIn(folders.done)
          .filter((id) => !open.has(id))
          .sort()
          .reverse();
        const jobs = ids.slice(from, from + limit).flatMap((id): Recorded[] => [find(id, 'done') ?? []].flat());
        return { jobs, more: ids.length > from + limit };
      }),
    condense: (id, lease) =>
      guarded(folders.root, 'recorded', async () => {
        const [path, done] = [join(folders.open, `${id}.jsonl`), join(folders.done, `${id}.jsonl`)];
        const file = find(id, 'open');
        if (!file || file.wrong) return;
        await file.condenseTo(`${done}.tmp`, lease);
        lease.check();
        fs.renameSync(`${done}.tmp`, done);
        await syncFolder(done);
        // Whoever has it by now may have recorded more: then the open one counts.
        lease.check();
        fs.rmSync(path);
        known.delete(path);
      }),
    lease: (name) => guarded(folders.root, 'leased', async () => leases.take(name)),
  };
}

/** The ids of the jobs in a folder; none when it is not there. */
export function idsIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).flatMap((name) => JOB.exec(name)?.[1] ?? []);
  } catch (error) {
    if (reason(error) !== 'ENOENT') throw error;
    return [];
  }
}

const partsAltered = (credential: string): ToolError =>
  conflict(
    `What was recorded of credential ${credential} was altered, so it cannot be told whether it is being rotated. Nothing was changed.`,
    'Tell the person at once: someone or something changed the state folder. They run "telnyx-credentials-mcp journal verify".',
  );

const SAYS = {
  recorded: 'What a rotation did or was about to do could not be recorded in',
  read: 'What was done by rotations is not known, since the journal cannot be read in',
  leased: 'Nobody can be kept from working on the same credential, since no lease can be kept in',
};

async function guarded<T>(folder: string, what: keyof typeof SAYS, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new JournalAway(
      'CONFIGURATION',
      `${SAYS[what]} ${folder} (${reason(error)}).`,
      what === 'recorded'
        ? 'Ask the person to free space or to make that folder writable, then call continue_rotation: it looks at what was done and goes on from there.'
        : 'Ask the person to free space, or to make that folder and its files readable and writable, and call again. Nothing was changed.',
    );
  }
}

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
