import { sign } from 'node:crypto';
import * as asn1 from 'asn1js';
import { keyPair } from './keys.ts';
import { secretBytes } from './random.ts';

export interface VoipIdentity {
  /** `com.acme.dialer`; Apple adds `.voip` for the subject's UID. */
  bundleId: string;
  teamId: string;
  organization: string;
  notBefore: Date;
  notAfter: Date;
  /** Which of this process's keys it is for; the bundle id's unless told. */
  key?: string;
}

type Block = asn1.BaseBlock;

const APPLE_PUSH = '1.2.840.113635.100.6.3';
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';
// Nobody can check Apple's signature here, and each key takes a while to make.
const ISSUER_KEY = 'telnyx';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const UTC_TIME_ENDS = 2050;
const DIGITAL_SIGNATURE = Uint8Array.of(0x80);

const ATTRIBUTES = {
  UID: '0.9.2342.19200300.100.1.1',
  CN: '2.5.4.3',
  OU: '2.5.4.11',
  O: '2.5.4.10',
  C: '2.5.4.6',
} as const;

const sequence = (...value: Block[]) => new asn1.Sequence({ value });
const oid = (value: string) => new asn1.ObjectIdentifier({ value });
const utf8 = (value: string) => new asn1.Utf8String({ value });
const tagged = (tagNumber: number, value: Block) =>
  new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });

function name(attributes: readonly [keyof typeof ATTRIBUTES, string][]): Block {
  return sequence(
    ...attributes.map(([key, value]) => {
      const text = key === 'C' ? new asn1.PrintableString({ value }) : utf8(value);
      return new asn1.Set({ value: [sequence(oid(ATTRIBUTES[key]), text)] });
    }),
  );
}

function time(valueDate: Date): Block {
  return valueDate.getUTCFullYear() < UTC_TIME_ENDS
    ? new asn1.UTCTime({ valueDate })
    : new asn1.GeneralizedTime({ valueDate });
}

function extension(id: string, value: Block, critical = false): Block {
  const marks = critical ? [new asn1.Boolean({ value: true })] : [];
  return sequence(oid(id), ...marks, new asn1.OctetString({ valueHex: value.toBER() }));
}

// What a VoIP Services certificate carries (api.md §7.2); one serves sandbox (.1) and production (.2).
function extensions(bundleId: string): Block {
  return sequence(
    extension('2.5.29.19', sequence(), true),
    extension('2.5.29.37', sequence(oid(CLIENT_AUTH)), true),
    extension('2.5.29.15', new asn1.BitString({ valueHex: DIGITAL_SIGNATURE, unusedBits: 7 }), true),
    extension(`${APPLE_PUSH}.1`, new asn1.Null()),
    extension(`${APPLE_PUSH}.2`, new asn1.Null()),
    extension(`${APPLE_PUSH}.3`, utf8(bundleId)),
    extension(`${APPLE_PUSH}.4`, utf8(`${bundleId}, ${bundleId}.voip`)),
    extension(`${APPLE_PUSH}.5`, new asn1.Null()),
  );
}

function serialNumber(): Block {
  // 0x40 keeps it positive and of full length.
  return new asn1.Integer({ valueHex: Uint8Array.of(0x40, ...secretBytes(15)) });
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Makes a certificate shaped like Apple's VoIP Services one and its PKCS#1 key, both PEM; only the signer is ours. */
export async function voipCertificate(identity: VoipIdentity): Promise<{ certificate: string; privateKey: string }> {
  const { bundleId, teamId, organization, notBefore, notAfter, key = bundleId } = identity;
  const [issuer, subject] = await Promise.all([keyPair(ISSUER_KEY), keyPair(key)]);
  const algorithm = sequence(oid(SHA256_WITH_RSA), new asn1.Null());
  const tbs = sequence(
    tagged(0, new asn1.Integer({ value: 2 })),
    serialNumber(),
    algorithm,
    name([
      ['CN', 'Apple Worldwide Developer Relations Certification Authority'],
      ['OU', 'G4'],
      ['O', 'Apple Inc.'],
      ['C', 'US'],
    ]),
    sequence(time(notBefore), time(notAfter)),
    name([
      ['UID', `${bundleId}.voip`],
      ['CN', `VoIP Services: ${bundleId}`],
      ['OU', teamId],
      ['O', organization],
      ['C', 'US'],
    ]),
    asn1.fromBER(subject.publicKey.export({ type: 'spki', format: 'der' })).result,
    tagged(3, extensions(bundleId)),
  );
  const signature = sign('sha256', Buffer.from(tbs.toBER()), issuer.privateKey);
  const certificate = sequence(tbs, algorithm, new asn1.BitString({ valueHex: signature }));
  return {
    certificate: pem(new Uint8Array(certificate.toBER())),
    privateKey: subject.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}
