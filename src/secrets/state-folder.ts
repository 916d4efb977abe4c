import { chmodSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../core/basics.ts';
import { misconfigured } from '../core/errors.ts';
import { reason } from './files.ts';

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
