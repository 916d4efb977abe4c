import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { badInput } from '../core/errors.ts';
import { type FolderRules, resolveAllowed } from './allowed-folder.ts';
import { leadsElsewhere, Unfit, whyNot } from './destination.ts';
import { reason, syncFolder } from './files.ts';
import { gitStanding, notIgnored } from './git.ts';
import { inTurn } from './turns.ts';

export interface FileRules extends FolderRules {
  /** The environment git is asked in. */
  childEnv: Record<string, string>;
  /** A digest of values that only this state folder can make. */
  mac(text: string): string;
}

/** A file as it was read; without `stat` it is not there. */
export interface Found {
  text: string;
  stat?: Stats;
}

const MOST_BYTES = 1024 * 1024;
const READABLE_BY_OTHERS = 0o044;

/** Reads a file that secrets are put into; undefined when it is not there. Throws `Unfit` for what `refuseOdd` refuses. */
export async function readTarget<T>(
  target: string,
  most: number,
  read: (file: FileHandle, stat: Stats) => Promise<T>,
): Promise<T | undefined> {
  // Without O_NONBLOCK the open of a named pipe would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const file = await open(target, flags).catch((error: unknown) => {
    if (reason(error) === 'ENOENT') return undefined;
    throw new Unfit(`it cannot be read (${reason(error)})`);
  });
  try {
    return file && (await read(file, refuseOdd(await file.stat(), most)));
  } finally {
    await file?.close();
  }
}

/** Throws `Unfit` for what could not be put back as it was: no plain file, one with a second name, one of more bytes. */
export function refuseOdd(stat: Stats, most: number): Stats {
  if (!stat.isFile() || stat.size > most) throw new Unfit('it is not a small regular file');
  if (stat.nlink > 1) throw new Unfit('it has a second name (a hard link), under which it would stay as it is');
  return stat;
}

/** The text of a file that secrets are put into; an empty one when it is not there. Throws `Unfit`. */
export const findText = async (target: string): Promise<Found> =>
  (await readTarget(target, MOST_BYTES, async (file, stat) => ({ text: decode(await file.readFile()), stat }))) ?? {
    text: '',
  };

const CONVERT = 'the person can save it as UTF-8 without a mark in an editor, or by `iconv -f UTF-16 -t UTF-8`';

/** UTF-8 without a mark: what is decoded by a guess is written back as something else. Throws `Unfit`. */
export function decode(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.startsWith('\uFEFF') && !text.includes('\0')) return text;
  } catch {
    // Said below.
  }
  throw new Unfit(`it is not plain UTF-8: ${CONVERT}`);
}

/** The error of a file that is of no use, before anything was created. */
export const useless = (path: string, error: unknown) =>
  badInput(
    `${path} cannot be used: ${whyNot(error)}. Nothing was created.`,
    'Mend that, or choose another destination, such as the vault.',
  );

/**
 * Throws `BAD_INPUT` for a file that would be committed, `CONFLICT` for a path that leads elsewhere by now; gives what to
 * warn of. `beside` is what is written on the way.
 */
export async function standingOf(
  path: string,
  target: string,
  { childEnv, ...rules }: FileRules,
  beside?: string,
): Promise<string[]> {
  const now = resolveAllowed(path, rules);
  if (now !== target) throw leadsElsewhere(target, now);
  if (/[\\/]\.git[\\/]/i.test(target)) throw badInput(`${path} is inside of a repository's own folder.`);
  const standing = await gitStanding(target, childEnv);
  // What is written beside it for a moment may not be a file of the repository either.
  const other = beside && (await gitStanding(beside, childEnv));
  if (standing === 'tracked' || other === 'tracked') {
    throw badInput(
      `${path} is tracked by git, so a secret in it would be committed.`,
      'Choose a file that git ignores, such as .env.local.',
    );
  }
  return standing === 'ignored' ? [] : [notIgnored(path).warning];
}

/** Throws when a link has taken the place of a folder since a secret was made for this file. */
export function refuseMoved(path: string, target: string, rules: FolderRules): void {
  if (resolveAllowed(path, rules) !== target) throw new Unfit('its path leads elsewhere by now');
}

/** What to warn of in a delivery to a file that is there by now. */
export function warningOf(target: string, { mode }: Stats, others: readonly string[]): { warning?: string } {
  const open = process.platform !== 'win32' && (mode & READABLE_BY_OTHERS) !== 0;
  const all = [
    ...others,
    ...(open ? [`Others on this machine may read ${target}: have the person chmod it to 600.`] : []),
  ];
  return all.length === 0 ? {} : { warning: all.join(' ') };
}

/** Sees that a file can be replaced by one with its owner and mode, and leaves nothing behind. Throws what the system throws. */
export const probe = (target: string, before: Found): Promise<void> =>
  inTurn(target, () => beside(target, '', before, async () => undefined));

/**
 * Replaces a file whole or not at all, with the owner and mode it had, in its turn, and reads it back; `check` is the last
 * look before. Throws `Unfit` when it is not as it was read before, or not as it was written.
 */
export async function replace(target: string, text: string, before: Found, check: () => void): Promise<Stats> {
  await beside(target, text, before, async (path) => {
    // Someone who takes no turns may have saved it.
    if ((await findText(target)).text !== before.text) throw new Unfit('someone else was writing to it');
    check();
    await rename(path, target);
  });
  await syncFolder(target);
  const after = await findText(target);
  if (after.text !== text || !after.stat) throw new Unfit('what was read back is something else');
  return after.stat;
}

/** What a text is written to before it takes the place of a file. */
export const besideOf = (target: string): string => `${target}.telnyx-credentials.tmp`;

/** Writes a text beside a file, does something with it, and removes it. */
async function beside(
  target: string,
  text: string,
  before: Found,
  use: (path: string) => Promise<void>,
): Promise<void> {
  // Always the same name, so that the next writer removes what a killed one left.
  const path = besideOf(target);
  await rm(path, { force: true });
  try {
    await write(path, text, before);
    await use(path);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

async function write(path: string, text: string, { stat }: Found): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (stat) await own(file, stat);
    await file.writeFile(text);
    // Last: until it is whole nobody else reads it.
    if (stat) await file.chmod(stat.mode & 0o777);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function own(file: FileHandle, { uid, gid }: Stats): Promise<void> {
  const made = await file.stat();
  if (made.uid === uid && made.gid === gid) return;
  await file.chown(uid, gid).catch(() => {
    throw new Unfit('it belongs to another user or group, and could not be given back to them');
  });
}
