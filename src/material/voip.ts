import type { X509Certificate } from 'node:crypto';
import { oneLine } from '../core/text.ts';
import { type CertificateFacts, factsOf, hasVoipTopic, type PushMarks, readMarks } from './certificate.ts';
import { caution, type Finding, refusal } from './file.ts';

export interface Checked {
  facts: CertificateFacts | null;
  findings: Finding[];
}

const SOON_DAYS = 30;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const MAKE_VOIP =
  'Have the person make a VoIP Services certificate for the app in the Apple developer portal, and give that one.';
const RENEW = 'Have the person make a new VoIP Services certificate in the Apple developer portal.';

/** What APNs would say of a certificate for VoIP pushes, as far as it shows (api.md §7.3); Apple's signature does not. */
export function checkVoip(certificate: X509Certificate, now: Date, bundleId: string | undefined): Checked {
  const marks = readMarks(certificate);
  const facts = factsOf(certificate, marks, now);
  if (!facts) {
    const found = 'The certificate has dates that are none.';
    return { facts, findings: [refusal('CERTIFICATE_DAMAGED', found, RENEW)] };
  }
  if (certificate.ca) {
    const found = "The certificate is an authority's, made to sign others.";
    return { facts, findings: [refusal('CA_CERTIFICATE', found, MAKE_VOIP)] };
  }
  return {
    facts,
    findings: [
      ...checkIssuer(certificate),
      ...checkDates(facts, now),
      ...checkUsage(certificate),
      ...checkMarks(marks),
      ...checkBundle(facts, marks, bundleId),
    ],
  };
}

function checkIssuer({ issuer, subject }: X509Certificate): Finding[] {
  // Both are undefined when they are empty, which the types do not say.
  const issuedBy: string | undefined = issuer;
  if (issuedBy === subject)
    return [refusal('SELF_SIGNED', 'The certificate is signed by itself, not by Apple.', MAKE_VOIP)];
  if (/^O=Apple Inc\.$/m.test(issuedBy ?? '')) return [];
  return [
    caution(
      'ISSUER_NOT_APPLE',
      'The certificate does not name Apple as its issuer.',
      `APNs takes no other. ${MAKE_VOIP}`,
    ),
  ];
}

function checkDates({ not_before, not_after, days_left }: CertificateFacts, now: Date): Finding[] {
  if (now.getTime() < Date.parse(not_before)) {
    const found = `The certificate is valid from ${not_before} only.`;
    return [refusal('NOT_YET_VALID', found, "Wait until then, or have the person set this machine's clock.")];
  }
  if (now.getTime() > Date.parse(not_after)) {
    return [refusal('EXPIRED', `The certificate lapsed at ${not_after}.`, RENEW)];
  }
  if (days_left >= SOON_DAYS) return [];
  return [caution('EXPIRES_SOON', `The certificate lapses at ${not_after}, in ${days_left} days.`, RENEW)];
}

// Node calls the extended key usage keyUsage, and leaves it undefined where the certificate has none.
function checkUsage({ keyUsage }: X509Certificate): Finding[] {
  const usage: readonly string[] | undefined = keyUsage;
  if (!usage) {
    return [
      caution('USAGE_MISSING', 'The certificate does not say that it is for clients, as those of Apple do.', MAKE_VOIP),
    ];
  }
  if (usage.includes(CLIENT_AUTH)) return [];
  return [refusal('NOT_FOR_CLIENTS', 'The certificate is not for clients, which APNs requires.', MAKE_VOIP)];
}

function checkMarks(marks: PushMarks): Finding[] {
  const { development, production, voip, universal, topics } = marks;
  if (!development && !production && !voip && !universal && topics.length === 0) {
    return [refusal('NOT_FOR_PUSH', 'The certificate is not one for Apple push notifications.', MAKE_VOIP)];
  }
  return [...checkTopics(marks), ...checkEnvironments(marks)];
}

function checkTopics(marks: PushMarks): Finding[] {
  if (marks.voip) {
    if (marks.topics.length === 0 || hasVoipTopic(marks)) return [];
    return [caution('VOIP_TOPIC_MISSING', 'The certificate is marked for VoIP and lists no .voip topic.', MAKE_VOIP)];
  }
  if (!marks.universal) {
    if (hasVoipTopic(marks)) return [];
    return [refusal('NOT_VOIP', 'The certificate is for ordinary pushes, not for VoIP.', MAKE_VOIP)];
  }
  if (!hasVoipTopic(marks)) {
    const found = 'The certificate is an "Apple Push Services" one and lists no .voip topic.';
    return [refusal('UNIVERSAL_WITHOUT_VOIP', found, MAKE_VOIP)];
  }
  const found = 'The certificate is an "Apple Push Services" one that lists a .voip topic, not a VoIP Services one.';
  return [caution('UNIVERSAL_CERTIFICATE', found, `It may work; if calls do not ring: ${MAKE_VOIP}`)];
}

function checkEnvironments({ development, production }: PushMarks): Finding[] {
  if (production) return [];
  if (development) {
    const found = 'The certificate is for development only: apps from the App Store and TestFlight would get no calls.';
    return [caution('DEVELOPMENT_ONLY', found, MAKE_VOIP)];
  }
  return [caution('PRODUCTION_MARK_MISSING', 'The certificate does not say that it serves production.', MAKE_VOIP)];
}

function checkBundle({ bundle_id }: CertificateFacts, { topics }: PushMarks, wanted: string | undefined): Finding[] {
  const app = wanted?.trim().replace(/\.voip$/, '');
  if (!app) return [];
  const action = 'Have the person give the certificate made for this app, or correct the bundle id.';
  if (bundle_id === null) {
    return [caution('BUNDLE_UNKNOWN', 'The certificate names no bundle id to compare with the given one.', action)];
  }
  if (bundle_id !== app) {
    const found = `The certificate is for ${oneLine(bundle_id)}, not for ${oneLine(app)}.`;
    return [refusal('BUNDLE_MISMATCH', found, action)];
  }
  if (topics.length === 0 || topics.includes(`${app}.voip`)) return [];
  return [caution('BUNDLE_TOPIC_MISSING', `The certificate does not list the topic ${oneLine(app)}.voip.`, MAKE_VOIP)];
}
