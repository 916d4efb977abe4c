import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The code of a system error, fit to be shown. */
export function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && /^[A-Z_]+$/.test(String(error.code))
    ? String(error.code)
    : 'unknown reason';
}

/** Makes the rename to `path` survive a power cut, on systems that can sync a folder; on others it does nothing. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

// A fleet of 50,000, each with some trouble, has less.
const MOST_BYTES = 1024 ** 3;

/** Gives what a file holds from an offset on. Throws what the system throws, and for what is no plain file. */
export function readFrom(path: string, offset: number): Buffer {
  // Without O_NONBLOCK the open of a named pipe would wait for a writer, and with it the whole server.
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW);
  try {
    const found = fs.fstatSync(file);
    if (!found.isFile()) throw Object.assign(new Error('no plain file'), { code: 'NO_FILE' });
    if (found.size > MOST_BYTES) throw Object.assign(new Error('too large'), { code: 'TOO_LARGE' });
    const bytes = Buffer.alloc(Math.max(0, found.size - offset));
    return bytes.subarray(0, fs.readSync(file, bytes, 0, bytes.length, offset));
  } finally {
    fs.closeSync(file);
  }
}
