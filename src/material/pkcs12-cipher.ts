import { createDecipheriv, createHash, createHmac, pbkdf2 } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as asn1 from './asn1.ts';

type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** Why an archive is not opened although its structure may be sound. */
export class Locked extends Error {
  readonly reason: 'passphrase' | 'unsupported' | 'too costly';

  constructor(reason: Locked['reason']) {
    super();
    this.reason = reason;
  }
}

/** What the parts of one archive are opened with: null is a passphrase that was never set, '' an empty one. */
export interface Opener {
  passphrase: string | null;
  /** How much more hashing the archive may ask for, in rounds of PBKDF2. */
  work: { left: number };
}

const HASHES: Record<string, HashName> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const HMACS: Record<string, HashName> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const HASH_BYTES: Record<HashName, number> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const CIPHERS: Record<string, [name: string, keyBytes: number]> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
};
const [PBES2, PBKDF2] = ['1.2.840.113549.1.5.13', '1.2.840.113549.1.5.12'];
const TRIPLE_DES = '1.2.840.113549.1.12.1.3';
const RC2_BYTES: Record<string, number> = { '1.2.840.113549.1.12.1.5': 16, '1.2.840.113549.1.12.1.6': 5 };
const [FOR_KEY, FOR_IV, FOR_MAC] = [1, 2, 3];

/** Whether the MAC of RFC 7292 §4 is that of the content under the passphrase. Throws `Locked` and `Malformed`. */
export async function isMacOf(macData: asn1.Node, content: Buffer, opener: Opener): Promise<boolean> {
  const [digestInfo, salt, rounds] = asn1.partsOf(macData);
  const [algorithm, digest] = asn1.partsOf(digestInfo);
  const hash = known(HASHES, asn1.oidOf(asn1.inside(algorithm)));
  const count = rounds ? asn1.numberOf(rounds) : 1;
  const key = await derive(opener, FOR_MAC, asn1.octetsOf(salt), count, HASH_BYTES[hash], hash);
  return createHmac(hash, key).update(content).digest().equals(asn1.octetsOf(digest));
}

/** The content encrypted under an AlgorithmIdentifier of PKCS#12 or PBES2. Throws `Locked` and `Malformed`. */
export async function decrypt(algorithm: asn1.Node | undefined, data: Buffer, opener: Opener): Promise<Buffer> {
  const plain = await decryptAny(algorithm, data, opener);
  // Padding alone lets many a wrong passphrase pass for right, but all that is encrypted in such a file is a SEQUENCE.
  if (!asn1.isSequence(plain)) throw new Locked('passphrase');
  return plain;
}

async function decryptAny(algorithm: asn1.Node | undefined, data: Buffer, opener: Opener): Promise<Buffer> {
  const [scheme, parameters] = asn1.partsOf(algorithm);
  const oid = asn1.oidOf(scheme);
  if (oid === PBES2) return decryptPbes2(parameters, data, opener);
  const [salt, rounds] = asn1.partsOf(parameters);
  const make = (purpose: number, bytes: number) =>
    derive(opener, purpose, asn1.octetsOf(salt), asn1.numberOf(rounds), bytes);
  if (oid === TRIPLE_DES) return decipher('des-ede3-cbc', await make(FOR_KEY, 24), await make(FOR_IV, 8), data);
  const keyBytes = known(RC2_BYTES, oid);
  return decipherRc2(await make(FOR_KEY, keyBytes), await make(FOR_IV, 8), data);
}

async function decryptPbes2(parameters: asn1.Node | undefined, data: Buffer, opener: Opener): Promise<Buffer> {
  const [derivation, encryption] = asn1.partsOf(parameters).map(asn1.partsOf);
  if (asn1.oidOf(derivation?.[0]) !== PBKDF2) throw new Locked('unsupported');
  const [salt, rounds, ...optional] = asn1.partsOf(derivation?.[1]);
  const prf = optional.find((part) => part.idBlock.isConstructed);
  const hash = prf ? known(HMACS, asn1.oidOf(asn1.inside(prf))) : 'sha1';
  const [name, keyBytes] = known(CIPHERS, asn1.oidOf(encryption?.[0]));
  const count = spend(opener, asn1.numberOf(rounds), Math.ceil(keyBytes / HASH_BYTES[hash]));
  const key = await promisify(pbkdf2)(opener.passphrase ?? '', asn1.octetsOf(salt), count, keyBytes, hash);
  return decipher(name, key, asn1.octetsOf(encryption?.[1]), data);
}

// A round of PBKDF2 is native; one of PKCS#12 is a call from here and costs as much as five.
const PKCS12_ROUND = 5;
const ROUNDS_A_TURN = 10_000;

/** Key, IV or MAC key by RFC 7292 appendix B.2, whose names these are; other work has its turn meanwhile. */
async function derive(
  opener: Opener,
  purpose: number,
  salt: Buffer,
  rounds: number,
  bytes: number,
  hash: HashName = 'sha1',
): Promise<Buffer> {
  const v = HASH_BYTES[hash] > 32 ? 128 : 64;
  const blocks = Math.ceil(bytes / HASH_BYTES[hash]);
  spend(opener, rounds, blocks * PKCS12_ROUND);
  const I = Buffer.concat([filled(salt, v), filled(toBmp(opener.passphrase), v)]);
  const A: Buffer[] = [];
  for (let block = 1; block <= blocks; block++) {
    let Ai = createHash(hash).update(Buffer.alloc(v, purpose)).update(I).digest();
    for (let round = 1; round < rounds; round++) {
      if (round % ROUNDS_A_TURN === 0) await turn();
      Ai = createHash(hash).update(Ai).digest();
    }
    A.push(Ai);
    if (block < blocks) addToEach(I, filled(Ai, v).subarray(0, v));
  }
  return Buffer.concat(A).subarray(0, bytes);
}

/** A text over and over, up to the next multiple of so many bytes; nothing of nothing. */
const filled = (text: Buffer, v: number): Buffer =>
  text.length === 0 ? text : Buffer.alloc(Math.ceil(text.length / v) * v, text);

// Each block of I becomes I + B + 1, as one big number.
function addToEach(I: Buffer, B: Buffer): void {
  for (let start = 0; start < I.length; start += B.length) {
    let carry = 1;
    for (let at = B.length - 1; at >= 0; at--) {
      carry += (I[start + at] ?? 0) + (B[at] ?? 0);
      I[start + at] = carry & 0xff;
      carry >>= 8;
    }
  }
}

/** A passphrase as a BMPString with the two zeros at its end; one that was never set has none of both (appendix B.1). */
const toBmp = (passphrase: string | null): Buffer =>
  passphrase === null ? Buffer.alloc(0) : Buffer.from(`${passphrase}\0`, 'utf16le').swap16();

/** Takes what a derivation costs off what is left. Throws `Locked` when that is not enough, before any of it is done. */
function spend({ work }: Opener, count: number, times: number): number {
  work.left -= count * times;
  if (!(work.left >= 0)) throw new Locked('too costly');
  if (count === 0) throw new Locked('unsupported');
  return count;
}

function known<T>(table: Record<string, T>, oid: string): T {
  const entry = Object.hasOwn(table, oid) ? table[oid] : undefined;
  if (entry === undefined) throw new Locked('unsupported');
  return entry;
}

function decipher(name: string, key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const cipher = createDecipheriv(name, key, iv);
  const start = cipher.update(data);
  try {
    return Buffer.concat([start, cipher.final()]);
  } catch {
    // The padding is wrong.
    throw new Locked('passphrase');
  }
}

// OpenSSL 3 has RC2 in a provider that Node does not load; exports of older systems use it.
async function decipherRc2(key: Buffer, iv: Buffer, data: Buffer): Promise<Buffer> {
  const { default: forge } = await import('node-forge');
  const cipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(data.toString('latin1')));
  if (!cipher.finish()) throw new Locked('passphrase');
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}
