import type { KeyObject, X509Certificate } from 'node:crypto';
import { type Finding, refusal } from './finding.ts';
import { checkKey } from './key.ts';

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
  const isTokenKey = keys.every((key) => key.asymmetricKeyDetails?.namedCurve === 'prime256v1');
  if (isTokenKey) {
    return refusal(
      'APNS_TOKEN_KEY',
      'The private key is not an RSA key but one on the curve P-256, as an APNs .p8 token key is.',
      'Telnyx takes no token keys: have the person give a VoIP Services certificate and its RSA key.',
    );
  }
  if (keys.every((key) => key.asymmetricKeyType !== 'rsa')) {
    return refusal('KEY_NOT_RSA', 'The private key is not an RSA key.', NEW_KEY);
  }
  return refusal('KEY_MISMATCH', 'The private key does not belong to the certificate.', SAME_ENTRY);
}
