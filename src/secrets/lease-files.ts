import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { attempt } from '../core/basics.ts';
import { badInput, conflict, type ToolError } from '../core/errors.ts';
import type { Held, Lease } from '../core/lease.ts';
import { plainly } from '../core/text.ts';
import { readFrom, reason } from './files.ts';

const owner = z.object({
  // A time in milliseconds, or little more: one that is none would leave no room for the next.
  token: z.int().max(8.64e15),
  nonce: z.string(),
  host: z.string(),
  pid: z.int().positive(),
  /** Where a number of a process means the same process: one boot of one machine, and one namespace in it. */
  place: z.string(),
  /** When the process started, as Linux counts: its number is given out again. */
  started: z.string().nullable(),
});
type Owner = z.infer<typeof owner>;

/** How often a holder shows that it lives, and after how long without that a holder elsewhere is taken for dead. */
const BEATS_MS = 10_000;
const DEAD_AFTER_MS = 60_000;
/** The same where a process has the holder's number, and nobody can tell whether it is the holder. */
const UNSURE_DEAD_AFTER_MS = 10 * 60_000;
/** The nonces of what this process holds: by its number alone a claim could be that of an earlier one. */
const MINE = new Set<string>();
const OVER = 'over';
/** Nobody takes over from a dead one that often. */
const MOST_CLAIMS = 999_999_999_999_999;

/**
 * Leases as files in a folder: numbered claims to a name, of which the highest counts. Whoever takes over from a dead one
 * claims the next number, which only one can, and looks whether the dead claim is still there: if not, another was faster.
 * A claim is removed with its lease, so that nothing stays behind.
 */
export class LeaseFiles {
  readonly #folder: string;
  readonly #held = new Map<string, Owner>();
  #beating: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Gives the lease of a name, or who has it; this process included. Throws what the system throws. */
  take(name: string): Lease | Held {
    if (!/^[\w-]{1,140}$/.test(name)) throw badInput('What is to be worked on has no usable id.');
    fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return this.#claim(name);
  }

  // Without promises: a claim is a few looks at a small folder, and the pool of threads would take longer than the disk.
  #claim(name: string): Lease | Held {
    const [base] = this.#claims(name);
    if (base === MOST_CLAIMS) throw altered(this.#path(name, base));
    const before = base === undefined ? undefined : read(this.#path(name, base));
    const nonce = randomBytes(8).toString('hex');
    const beside = join(this.#folder, `${name}.${nonce}.tmp`);
    const self: Owner = {
      // Above that of a holder that is wrongly taken for dead; above earlier ones, since time goes by.
      token: Math.max(Date.now(), (before?.token ?? 0) + 1),
      ...{ nonce, host: hostname(), pid: process.pid, place: PLACE, started: startOf(process.pid) },
    };
    const path = this.#path(name, (base ?? 0) + 1);
    try {
      fs.writeFileSync(beside, JSON.stringify(self), { flag: 'wx', mode: 0o600 });
      this.#sweep(name, beside);
      const held = before && base && this.#heldBy(before, this.#path(name, base), beside);
      if (held) return held;
      // It appears whole, so that nobody reads half an owner.
      fs.linkSync(beside, path);
    } catch (error) {
      if (reason(error) !== 'EEXIST') throw error;
      return this.#claim(name);
    } finally {
      fs.rmSync(beside, { force: true });
    }
    if (!this.#succeeds(name, base, before)) {
      remove(path, self);
      return this.#claim(name);
    }
    this.#held.set(path, self);
    MINE.add(nonce);
    this.#beat();
    return {
      token: self.token,
      check: () => this.#check(name, path, self),
      [Symbol.asyncDispose]: async () => this.#release(path, self),
    };
  }

  /** Whether a claim just made is the one that counts: none is higher, and what it goes on from was still there. */
  #succeeds(name: string, base: number | undefined, before: Owner | undefined): boolean {
    const [highest, ...lower] = this.#claims(name);
    if (highest !== (base ?? 0) + 1 || lower[0] !== base) return false;
    if (base !== undefined && read(this.#path(name, base))?.nonce !== before?.nonce) return false;
    // The lowest first: whoever is late and claims a number anew finds what it goes on from gone.
    for (const old of lower.toReversed()) fs.rmSync(this.#path(name, old), { force: true });
    return true;
  }

  /** Removes what was written for claims to a name by processes that were killed before they made them. */
  #sweep(name: string, beside: string): void {
    const since = fs.statSync(beside).mtimeMs - DEAD_AFTER_MS;
    for (const file of fs.readdirSync(this.#folder)) {
      if (!file.startsWith(`${name}.`) || !file.endsWith('.tmp')) continue;
      const path = join(this.#folder, file);
      if ((fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? since) < since) fs.rmSync(path, { force: true });
    }
  }

  #path(name: string, number: number): string {
    return join(this.#folder, `${name}.${number}`);
  }

  /** The numbers of the claims to a name, highest first. */
  #claims(name: string): number[] {
    const numbers = fs.readdirSync(this.#folder).flatMap((file) => {
      const [of, number = '', ...rest] = file.split('.');
      return of === name && rest.length === 0 && /^[1-9]\d{0,14}$/.test(number) ? [Number(number)] : [];
    });
    return numbers.sort((a, b) => b - a);
  }

  #heldBy(holder: Owner, path: string, beside: string): Held | undefined {
    // Both by the clock of the disk: that of another machine may be wrong.
    const beat = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (beat === undefined) return undefined;
    const silence = fs.statSync(beside).mtimeMs - beat;
    const standing = holder.place === PLACE ? standingOf(holder) : 'elsewhere';
    const lasts = standing === 'unsure' ? UNSURE_DEAD_AFTER_MS : DEAD_AFTER_MS;
    if (standing === 'dead' || (standing !== 'alive' && silence >= lasts)) return undefined;
    return {
      holder:
        standing === 'alive' && holder.pid === process.pid
          ? 'another call'
          : `process ${holder.pid} on ${plainly(holder.host)}`,
      until: new Date(beat + lasts).toISOString(),
    };
  }

  #check(name: string, path: string, { nonce }: Owner): void {
    if (this.#held.has(path) && read(path)?.nonce === nonce) return;
    throw conflict(
      `Another process has taken over the work on ${name}: this one was taken for dead. It does no more of it.`,
      'Call get_rotation to see how far it is.',
    );
  }

  #release(path: string, self: Owner): void {
    this.#held.delete(path);
    MINE.delete(self.nonce);
    if (this.#held.size === 0) {
      clearInterval(this.#beating);
      this.#beating = undefined;
    }
    try {
      remove(path, self);
    } catch {
      // Whoever disposes of a lease has done its work already; it ends with this process.
    }
  }

  #beat(): void {
    this.#beating ??= setInterval(() => {
      for (const [path, self] of this.#held) {
        try {
          // A write, since then it is the clock of the disk that tells when.
          if (read(path)?.nonce === self.nonce) fs.writeFileSync(path, JSON.stringify(self), { flag: 'r+' });
        } catch {
          // The next check finds out.
        }
      }
    }, BEATS_MS).unref();
  }
}

/** What stands where a claim should: a folder, a link, a pipe. */
const NO_CLAIM = ['NO_FILE', 'ELOOP', 'TOO_LARGE'];

const altered = (path: string): ToolError =>
  conflict(
    `${path} is no lease, so it cannot be told who works on that. Nothing was changed.`,
    'Tell the person at once: someone or something changed the state folder. When no other process is at work on it, they remove that file or folder.',
  );

/** The names of what lies among leases, has the name of one, and is none: nobody works on what it is named after. */
export function strayLeases(folder: string): string[] {
  return fs.readdirSync(folder).filter((name) => {
    if (name.endsWith(`.${MOST_CLAIMS}`)) return true;
    try {
      if (/^[\w-]+\.\d{1,15}$/.test(name)) read(join(folder, name));
      return false;
    } catch {
      return true;
    }
  });
}

/** Undefined for a claim that is gone or does not read as one. */
function read(path: string): Owner | undefined {
  try {
    return owner.parse(JSON.parse(readFrom(path, 0).toString()));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || reason(error) === 'ENOENT') return undefined;
    if (NO_CLAIM.includes(reason(error))) throw altered(path);
    throw error;
  }
}

/** Removes a claim of ours, and no other that has its number by now. */
function remove(path: string, { nonce }: Owner): void {
  if (read(path)?.nonce === nonce) fs.rmSync(path, { force: true });
}

/** Whether a holder on this machine lives. */
function standingOf({ pid, started, nonce }: Owner): 'alive' | 'dead' | 'unsure' {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (reason(error) !== 'EPERM') return 'dead';
  }
  const now = startOf(pid);
  if (now === OVER) return 'dead';
  if (started !== null && now !== null) return started === now ? 'alive' : 'dead';
  return MINE.has(nonce) ? 'alive' : 'unsure';
}

/** When a process started, in ticks since boot; null when that cannot be known, `OVER` when it only waits to be reaped. */
function startOf(pid: number): string | null {
  // A container may see the processes of the machine there, under other numbers than its own.
  if (attempt(() => fs.readlinkSync('/proc/self')) !== `${process.pid}`) return null;
  const stat = attempt(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '';
  // The second field is a name in parentheses and may hold anything, parentheses and spaces too.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? OVER : (fields[18] ?? null);
}

const PLACE = placeOf();

/**
 * This boot of this machine, and this namespace of processes in it. Systems other than Linux have no such namespaces, and
 * go by the name of the machine. Where it cannot be told it is like no other, and heartbeats alone count.
 */
function placeOf(): string {
  if (process.platform !== 'linux') return hostname();
  const boot = attempt(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const namespace = attempt(() => fs.readlinkSync('/proc/self/ns/pid'));
  return boot && namespace ? `${boot} ${namespace}` : randomBytes(16).toString('hex');
}
