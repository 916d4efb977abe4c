import { randomBytes } from 'node:crypto';

const UUID_LENGTH = 36;
const DASH = '-'.charCodeAt(0);
const DASHES = [8, 13, 18, 23];
/** Where its digits are. */
const PLACES = Uint8Array.from(Array(UUID_LENGTH).keys()).filter((at) => !DASHES.includes(at));
const NO_DIGIT = 16;
/** What a lower-case hexadecimal digit stands for, by its code. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return digit < 0 ? NO_DIGIT : digit;
});
// Known to nobody, so that no text can be made to look like another.
const SEED = randomBytes(16);
const SEEDS = { a: SEED.readInt32LE(0), b: SEED.readInt32LE(4), c: SEED.readInt32LE(8), d: SEED.readInt32LE(12) };

/**
 * Writes the 128 bits that stand for a text, as four words: a UUID's own, and a hash of any other. Done for every row of
 * an account, so it takes nothing apart. Gives whether it is a UUID.
 */
export function bitsOf(text: string, into: Uint32Array): boolean {
  if (uuidBits(text, into)) return true;
  hashBits(text, into);
  return false;
}

function uuidBits(text: string, into: Uint32Array): boolean {
  if (text.length !== UUID_LENGTH) return false;
  for (let dash = 0; dash < DASHES.length; dash += 1) {
    if (text.charCodeAt(DASHES[dash] ?? 0) !== DASH) return false;
  }
  let word = 0;
  for (let digits = 0; digits < PLACES.length; digits += 1) {
    const digit = DIGITS[text.charCodeAt(PLACES[digits] ?? 0)] ?? NO_DIGIT;
    if (digit === NO_DIGIT) return false;
    word = (word << 4) | digit;
    if (digits % 8 === 7) into[(digits - 7) / 8] = word;
  }
  return true;
}

/** Four hashes that feed each other (cyrb128, public domain), for its speed. */
function hashBits(text: string, into: Uint32Array): void {
  let { a, b, c, d } = SEEDS;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = b ^ Math.imul(a ^ code, 597_399_067);
    b = c ^ Math.imul(b ^ code, 2_869_860_233);
    c = d ^ Math.imul(c ^ code, 951_274_213);
    d = a ^ Math.imul(d ^ code, 2_716_044_179);
  }
  a = Math.imul(c ^ (a >>> 18), 597_399_067);
  b = Math.imul(d ^ (b >>> 22), 2_869_860_233);
  c = Math.imul(a ^ (c >>> 17), 951_274_213);
  d = Math.imul(b ^ (d >>> 19), 2_716_044_179);
  into[0] = a ^ b ^ c ^ d;
  into[1] = b ^ a;
  into[2] = c ^ a;
  into[3] = d ^ a;
}

/** The UUID that has these bits. */
export function uuidOf(words: readonly number[]): string {
  const digits = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
