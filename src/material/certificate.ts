import { X509Certificate } from 'node:crypto';
import { fromBER, ObjectIdentifier, OctetString, Sequence } from 'asn1js';
import { oneLine } from '../untrusted.ts';

/** What a certificate says of itself, all of it public. Dates are ISO 8601 UTC; `days_left` is negative once lapsed. */
export interface CertificateFacts {
  subject: string;
  bundle_id: string | null;
  voip: boolean;
  not_before: string;
  not_after: string;
  days_left: number;
  fingerprint: string;
}

const DAY_MS = 86_400_000;

// Apple's push extensions (api.md §7.2): the bundle id, the topics, the VoIP marker, and the topics of universal ones.
const APPLE = '1.2.840.113635.100.6.3.';
const [BUNDLE_ID, TOPICS, VOIP, UNIVERSAL_TOPICS] = ['3', '4', '5', '6'].map((last) => APPLE + last);

/** The facts of a PEM certificate, or null when it is not one. `fingerprint` is SHA-256, as OpenSSL prints it. */
export function describeCertificate(pem: string, now: Date): CertificateFacts | null {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return null;
  }
  const { subject, validFrom, validTo, fingerprint256 } = certificate;
  const extensions = readExtensions(certificate.raw);
  const topics = [TOPICS, UNIVERSAL_TOPICS].map((oid = '') => extensions.get(oid)?.toString('latin1') ?? '').join(' ');
  const uid = subject.match(/^UID=(.+)$/m)?.[1];
  // The extension's value is itself a DER string: two bytes of header, then the text.
  const bundle =
    extensions
      .get(BUNDLE_ID ?? '')
      ?.subarray(2)
      .toString('latin1') ?? uid?.replace(/\.voip$/, '');
  const until = new Date(validTo);
  return {
    subject: oneLine(subject.replaceAll('\n', ', ')),
    bundle_id: bundle === undefined ? null : oneLine(bundle),
    voip: extensions.has(VOIP ?? '') || topics.includes('.voip'),
    not_before: new Date(validFrom).toISOString(),
    not_after: until.toISOString(),
    days_left: Math.floor((until.getTime() - now.getTime()) / DAY_MS),
    fingerprint: fingerprint256,
  };
}

function readExtensions(der: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const walk = (node: unknown): void => {
    if (!(node instanceof Sequence) && !isTagged(node)) return;
    const children: unknown[] = node.valueBlock.value;
    const [oid, value] = [children[0], children.at(-1)];
    if (node instanceof Sequence && oid instanceof ObjectIdentifier && value instanceof OctetString) {
      found.set(oid.valueBlock.toString(), Buffer.from(value.valueBlock.valueHexView));
    }
    for (const child of children) walk(child);
  };
  walk(fromBER(der).result);
  return found;
}

function isTagged(node: unknown): node is { valueBlock: { value: unknown[] } } {
  if (typeof node !== 'object' || node === null || !('valueBlock' in node)) return false;
  const { valueBlock } = node;
  return (
    typeof valueBlock === 'object' && valueBlock !== null && 'value' in valueBlock && Array.isArray(valueBlock.value)
  );
}
