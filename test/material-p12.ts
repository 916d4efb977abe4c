import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

const { asn1 } = forge;
type Node = forge.asn1.Asn1;

const { SEQUENCE, SET, OID, OCTETSTRING, INTEGER, NULL } = asn1.Type;
const UNIVERSAL = asn1.Class.UNIVERSAL;
const latin1 = (bytes: Buffer) => bytes.toString('latin1');
const node = (type: number, value: string | Node[]) => asn1.create(UNIVERSAL, type, Array.isArray(value), value);
const sequence = (...value: Node[]) => node(SEQUENCE, value);
const oid = (dotted: string) => node(OID, asn1.oidToDer(dotted).getBytes());
const octets = (bytes: Buffer) => node(OCTETSTRING, latin1(bytes));
const number = (value: number) => node(INTEGER, asn1.integerToDer(value).getBytes());
const tagged = (value: Node) => asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [value]);
const der = (value: Node) => Buffer.from(asn1.toDer(value).getBytes(), 'latin1');

const PKCS12 = '1.2.840.113549.1.12';
const DATA = '1.2.840.113549.1.7.1';

type Lock = 'rc2-40' | 'rc2-128' | '3des' | 'aes-256' | 'none' | 'unknown';

export interface ArchiveOptions {
  certificates?: Buffer[];
  keys?: Buffer[];
  passphrase?: string | null;
  certificateLock?: Lock;
  keyLock?: Lock;
  hash?: 'sha1' | 'sha256';
  mac?: boolean;
  /** How many rounds the archive claims to need for its MAC, and for what it encrypts. */
  macRounds?: number;
  lockRounds?: number;
  contentType?: string;
  version?: number;
  /** In BER as Keychain writes it: octet strings in pieces, the whole of a length that is not told. */
  pieces?: boolean;
}

/** A PKCS#12 archive of X.509 and PKCS#8 DER, by the book (RFC 7292) and with any lock, also those no tool makes now. */
export function archive(options: ArchiveOptions): Buffer {
  const {
    pieces = false,
    certificates = [],
    keys = [],
    passphrase = 'open',
    version = 3,
    contentType = DATA,
    mac = true,
  } = options;
  const { certificateLock = 'rc2-40', keyLock = '3des', hash = 'sha1', macRounds = 2048, lockRounds = 2048 } = options;
  const lock = (kind: Lock, content: Buffer) => encrypt(kind, content, passphrase, lockRounds);
  const certificateBags = certificates.map((certificate) =>
    bag(3, sequence(oid('1.2.840.113549.1.9.22.1'), tagged(octets(certificate)))),
  );
  const keyBags = keys.map((key) => {
    if (keyLock === 'none') return bag(1, asn1.fromDer(latin1(key)));
    const { algorithm, data } = lock(keyLock, key);
    return bag(2, sequence(algorithm, octets(data)));
  });
  const safe = der(sequence(info(certificateBags, certificateLock, lock), info(keyBags, 'none', lock)));
  const salt = randomBytes(8);
  const content = sequence(oid(contentType), tagged(pieces ? inPieces(safe) : octets(safe)));
  if (!mac) return der(sequence(number(version), content));
  const bytes = hash === 'sha1' ? 20 : 32;
  const key = derive(passphrase, salt, 3, macRounds, bytes, hash);
  const digest = createHmac(hash, key).update(safe).digest();
  const algorithm = sequence(oid(hash === 'sha1' ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1'), node(NULL, ''));
  const macData = sequence(sequence(algorithm, octets(digest)), octets(salt), number(macRounds));
  const pfx = [number(version), content, macData];
  if (!pieces) return der(sequence(...pfx));
  return Buffer.concat([Buffer.from([0x30, 0x80]), ...pfx.map(der), Buffer.alloc(2)]);
}

function inPieces(bytes: Buffer): Node {
  return asn1.create(UNIVERSAL, OCTETSTRING, true, [octets(bytes.subarray(0, 1000)), octets(bytes.subarray(1000))]);
}

function bag(kind: number, value: Node): Node {
  const friendlyName = sequence(oid('1.2.840.113549.1.9.20'), node(SET, []));
  return sequence(oid(`${PKCS12}.10.1.${kind}`), tagged(value), node(SET, [friendlyName]));
}

type Encrypted = { algorithm: Node; data: Buffer };

function info(bags: Node[], kind: Lock, lock: (kind: Lock, content: Buffer) => Encrypted): Node {
  const content = der(sequence(...bags));
  if (kind === 'none') return sequence(oid(DATA), tagged(octets(content)));
  const { algorithm, data } = lock(kind, content);
  const implicit = asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, false, latin1(data));
  return sequence(oid('1.2.840.113549.1.7.6'), tagged(sequence(number(0), sequence(oid(DATA), algorithm, implicit))));
}

// What claims more rounds than this is refused before it is opened, so it need not be made right.
const capped = (rounds: number) => (rounds > 5_000_000 ? 1 : rounds);

function derive(
  passphrase: string | null,
  salt: Buffer,
  purpose: number,
  rounds: number,
  bytes: number,
  hash: 'sha1' | 'sha256' = 'sha1',
) {
  const seed = forge.util.createBuffer(latin1(salt));
  const key = forge.pkcs12.generateKey(passphrase, seed, purpose, capped(rounds), bytes, forge.md[hash].create());
  return Buffer.from(key.getBytes(), 'latin1');
}

function encrypt(kind: Lock, content: Buffer, passphrase: string | null, rounds: number): Encrypted {
  const salt = randomBytes(8);
  const scheme = (last: number) => sequence(oid(`${PKCS12}.1.${last}`), sequence(octets(salt), number(rounds)));
  if (kind === 'unknown') return { algorithm: scheme(1), data: content };
  if (kind === 'aes-256') {
    const iv = randomBytes(16);
    const key = pbkdf2Sync(passphrase ?? '', salt, capped(rounds), 32, 'sha256');
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const prf = sequence(oid('1.2.840.113549.2.9'), node(NULL, ''));
    const derivation = sequence(oid('1.2.840.113549.1.5.12'), sequence(octets(salt), number(rounds), prf));
    const encryption = sequence(oid('2.16.840.1.101.3.4.1.42'), octets(iv));
    return {
      algorithm: sequence(oid('1.2.840.113549.1.5.13'), sequence(derivation, encryption)),
      data: Buffer.concat([cipher.update(content), cipher.final()]),
    };
  }
  const iv = derive(passphrase, salt, 2, rounds, 8);
  if (kind === '3des') {
    const cipher = createCipheriv('des-ede3-cbc', derive(passphrase, salt, 1, rounds, 24), iv);
    return { algorithm: scheme(3), data: Buffer.concat([cipher.update(content), cipher.final()]) };
  }
  const bytes = kind === 'rc2-128' ? 16 : 5;
  const key = derive(passphrase, salt, 1, rounds, bytes);
  const cipher = forge.rc2.createEncryptionCipher(latin1(key), bytes * 8);
  cipher.start(latin1(iv));
  cipher.update(forge.util.createBuffer(latin1(content)));
  cipher.finish();
  return { algorithm: scheme(bytes === 16 ? 5 : 6), data: Buffer.from(cipher.output.getBytes(), 'latin1') };
}
