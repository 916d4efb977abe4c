import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as asn1 from 'asn1js';
import { voipCertificate } from '../src/sandbox/certificate.ts';

/** The app that certificates are for unless told. */
export const BUNDLE_ID = 'com.example.dialer';

/** That many days from now. */
export const days = (count: number): Date => new Date(Date.now() + count * 86_400_000);

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A VoIP certificate with its key as PKCS#8, and the wrong things people have instead. */
export async function appleMaterial() {
  const { certificate, privateKey } = await voipCertificate({
    bundleId: BUNDLE_ID,
    teamId: 'A1B2C3D4E5',
    organization: 'Example',
    notBefore: days(-1),
    notAfter: days(300),
  });
  const key = createPrivateKey(privateKey);
  return {
    certificate,
    key: pem(key),
    otherKey: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    lockedKey: key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
    ecKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    // PFX ::= SEQUENCE { version INTEGER (3), … }: the start by which such a file is known.
    p12: Buffer.concat([Buffer.from('3082060002010330820500', 'hex'), Buffer.alloc(1500, 0x81)]),
  };
}

// Made once: a key takes a while.
let accountKey: string | undefined;

/** A service account key as Firebase gives it. */
export function serviceAccount() {
  accountKey ??= pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  return {
    type: 'service_account',
    project_id: 'example-dialer',
    private_key_id: '0123456789abcdef0123456789abcdef01234567',
    private_key: accountKey,
    client_email: 'firebase-adminsdk@example-dialer.iam.gserviceaccount.com',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
}

const APPLE_PUSH = '1.2.840.113635.100.6.3.';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const APPLE = 'Apple Inc.';

const sequence = (...value: asn1.BaseBlock[]) => new asn1.Sequence({ value });
const oid = (value: string) => new asn1.ObjectIdentifier({ value });
const utf8 = (value: string) => new asn1.Utf8String({ value });
const extension = (id: string, value: asn1.BaseBlock) =>
  sequence(oid(id), new asn1.OctetString({ valueHex: value.toBER() }));
const name = (...attributes: [id: string, value: string][]) =>
  sequence(...attributes.map(([id, value]) => new asn1.Set({ value: [sequence(oid(id), utf8(value))] })));

export interface CertificateOptions {
  key: { publicKey: KeyObject; privateKey: KeyObject };
  bundleId?: string;
  /** The push extensions that are there and hold nothing: `.1` development, `.2` production, `.5` VoIP (api.md §7.2). */
  marks?: number[];
  /** `.4`; absent when empty. */
  topics?: string[];
  /** `.6`, as pairs of a topic and its type. */
  universal?: [topic: string, type: string][];
  /** Extended key usages; null leaves the extension out. */
  usages?: string[] | null;
  ca?: boolean;
  issuer?: string;
  selfSigned?: boolean;
  notBefore?: Date;
  notAfter?: Date;
  /** Instead of the dates. */
  validity?: asn1.BaseBlock;
  /** Instead of the bundle id extension `.3`; null leaves it and the subject's UID out. */
  bundleExtension?: asn1.BaseBlock | null;
  /** Instead of the usual one; none at all is allowed too (RFC 5280 §4.1.2.6). */
  subject?: [id: string, value: string][];
  serial?: number;
}

/** A certificate like Apple's VoIP Services one, or unlike it in one thing. PEM. */
export function appleCertificate(options: CertificateOptions): string {
  const { key, bundleId = BUNDLE_ID, marks = [1, 2, 5], universal, usages = [CLIENT_AUTH], ca = false } = options;
  const { topics = [bundleId, `${bundleId}.voip`], issuer = APPLE, selfSigned = false, serial = 77 } = options;
  const { notBefore = days(-1), notAfter = days(300), bundleExtension = utf8(bundleId) } = options;
  const nested = (universal ?? []).flatMap(([topic, type]) => [utf8(topic), sequence(utf8(type))]);
  const extensions = [
    extension('2.5.29.19', sequence(...(ca ? [new asn1.Boolean({ value: true })] : []))),
    ...(usages ? [extension('2.5.29.37', sequence(...usages.map(oid)))] : []),
    ...marks.map((last) => extension(APPLE_PUSH + last, new asn1.Null())),
    ...(bundleExtension ? [extension(`${APPLE_PUSH}3`, bundleExtension)] : []),
    ...(topics.length > 0 ? [extension(`${APPLE_PUSH}4`, utf8(topics.join(', ')))] : []),
    ...(universal ? [extension(`${APPLE_PUSH}6`, sequence(...nested))] : []),
  ];
  const usual: [string, string][] = [
    ...(bundleExtension ? [['0.9.2342.19200300.100.1.1', bundleId] as [string, string]] : []),
    ['2.5.4.3', `VoIP Services: ${bundleId}`],
    ['2.5.4.10', 'Example'],
  ];
  const subject = name(...(options.subject ?? usual));
  const algorithm = sequence(oid('1.2.840.113549.1.1.11'), new asn1.Null());
  const time = (valueDate: Date) => new asn1.UTCTime({ valueDate });
  const context = (tagNumber: number, value: asn1.BaseBlock) =>
    new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
  const tbs = sequence(
    context(0, new asn1.Integer({ value: 2 })),
    new asn1.Integer({ value: serial }),
    algorithm,
    selfSigned ? subject : name(['2.5.4.3', 'Worldwide Developer Relations'], ['2.5.4.10', issuer]),
    options.validity ?? sequence(time(notBefore), time(notAfter)),
    subject,
    asn1.fromBER(key.publicKey.export({ type: 'spki', format: 'der' })).result,
    context(3, sequence(...extensions)),
  );
  // Nobody here can check Apple's signature, so its bytes do not matter.
  const signed = sequence(tbs, algorithm, new asn1.BitString({ valueHex: new Uint8Array(256).fill(7) }));
  return armour('CERTIFICATE', Buffer.from(signed.toBER()));
}

/** DER as PEM. */
export function armour(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** The DER in the first block of a PEM text. */
export const bare = (pem: string): Buffer =>
  Buffer.from(pem.replace(/^[\s\S]*?-----\n/, '').replace(/-----END[\s\S]*$/, ''), 'base64');
