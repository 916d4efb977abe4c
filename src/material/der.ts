import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { attempt } from '../core/basics.ts';
import { isTokenKey, readKey } from './key.ts';

/** A certificate out of PEM or DER, or undefined. */
export const readCertificate = (bytes: string | Buffer | null): X509Certificate | undefined =>
  bytes === null ? undefined : attempt(() => new X509Certificate(bytes));

// How a structure begins that node:crypto does not read: the parts around its first value, whatever their lengths.
const SEQUENCE = '\\x30(?:[\\x00-\\x80]|\\x81.|\\x82..|\\x83...|\\x84....)';
const [RSADSI, PKCS7] = ['\\x2a\\x86\\x48\\x86\\xf7\\x0d', '\\x01\\x07'];
const BEGINNINGS = [
  // PFX: version 3 (RFC 7292 §4).
  ['P12', `${SEQUENCE}\\x02\\x01\\x03\\x30`],
  // ContentInfo: one of the types of PKCS#7 (RFC 2315 §14).
  ['PKCS7', `${SEQUENCE}\\x06\\x09${RSADSI}${PKCS7}`],
  // EncryptedPrivateKeyInfo: a scheme of PKCS#5 or of PKCS#12 (RFC 5958 §3).
  ['ENCRYPTED_KEY', `${SEQUENCE}${SEQUENCE}\\x06.${RSADSI}\\x01(?:\\x05|\\x0c\\x01)`],
  // CertificationRequestInfo: version 0 and a name (RFC 2986 §4).
  ['CSR', `${SEQUENCE}${SEQUENCE}\\x02\\x01\\x00\\x30`],
] as const;

/** What DER holds, by itself; `source` is the text it stood in, hidden if that is a private key. */
export function kindOfDer(der: Buffer, source?: string) {
  const begins = BEGINNINGS.find(([, pattern]) => new RegExp(`^${pattern}`, 's').test(der.toString('latin1', 0, 64)));
  if (begins) return begins[0];
  if (readCertificate(der)) return 'CERTIFICATE';
  const key = readKey(der, source);
  if (key) return kindOfKey(key);
  const isPublic = (['spki', 'pkcs1'] as const).some((type) =>
    attempt(() => createPublicKey({ key: der, format: 'der', type })),
  );
  return isPublic ? 'PUBLIC_KEY' : 'DER';
}

function kindOfKey(key: KeyObject) {
  if (isTokenKey(key)) return 'TOKEN_KEY';
  return key.asymmetricKeyType === 'ec' ? 'EC_KEY' : 'PRIVATE_KEY';
}
