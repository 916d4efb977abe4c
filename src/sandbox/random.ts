import { createCipheriv, createHash, randomBytes } from 'node:crypto';

/** Gives that many bytes. */
export type Bytes = (count: number) => Buffer;

const POOL = 65_536;
const ALPHANUMERICS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

// One call per value would make a large account slow to fill.
function pooled(source: Bytes): Bytes {
  let pool: Buffer = Buffer.alloc(0);
  let used = 0;
  return (count) => {
    if (used + count > pool.length) {
      pool = source(Math.max(POOL, count));
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
}

/** Unguessable bytes, for secrets. */
export const secretBytes: Bytes = pooled(randomBytes);

/** Bytes that are the same in every run for one label: the keystream of a cipher. */
export function stableBytes(label: string): Bytes {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(label).digest(), Buffer.alloc(16));
  return pooled((count) => cipher.update(Buffer.alloc(count)));
}

/** Gives a version 4 UUID. */
export function uuid(bytes: Bytes): string {
  const raw = bytes(16);
  raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
  raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
  const hex = raw.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Gives a 19-digit id, as connections have (api.md §3.3). */
export function snowflake(bytes: Bytes): string {
  const digits = Array.from(bytes(17), (byte) => byte % 10).join('');
  return `21${digits}`;
}

/** Gives that many letters and digits, the first of them those of `prefix`. */
export function alphanumerics(bytes: Bytes, count: number, prefix = ''): string {
  const letters = bytes(count);
  for (let index = 0; index < count; index++) {
    letters[index] = ALPHANUMERICS.charCodeAt((letters[index] ?? 0) % ALPHANUMERICS.length);
  }
  // Written over and not put in front: half a million joined strings would cost twice the memory.
  letters.write(prefix, 'latin1');
  return letters.toString('latin1');
}

/** Gives that many random bytes as hex. */
export function hex(bytes: Bytes, count: number): string {
  return bytes(count).toString('hex');
}

/** A SIP user name as Telnyx makes them: 50 characters since 2026 (api.md §3.2). */
export function sipUsername(bytes: Bytes): string {
  return alphanumerics(bytes, 50, 'gencred');
}
