import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { badInput, misconfigured } from '../errors.ts';
import { reason } from '../secrets/destination.ts';

const owner = z.object({
  pid: z.int().positive(),
  /** When the process started and in which boot, as Linux counts: a number of a process is given out again. */
  started: z.string().nullable(),
  boot: z.string().nullable(),
  token: z.string(),
  released: z.literal(true).optional(),
});
type Owner = z.infer<typeof owner>;

const OVER = 'over';

/**
 * Takes the lock of a credential until it is disposed of; undefined while a living process holds it, this one included.
 * Throws `CONFIGURATION` when locks cannot be kept, `BAD_INPUT` for what cannot be an id.
 *
 * A lock is a folder of numbered claims, and the highest one counts. That one is never deleted, so no contender that
 * looked too early can pass off an old number as the newest.
 */
export async function takeLock(stateDir: string, credential: string): Promise<AsyncDisposable | undefined> {
  if (!/^[\w-]{1,140}$/.test(credential)) throw badInput('A credential to be locked has no usable id.');
  const folder = join(stateDir, 'locks', credential);
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.chmodSync(folder, 0o700);
    return claim(folder);
  } catch (error) {
    throw misconfigured(
      `Rotations cannot be locked in ${folder} (${reason(error)}). Nothing was changed.`,
      'Ask the person to free space or to make that folder writable, and call again.',
    );
  }
}

// Without promises: a claim is a few looks at a small folder, and the pool of threads would take longer than the disk.
function claim(folder: string): AsyncDisposable | undefined {
  const [newest = 0] = generations(folder);
  if (newest > 0 && isHeld(join(folder, `${newest}`))) return undefined;
  const path = join(folder, `${newest + 1}`);
  const token = randomBytes(8).toString('hex');
  const self = { pid: process.pid, started: startOf(process.pid), boot: bootId(), token };
  if (!linkWhole(path, self)) return claim(folder);
  const [highest, ...lower] = generations(folder);
  // Whoever removes a claim removes all lower ones first: one that is still here was not overtaken during the listing.
  if (highest !== newest + 1 || !fs.existsSync(path)) {
    fs.rmSync(path, { force: true });
    return claim(folder);
  }
  for (const old of lower.toReversed()) fs.rmSync(join(folder, `${old}`), { force: true });
  return { [Symbol.asyncDispose]: async () => release(path, self) };
}

/** The numbers of the claims, highest first. */
function generations(folder: string): number[] {
  const names = fs.readdirSync(folder).filter((name) => /^[1-9]\d{0,14}$/.test(name));
  return names.map(Number).sort((a, b) => b - a);
}

function isHeld(path: string): boolean {
  const holder = readOwner(path);
  if (!holder || holder.released || differ(holder.boot, bootId())) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (reason(error) !== 'EPERM') return false;
  }
  const started = startOf(holder.pid);
  return started !== OVER && !differ(holder.started, started);
}

/** What is not known on one side could be the same: better a lock that waits than one that is held twice. */
const differ = (a: string | null, b: string | null): boolean => a !== null && b !== null && a !== b;

/** Undefined for a claim that is gone or does not read as one: it was overtaken, or released without space for a word. */
function readOwner(path: string): Owner | undefined {
  try {
    return owner.parse(JSON.parse(fs.readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || reason(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** False when the claim is taken; it appears whole, so that nobody reads half an owner. */
function linkWhole(path: string, self: Owner): boolean {
  const beside = `${path}.${self.token}.tmp`;
  try {
    fs.writeFileSync(beside, JSON.stringify(self), { flag: 'wx', mode: 0o600 });
    fs.linkSync(beside, path);
    return true;
  } catch (error) {
    if (reason(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    fs.rmSync(beside, { force: true });
  }
}

function release(path: string, self: Owner): void {
  const beside = `${path}.${self.token}.tmp`;
  try {
    // Somebody may have emptied the folder meanwhile, and another claim may have the number.
    if (readOwner(path)?.token !== self.token) return;
    fs.writeFileSync(beside, JSON.stringify({ ...self, released: true }), { mode: 0o600 });
    fs.renameSync(beside, path);
  } catch {
    releaseInPlace(path, beside);
  }
}

/** A full disk still lets a file shrink. A claim that cannot be emptied either ends with this process. */
function releaseInPlace(path: string, beside: string): void {
  try {
    fs.truncateSync(path);
    fs.rmSync(beside, { force: true });
  } catch {
    // Whoever disposes of a lock has done its work already, and has nothing to do about this.
  }
}

/** The same for every process since the system started; null where there is no such thing. */
const bootId = (): string | null => readProc('sys/kernel/random/boot_id')?.trim() ?? null;

/** When a process started, in ticks since boot; null when that cannot be known, `OVER` when it only waits to be reaped. */
function startOf(pid: number): string | null {
  const stat = readProc(`${pid}/stat`) ?? '';
  // The second field is a name in parentheses and may hold anything, parentheses and spaces too.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? OVER : (fields[18] ?? null);
}

function readProc(name: string): string | undefined {
  try {
    return fs.readFileSync(join('/proc', name), 'utf8');
  } catch {
    return undefined;
  }
}
