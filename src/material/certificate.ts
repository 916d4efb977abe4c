import type { X509Certificate } from 'node:crypto';
import { BaseStringBlock } from 'asn1js';
import { attempt } from '../core/basics.ts';
import { oneLine } from '../core/text.ts';
import * as asn1 from './asn1.ts';
import { parseCertificate } from './pem.ts';

/**
 * What a certificate says of itself, all of it public. Dates are ISO 8601 UTC; `days_left` is negative once lapsed. The
 * subject may be empty (RFC 5280 §4.1.2.6): null then.
 */
export interface CertificateFacts {
  subject: string | null;
  bundle_id: string | null;
  voip: boolean;
  not_before: string;
  not_after: string;
  days_left: number;
  fingerprint: string;
}

/** What Apple's push extensions say (api.md §7.2). `universal`: the topics come in the form of an all-purpose one. */
export interface PushMarks {
  development: boolean;
  production: boolean;
  voip: boolean;
  universal: boolean;
  topics: string[];
  bundleId: string | undefined;
}

const DAY_MS = 86_400_000;
const APPLE_PUSH = '1.2.840.113635.100.6.3.';

/** The facts of a certificate as Telnyx keeps it, or null when it is none. `fingerprint` is SHA-256, as OpenSSL prints it. */
export function describeCertificate(text: string, now: Date): CertificateFacts | null {
  const certificate = parseCertificate(text);
  return certificate ? factsOf(certificate, readMarks(certificate), now) : null;
}

/** The facts of a certificate, or null when its dates are none. */
export function factsOf(certificate: X509Certificate, marks: PushMarks, now: Date): CertificateFacts | null {
  const { validFrom, validTo, fingerprint256 } = certificate;
  // Node leaves an empty one undefined, which its types do not say.
  const subject: string | undefined = certificate.subject;
  const [from, until] = [new Date(validFrom), new Date(validTo)];
  if (Number.isNaN(from.getTime()) || Number.isNaN(until.getTime())) return null;
  const bundle = marks.bundleId ?? subject?.match(/^UID=(.+)$/m)?.[1]?.replace(/\.voip$/, '');
  return {
    subject: subject ? oneLine(subject.replaceAll('\n', ', ')) : null,
    bundle_id: bundle ? oneLine(bundle) : null,
    voip: marks.voip || hasVoipTopic(marks),
    not_before: from.toISOString(),
    not_after: until.toISOString(),
    days_left: Math.floor((until.getTime() - now.getTime()) / DAY_MS),
    fingerprint: fingerprint256,
  };
}

/** Whether a topic of the certificate is for VoIP pushes; a universal one names the type beside the topic. */
export function hasVoipTopic({ topics }: PushMarks): boolean {
  return topics.some((topic) => topic === 'voip' || topic.endsWith('.voip'));
}

/** Apple's push extensions; what cannot be read counts as absent. */
export function readMarks({ raw }: X509Certificate): PushMarks {
  const extensions = attempt(() => readExtensions(raw)) ?? new Map<string, Buffer>();
  const texts = (last: number): string[] => {
    const value = extensions.get(APPLE_PUSH + last);
    return (value && attempt(() => textsOf(asn1.parse(value)))) ?? [];
  };
  const has = (last: number) => extensions.has(APPLE_PUSH + last);
  return {
    development: has(1),
    production: has(2),
    voip: has(5),
    universal: has(6),
    topics: [...texts(4).flatMap((list) => list.split(',')), ...texts(6)].map((topic) => topic.trim()),
    bundleId: texts(3)[0],
  };
}

// TBSCertificate: of its parts only the extensions are tagged 3 (RFC 5280 §4.1).
function readExtensions(der: Buffer): Map<string, Buffer> {
  const [tbs] = asn1.partsOf(asn1.parse(der));
  const tagged = asn1.partsOf(tbs).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 3);
  const all = tagged ? asn1.partsOf(asn1.inside(tagged)).map(asn1.partsOf) : [];
  return new Map(all.map((parts) => [asn1.oidOf(parts[0]), asn1.octetsOf(parts.at(-1))]));
}

function textsOf(node: asn1.Node): string[] {
  if (node instanceof BaseStringBlock) return [String(node.valueBlock.value)];
  return node.idBlock.isConstructed ? asn1.partsOf(node).flatMap(textsOf) : [];
}
