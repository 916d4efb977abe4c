import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { misconfigured, ToolError } from '../core/errors.ts';
import { reason, syncFolder } from '../secrets/files.ts';

const MOST_BYTES = 32 * 1024 * 1024;
const BOM = '\uFEFF';

/** A settings file as it was read. */
export interface SettingsFile {
  /** Where links lead: that is what is replaced. */
  target: string;
  /** Undefined when there is no file yet. */
  bytes: Buffer | undefined;
  text: string;
}

/**
 * Takes a path; gives the file there, with a text without its byte order mark, or an empty one where nothing is yet.
 * Throws ToolError for what is no readable text file.
 */
export async function readSettings(path: string): Promise<SettingsFile> {
  try {
    const target = await targetOf(path);
    if (target === undefined) return { target: path, bytes: undefined, text: '' };
    const { size } = await regular(target);
    if (size > MOST_BYTES) throw unusable('is too large to be a settings file');
    const bytes = await readFile(target);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { target, bytes, text: text.startsWith(BOM) ? text.slice(1) : text };
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw unusable(error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read (${reason(error)})`);
  }
}

async function targetOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (reason(error) !== 'ENOENT') throw error;
    if (await lstat(path).catch(() => undefined)) throw unusable('is a link to nothing');
    return undefined;
  }
}

async function regular(target: string): Promise<Stats> {
  const stats = await stat(target);
  if (!stats.isFile()) throw unusable('is not a regular file');
  return stats;
}

/**
 * Takes a file as it was read, its new text and the time; replaces it whole or not at all, after a copy of what was
 * there is beside it. Gives the path of that copy, undefined for a new file. Throws ToolError, and leaves nothing behind.
 */
export async function writeSettings(file: SettingsFile, text: string, now: Date): Promise<string | undefined> {
  const { target, bytes } = file;
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  let backup: string | undefined;
  try {
    const like = bytes && (await regular(target));
    if (!like) await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const mark = bytes?.subarray(0, 3).equals(Buffer.from(BOM)) ? BOM : '';
    await writeNew(temporary, Buffer.from(mark + text), like);
    if (bytes) backup = await backUp(target, bytes, like, now);
    // Last of all: clients write these files too.
    const present = await readSettings(target);
    if (!(bytes ? present.bytes?.equals(bytes) : present.bytes === undefined)) {
      throw unusable('was changed by another program meanwhile', 'Close that program, and run this again.');
    }
    await rename(temporary, target);
  } catch (error) {
    for (const left of [temporary, backup]) if (left) await rm(left, { force: true }).catch(() => undefined);
    throw error instanceof ToolError ? error : unusable(`cannot be written (${reason(error)})`);
  }
  await syncFolder(target);
  return backup;
}

async function backUp(target: string, bytes: Buffer, like: Stats | undefined, now: Date): Promise<string> {
  const name = `${target}.bak-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  for (let again = 1; ; again += 1) {
    const path = again === 1 ? name : `${name}-${again}`;
    try {
      await writeNew(path, bytes, like);
      return path;
    } catch (error) {
      if (reason(error) !== 'EEXIST') throw error;
    }
  }
}

/** Never over anything; open to no more people than what it is like, and to its owner also when root writes it. */
async function writeNew(path: string, bytes: Buffer, like: Stats | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    if (like) {
      const { uid, gid } = await file.stat();
      if (uid !== like.uid || gid !== like.gid) await file.chown(like.uid, like.gid);
      await file.chmod(like.mode & 0o777);
    }
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

const unusable = (what: string, next = 'Put that right, and run this again.'): ToolError =>
  misconfigured(`This file ${what}. It was left as it is.`, next);
