import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { badInput } from '../core/errors.ts';

// Files of certificates, keys and service accounts have a few kilobytes; parsing time is bounded by this.
export const MOST_BYTES = 64 * 1024;

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this process',
  EPERM: 'may not be read by this process',
  ENOTDIR: 'does not exist',
  ENAMETOOLONG: 'has a name that is too long',
};

/**
 * The bytes of a small regular file a person keeps somewhere on this machine; `what` names the argument, and `folder`
 * is what a relative path is relative to. Throws `BAD_INPUT`. What the file holds is never quoted, here or by those who read it.
 */
export async function readMaterial(what: string, path: string, folder: string): Promise<Buffer> {
  const expanded = resolve(folder, path.replace(/^~(?=\/)/, homedir()));
  // Without O_NONBLOCK the open of a named pipe would wait for a writer.
  const file = await open(expanded, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw badInput(`${what}: ${path} ${REASONS[code] ?? 'cannot be opened'}.`);
  });
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw badInput(`${what}: ${path} is a folder, not a file.`);
    if (!stat.isFile()) throw badInput(`${what}: ${path} is not a regular file.`);
    if (stat.size > MOST_BYTES)
      throw badInput(`${what}: ${path} has ${stat.size} bytes; such a file is never over ${MOST_BYTES}.`);
    if (stat.size === 0) throw badInput(`${what}: ${path} is empty.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The text of a file; Windows editors save UTF-16, and UTF-8 with a mark in front. */
export function textOf(file: Buffer): string {
  const isUtf16 = file[0] === 0xff && file[1] === 0xfe;
  return isUtf16 ? file.toString('utf16le', 2) : file.toString('utf8').replace(/^\uFEFF/, '');
}
