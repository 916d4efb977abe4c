import { createPrivateKey, createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { attempt } from '../core/basics.ts';
import { Secret } from '../secrets/secret.ts';
import { type Finding, refusal } from './file.ts';

export interface Pair {
  certificate: X509Certificate;
  key: KeyObject;
}

const SAME_ENTRY = 'Have the person export both from the same keychain entry.';
const NEW_KEY = 'Have the person request a new VoIP Services certificate with an RSA key of 2048 bits.';

/**
 * Each certificate once, with the key that fits it. When none fits, the findings say why. A key that fits no
 * certificate is left alone: it may be any key of this machine.
 */
export function pairUp(certificates: X509Certificate[], keys: KeyObject[]): { pairs: Pair[]; findings: Finding[] } {
  const pairs = new Map<string, Pair>();
  for (const certificate of certificates) {
    const key = keys.find((candidate) => certificate.checkPrivateKey(candidate));
    if (key) pairs.set(certificate.fingerprint256, { certificate, key });
  }
  if (pairs.size === 0) return { pairs: [], findings: [whyNone(keys)] };
  const sound = [...pairs.values()].map((pair) => ({ pair, faults: checkKey(pair.key, 'The private key', NEW_KEY) }));
  const good = sound.filter(({ faults }) => faults.length === 0).map(({ pair }) => pair);
  return { pairs: good, findings: good.length > 0 ? [] : (sound[0]?.faults ?? []) };
}

function whyNone(keys: KeyObject[]): Finding {
  if (keys.every(isTokenKey)) return tokenKey();
  if (keys.every((key) => key.asymmetricKeyType !== 'rsa')) {
    return refusal('KEY_NOT_RSA', 'The private key is not an RSA key.', NEW_KEY);
  }
  return refusal('KEY_MISMATCH', 'The private key does not belong to the certificate.', SAME_ENTRY);
}

/** Whether it is on the curve of the token keys of APNs: nothing else tells a .p8 from another key. */
export const isTokenKey = (key: KeyObject): boolean => key.asymmetricKeyDetails?.namedCurve === 'prime256v1';

/** The finding for a token key in place of the key of a certificate. */
export const tokenKey = (): Finding =>
  refusal(
    'APNS_TOKEN_KEY',
    'The private key is not an RSA key but one on the curve P-256, as an APNs token key (.p8) is.',
    'Telnyx takes no token keys: have the person give a VoIP Services certificate and its RSA key.',
  );

const FORMS = ['pkcs8', 'pkcs1', 'sec1'] as const;
const FEWEST_BITS = 2048;
// Beyond this one signature takes seconds, and a file has room for far longer ones.
const MOST_BITS = 8192;
const PROBE = Buffer.from('preflight');

/** A private key out of DER in any of its three forms, or null. `source` is the text it stood in, hidden from now on. */
export function readKey(der: Buffer, source?: string): KeyObject | null {
  for (const type of FORMS) {
    try {
      const key = createPrivateKey({ key: der, format: 'der', type });
      if (source !== undefined) new Secret(source);
      // The form it is sent in is hidden before anything else is known of it.
      if (key.asymmetricKeyType === 'rsa') toPkcs1(key);
      return key;
    } catch {
      // Another form, or no key.
    }
  }
  return null;
}

/** An RSA key as PKCS#1 PEM: Telnyx reportedly refuses PKCS#8 (api.md §4 row 13). */
export function toPkcs1(key: KeyObject): Secret {
  return new Secret(key.export({ type: 'pkcs1', format: 'pem' }).toString());
}

/** An RSA key as PKCS#8 PEM, as Google writes them. */
export function toPkcs8(key: KeyObject): Secret {
  return new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** What makes a key useless for its purpose; `what` names it in the sentence, `next` says where a good one comes from. */
export function checkKey(key: KeyObject, what: string, next: string): Finding[] {
  if (key.asymmetricKeyType !== 'rsa') return [refusal('KEY_NOT_RSA', `${what} is not an RSA key.`, next)];
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < FEWEST_BITS) {
    return [refusal('RSA_TOO_SMALL', `${what} has ${bits} bits, fewer than ${FEWEST_BITS}.`, next)];
  }
  if (bits > MOST_BITS) return [refusal('RSA_TOO_LARGE', `${what} has ${bits} bits, more than ${MOST_BITS}.`, next)];
  if (works(key)) return [];
  return [refusal('KEY_DAMAGED', `${what} can be read but its parts do not fit each other.`, next)];
}

// OpenSSL takes the numbers of a key as they are written.
const works = (key: KeyObject): boolean =>
  attempt(() => verify('sha256', PROBE, createPublicKey(key), sign('sha256', PROBE, key))) === true;

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
