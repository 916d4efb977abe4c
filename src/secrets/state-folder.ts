import { createHmac, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../core/basics.ts';
import { misconfigured } from '../core/errors.ts';
import { reason } from './files.ts';
import type { Secret } from './secret.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** Why a part of the state folder is not this user's alone; what others can only look into can be closed to them. */
interface Opening {
  path: string;
  kind: 'foreign' | 'writable' | 'readable';
  says: string;
}

/**
 * What is not this user's alone of the state folder and of what it keeps secrets and records in, links followed. What is
 * not there, or cannot be looked at, is no part of it. Windows has no such modes.
 */
export function openings(stateDir: string): Opening[] {
  if (process.platform === 'win32') return [];
  return ['.', 'vault', 'journal', 'key'].flatMap((name) => {
    const path = join(stateDir, name);
    const stats = attempt(() => statSync(path));
    const kind = stats && kindOf(stats);
    return kind ? [{ path, kind, says: SAYS[kind](path) }] : [];
  });
}

const SAYS = {
  foreign: (path: string) => `${path} belongs to another user`,
  writable: (path: string) => `other users can write ${path}`,
  readable: (path: string) => `other users can look into ${path}`,
};

function kindOf({ uid, mode }: Stats): Opening['kind'] | undefined {
  // What is root's is nobody else's: root can do as it likes anyway.
  if (uid !== process.geteuid?.() && uid !== 0) return 'foreign';
  if (mode & OTHERS_WRITE) return 'writable';
  return mode & OTHERS ? 'readable' : undefined;
}

/**
 * Throws `CONFIGURATION` for what others can write or own of the state folder, since what lies there may be theirs: a key, a
 * record, a link to where a secret would go.
 */
export function trustStateFolder(stateDir: string): void {
  const theirs = openings(stateDir).find(({ kind }) => kind !== 'readable');
  if (theirs) throw notOurs(theirs.says);
}

/** The same, and what others can look into is closed to them. */
export function claimStateFolder(stateDir: string): void {
  trustStateFolder(stateDir);
  for (const { path, says } of openings(stateDir)) {
    try {
      chmodSync(path, statSync(path).mode & ~OTHERS);
    } catch (error) {
      throw notOurs(`${says}, which cannot be changed (${reason(error)})`);
    }
  }
}

const notOurs = (says: string) =>
  misconfigured(
    `${says.replace(/^o/, 'O')}: the state folder must be this user's alone. Nothing was done.`,
    'Ask the person to look at what is in it and to chmod it to 700 (its file key to 600), or to set TELNYX_MCP_STATE_DIR to a folder of their own.',
  );

const BYTES = 32;

export interface StateKey {
  /** False when the state folder could not keep the key: what it signs then lasts only as long as the process. */
  readonly kept: boolean;
  /** HMAC-SHA-256 of a text or bytes under this key, separated by purpose, as raw bytes. */
  mac(purpose: string, text: string | Buffer): Buffer;
}

/** The key of this machine's state folder (a 0600 file, made on first use); one in memory when the folder is unusable. */
export function openStateKey(stateDir: string): StateKey {
  const { key, kept } = loadOrMake(stateDir);
  return { kept, mac: (purpose, text) => createHmac('sha256', key).update(`${purpose}\0`).update(text).digest() };
}

function loadOrMake(stateDir: string): { key: Buffer; kept: boolean } {
  const file = join(stateDir, 'key');
  const fresh = randomBytes(BYTES);
  try {
    if (!existsSync(file)) makeOnce(stateDir, file, fresh);
    const key = readFileSync(file);
    if (key.length === BYTES) return { key, kept: true };
  } catch {
    // Reading credentials needs no state folder: lists still work, their fingerprints are withheld.
  }
  return { key: fresh, kept: false };
}

/** Writes beside, then links: of two processes that start together one wins whole, and a crash leaves no half key. */
function makeOnce(stateDir: string, file: string, key: Buffer): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const beside = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    writeFileSync(beside, key, { flag: 'wx', mode: 0o600, flush: true });
    linkSync(beside, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

/**
 * The first 12 hex digits of a secret's HMAC: equal values have equal fingerprints on one machine, and they say nothing
 * else. Null without a secret, or when the key would not outlive the process and so would make equal values look changed.
 */
export function fingerprint(key: StateKey, secret: Secret | null): string | null {
  if (!secret || !key.kept) return null;
  return key.mac('fingerprint', secret.reveal()).toString('hex').slice(0, 12);
}
