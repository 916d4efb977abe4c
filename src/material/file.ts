import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { badInput } from '../errors.ts';
import { MOST_BYTES } from './text.ts';

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this process',
  EPERM: 'may not be read by this process',
  ENOTDIR: 'does not exist',
  ENAMETOOLONG: 'has a name that is too long',
};

/**
 * The bytes of a small regular file a person keeps somewhere on this machine; `what` names the argument. Throws
 * `BAD_INPUT`. What the file holds is never quoted, here or by those who read it.
 */
export async function readMaterial(what: string, path: string): Promise<Buffer> {
  const expanded = path.replace(/^~(?=\/)/, homedir());
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
