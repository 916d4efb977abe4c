import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from './secret.ts';

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
