import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as asn1 from 'asn1js';
import forge from 'node-forge';
import { expect, test } from 'vitest';
import { type AppleInput, checkApple } from '../src/material/apple.ts';
import { describeCertificate } from '../src/material/certificate.ts';
import type { Finding } from '../src/material/file.ts';
import { checkGoogle } from '../src/material/google.ts';
import { readPkcs12 } from '../src/material/pkcs12.ts';
import { keyPair } from '../src/sandbox/keys.ts';
import { redact, Secret } from '../src/secrets/secret.ts';
import {
  appleCertificate,
  armour,
  BUNDLE_ID,
  bare,
  type CertificateOptions,
  days,
  serviceAccount,
} from './material.ts';
import { type ArchiveOptions, archive } from './material-p12.ts';
import * as witness from './material-witness.ts';

const now = new Date();
const rsa = await keyPair('material');
const other = await keyPair('material, another');
const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
const giant = giantKey();
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') =>
  key.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }).toString();
const made = (options: Omit<CertificateOptions, 'key'> = {}) => appleCertificate({ key: rsa, ...options });

const certificate = made();
const key = pem(rsa.privateKey);
const pkcs1 = pem(rsa.privateKey, 'pkcs1');
const cipher = { cipher: 'aes-256-cbc', passphrase: 'canary-passphrase' } as const;
const locked = rsa.privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString();
const lockedOld = rsa.privateKey.export({ type: 'pkcs1', format: 'pem', ...cipher }).toString();
const publicKey = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

const pair = (certificate: string | Buffer | undefined, key: string | Buffer | undefined): AppleInput => ({
  certificate: certificate === undefined ? undefined : Buffer.from(certificate),
  key: key === undefined ? undefined : Buffer.from(key),
});
const p12 = (options: ArchiveOptions = {}, passphrase: string | null = 'open'): AppleInput => ({
  p12: archive({ certificates: [bare(certificate)], keys: [bare(key)], ...options }),
  passphrase: passphrase === null ? undefined : new Secret(passphrase),
});
const codes = (findings: Finding[]) => findings.map(({ code }) => code);
const clean = await checkApple(pair(certificate, key), now);

/** Every finding must be ours alone: no piece of a file, and nothing a person typed beside it. */
function expectNothingQuoted(findings: Finding[], ...sources: (Buffer | string | undefined)[]): void {
  const said = JSON.stringify(findings);
  expect(said).not.toMatch(/canary|MII/);
  for (const source of sources) {
    for (const piece of source?.toString('latin1').split(/[\s"',:]+|\\n/) ?? []) {
      if (piece.length >= 16) expect(said).not.toContain(piece);
    }
  }
}

// A PKCS#1 key whose private exponent was changed: its public half still fits the certificate.
function damagedKey(): string {
  const { d, dp, dq, qi, ...rest } = rsa.privateKey.export({ format: 'jwk' });
  const wrong = (text = '') => `${text.slice(0, 20)}${text[20] === 'A' ? 'B' : 'A'}${text.slice(21)}`;
  const jwk = { ...rest, d: wrong(d), dp: wrong(dp), dq: wrong(dq), qi: wrong(qi) };
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs1', format: 'pem' }).toString();
}

const apple: [title: string, input: AppleInput, code: string][] = [
  ['nothing at all', {}, 'MATERIAL_MISSING'],
  ['a .p12 with PEM files beside it', { ...pair(certificate, key), ...p12() }, 'MATERIAL_TWICE'],
  ['a certificate without a key', pair(certificate, undefined), 'KEY_MISSING'],
  ['a key without a certificate', pair(undefined, key), 'CERTIFICATE_MISSING'],
  ['swapped files', pair(key, certificate), 'FILES_SWAPPED'],
  ['swapped files of which the key is encrypted', pair(locked, certificate), 'FILES_SWAPPED'],
  ['two keys', pair(key, key), 'FILE_IS_PRIVATE_KEY'],
  ['two certificates', pair(certificate, certificate), 'FILE_IS_CERTIFICATE'],
  ['an empty file', pair('', key), 'FILE_IS_EMPTY'],
  ['a file of blanks', pair(certificate, ' \r\n\t'), 'FILE_IS_EMPTY'],
  ['a file of 65 kB', pair(certificate + ' '.repeat(65_536), key), 'FILE_TOO_LARGE'],
  ['a signing request', pair(armour('CERTIFICATE REQUEST', Buffer.alloc(64, 'c')), key), 'FILE_IS_CSR'],
  ['a public key', pair(certificate, publicKey), 'FILE_IS_PUBLIC_KEY'],
  [
    'an OpenSSH key',
    pair(certificate, armour('OPENSSH PRIVATE KEY', Buffer.from('openssh-key-v1\0'))),
    'FILE_IS_OPENSSH_KEY',
  ],
  ['a PKCS#7 bundle', pair(armour('PKCS7', Buffer.alloc(64, 'c')), key), 'FILE_IS_PKCS7'],
  ['PEM of another kind', pair(armour('X509 CRL', Buffer.alloc(64, 'c')), key), 'FILE_IS_OTHER_PEM'],
  ['a .p12 as certificate', pair(p12().p12, key), 'FILE_IS_P12'],
  ['PEM as .p12', { p12: Buffer.from(certificate + key) }, 'FILE_IS_CERTIFICATE'],
  ['a binary public key', pair(rsa.publicKey.export({ type: 'spki', format: 'der' }), key), 'FILE_IS_PUBLIC_KEY'],
  [
    'a binary public key as PKCS#1',
    pair(rsa.publicKey.export({ type: 'pkcs1', format: 'der' }), key),
    'FILE_IS_PUBLIC_KEY',
  ],
  ['a binary key as certificate', pair(bare(key), key), 'FILE_IS_PRIVATE_KEY'],
  ['a binary key as PKCS#1 as certificate', pair(bare(pkcs1), key), 'FILE_IS_PRIVATE_KEY'],
  ['a binary EC key as SEC 1 as certificate', pair(bare(pem(p384.privateKey, 'sec1')), key), 'FILE_IS_EC_KEY'],
  ['binary swapped files', pair(bare(key), bare(certificate)), 'FILES_SWAPPED'],
  ['a binary encrypted key', pair(certificate, bare(locked)), 'KEY_ENCRYPTED'],
  ['a binary certificate as key', pair(certificate, bare(certificate)), 'FILE_IS_CERTIFICATE'],
  ['a binary certificate as .p12', { p12: bare(certificate) }, 'FILE_IS_CERTIFICATE'],
  ['a binary signing request', pair(bare(witness.csr), key), 'FILE_IS_CSR'],
  ['a binary PKCS#7 bundle', pair(bare(witness.pkcs7), key), 'FILE_IS_PKCS7'],
  ['a binary revocation list', pair(bare(witness.crl), key), 'FILE_IS_DER'],
  ['an APNs token key as certificate', pair(pem(ec.privateKey), key), 'APNS_TOKEN_KEY'],
  ['an APNs token key alone', pair(undefined, pem(ec.privateKey)), 'APNS_TOKEN_KEY'],
  ['an APNs token key alone as certificate', pair(pem(ec.privateKey), undefined), 'APNS_TOKEN_KEY'],
  ['an APNs token key in place of the certificate', pair(pem(ec.privateKey), certificate), 'APNS_TOKEN_KEY'],
  ['an APNs token key as .p12', { p12: Buffer.from(pem(ec.privateKey)) }, 'APNS_TOKEN_KEY'],
  ['a binary APNs token key as .p12', { p12: bare(pem(ec.privateKey)) }, 'APNS_TOKEN_KEY'],
  ['a Java keystore', pair(Buffer.from('feedfeed00000002', 'hex'), key), 'FILE_IS_KEYSTORE'],
  ['a ZIP archive', pair(Buffer.from('PK\u0003\u0004canary'), key), 'FILE_IS_ZIP'],
  ['a saved login page', pair('<!DOCTYPE html><p>canary', key), 'FILE_IS_HTML'],
  ['a note', pair('canary', key), 'FILE_IS_TEXT'],
  ['other bytes', pair(Buffer.from([1, 2, 3, 255]), key), 'FILE_IS_BINARY'],
  ['a service account key', pair(JSON.stringify({ type: 'service_account' }), key), 'FILE_IS_SERVICE_ACCOUNT'],
  ['half a certificate', pair(certificate.slice(0, 400), key), 'PEM_CUT_OFF'],
  ['half a key', pair(certificate, key.slice(0, 400)), 'PEM_CUT_OFF'],
  ['a certificate with letters changed', pair(certificate.replace(/MII/, 'ABC'), key), 'CERTIFICATE_DAMAGED'],
  ['a certificate that is no base64', pair(certificate.replace(/MII/, '*@#'), key), 'CERTIFICATE_DAMAGED'],
  ['a certificate with a date that is none', pair(made({ validity: badDates() }), key), 'CERTIFICATE_DAMAGED'],
  ['a key with letters changed', pair(certificate, key.replace(/MII/, 'ABC')), 'KEY_UNREADABLE'],
  ['a key whose parts do not fit', pair(certificate, damagedKey()), 'KEY_DAMAGED'],
  ['an encrypted PKCS#8 key', pair(certificate, locked), 'KEY_ENCRYPTED'],
  ['a key encrypted the old way', pair(certificate, lockedOld), 'KEY_ENCRYPTED'],
  ['an encrypted key under the certificate', pair(certificate + locked, undefined), 'KEY_ENCRYPTED'],
  ['an APNs token key', pair(certificate, pem(ec.privateKey)), 'APNS_TOKEN_KEY'],
  ['an EC key on another curve', pair(certificate, pem(p384.privateKey, 'sec1')), 'KEY_NOT_RSA'],
  ['an Ed25519 key', pair(certificate, pem(generateKeyPairSync('ed25519').privateKey)), 'KEY_NOT_RSA'],
  ['an EC certificate with its key', pair(appleCertificate({ key: ec }), pem(ec.privateKey)), 'KEY_NOT_RSA'],
  ['the key of another certificate', pair(certificate, pem(other.privateKey)), 'KEY_MISMATCH'],
  ['an RSA key of 1024 bits', pair(appleCertificate({ key: small }), pem(small.privateKey)), 'RSA_TOO_SMALL'],
  ['an RSA key of 65 536 bits', pair(appleCertificate({ key: giant }), pem(giant.privateKey)), 'RSA_TOO_LARGE'],
  ['a file of 33 certificates', pair(certificate.repeat(33), key), 'TOO_MANY_BLOCKS'],
  ['a lapsed certificate', pair(made({ notBefore: days(-400), notAfter: days(-1) }), key), 'EXPIRED'],
  ['a certificate of tomorrow', pair(made({ notBefore: days(1) }), key), 'NOT_YET_VALID'],
  ['a certificate for ordinary pushes', pair(made({ marks: [1, 2], topics: [BUNDLE_ID] }), key), 'NOT_VOIP'],
  [
    'a universal certificate without a VoIP topic',
    pair(made({ marks: [1, 2], topics: [], universal: [[BUNDLE_ID, 'app']] }), key),
    'UNIVERSAL_WITHOUT_VOIP',
  ],
  ['a web server certificate', pair(made({ marks: [], topics: [], bundleExtension: null }), key), 'NOT_FOR_PUSH'],
  ['a certificate of another app', { ...pair(certificate, key), bundleId: 'com.example.fax' }, 'BUNDLE_MISMATCH'],
  ['a certificate for servers', pair(made({ usages: ['1.3.6.1.5.5.7.3.1'] }), key), 'NOT_FOR_CLIENTS'],
  ['the certificate of an authority', pair(made({ ca: true }), key), 'CA_CERTIFICATE'],
  ['a self-signed certificate', pair(made({ selfSigned: true }), key), 'SELF_SIGNED'],
  ['a .p12 with the wrong passphrase', p12({}, 'canary-wrong'), 'P12_PASSPHRASE_WRONG'],
  ['a .p12 without its passphrase', p12({}, null), 'P12_PASSPHRASE_MISSING'],
  ['a .p12 without a MAC and the wrong passphrase', p12({ mac: false }, 'canary-wrong'), 'P12_PASSPHRASE_WRONG'],
  [
    'an AES .p12 with the wrong passphrase',
    p12({ certificateLock: 'aes-256', mac: false }, 'x'),
    'P12_PASSPHRASE_WRONG',
  ],
  ['a .p12 without a key', p12({ keys: [] }), 'P12_NO_KEY'],
  ['a .p12 without a certificate', p12({ certificates: [] }), 'P12_NO_CERTIFICATE'],
  ['a .p12 with the key of another certificate', p12({ keys: [bare(pem(other.privateKey))] }), 'KEY_MISMATCH'],
  ['a .p12 cut off', { ...p12(), p12: p12().p12?.subarray(0, 900) }, 'P12_DAMAGED'],
  ['a .p12 locked with RC4', p12({ certificateLock: 'unknown' }), 'P12_UNSUPPORTED'],
  ['a .p12 sealed with a certificate', p12({ contentType: '1.2.840.113549.1.7.2' }), 'P12_UNSUPPORTED'],
  ['a note as .p12', { p12: Buffer.from('canary') }, 'FILE_IS_TEXT'],
];

// Numbers of that size are no primes; nobody looks before the key is used, which would take minutes.
function giantKey() {
  const number = (bytes: number) =>
    new asn1.Integer({ valueHex: Buffer.concat([Buffer.alloc(1), Buffer.alloc(bytes, 0xfb)]) });
  const small = (value: number) => new asn1.Integer({ value });
  const half = () => number(4096);
  const value = [small(0), number(8192), small(65537), number(8192), half(), half(), half(), half(), half()];
  const der = Buffer.from(new asn1.Sequence({ value }).toBER());
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs1' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function badDates(): asn1.BaseBlock {
  const time = new asn1.UTCTime({ value: 'not a date yet' });
  return new asn1.Sequence({ value: [time, time] });
}

test.each(apple)('for APNs, %s is refused by its own name', async (_, input, code) => {
  const report = await checkApple(input, now);
  expect(codes(report.findings.filter(({ severity }) => severity === 'error'))).toEqual([code]);
  expect(report.material).toBeUndefined();
  expectNothingQuoted(report.findings, ...[input.certificate, input.key, input.p12].flat());
});

const odd: [title: string, input: AppleInput, code: string][] = [
  ['a certificate with 29 days left', pair(made({ notAfter: days(29.5) }), key), 'EXPIRES_SOON'],
  ['an issuer that is not Apple', pair(made({ issuer: 'Apple Inc. of Elsewhere' }), key), 'ISSUER_NOT_APPLE'],
  ['a certificate without extended usage', pair(made({ usages: null }), key), 'USAGE_MISSING'],
  ['a VoIP certificate that says nothing of production', pair(made({ marks: [5] }), key), 'PRODUCTION_MARK_MISSING'],
  ['a VoIP certificate whose topics have no VoIP', pair(made({ topics: [BUNDLE_ID] }), key), 'VOIP_TOPIC_MISSING'],
  [
    'a universal certificate with a VoIP topic',
    pair(made({ marks: [1, 2], topics: [], universal: [[`${BUNDLE_ID}.voip`, 'voip']] }), key),
    'UNIVERSAL_CERTIFICATE',
  ],
  [
    'a universal certificate that tells VoIP by the type alone',
    pair(made({ marks: [1, 2], topics: [], universal: [[BUNDLE_ID, 'voip']] }), key),
    'UNIVERSAL_CERTIFICATE',
  ],
  [
    'a certificate that names no bundle id',
    { ...pair(made({ bundleExtension: null }), key), bundleId: BUNDLE_ID },
    'BUNDLE_UNKNOWN',
  ],
  [
    'a certificate with the VoIP topic of another app',
    { ...pair(made({ topics: ['com.example.fax.voip'] }), key), bundleId: BUNDLE_ID },
    'BUNDLE_TOPIC_MISSING',
  ],
  [
    'a certificate renewed with the same key',
    pair(made({ notAfter: days(40), serial: 1 }) + made({ notAfter: days(390), serial: 2 }), key),
    'SEVERAL_CERTIFICATES_FIT',
  ],
];

test.each(odd)('for APNs, %s is a warning', async (_, input, code) => {
  const { findings, material } = await checkApple(input, now);
  expect(findings).toMatchObject([{ code, severity: 'warning' }]);
  expect(material).toBeDefined();
  expectNothingQuoted(findings, ...[input.certificate, input.key].flat());
});

test('a good VoIP certificate passes without a word and is described', () => {
  expect(clean.findings).toEqual([]);
  expect(clean.material?.certificate).toBe(certificate);
  expect(clean.material?.privateKey.reveal()).toBe(pkcs1);
  expect(clean.certificate).toMatchObject({ bundle_id: BUNDLE_ID, voip: true });
  expect(clean.certificate?.days_left).toBeOneOf([299, 300]);
  expect(describeCertificate(certificate, now)).toEqual(clean.certificate);
});

test('of certificates that fit the key the sound one is taken, then the one that lasts longest', async () => {
  const [lapsed, soon, late] = [days(-1), days(40), days(390)].map((notAfter, serial) =>
    made({ notBefore: days(-10), notAfter, serial: serial + 1 }),
  );
  const ordinary = made({ marks: [1, 2], topics: [BUNDLE_ID], notAfter: days(500), serial: 9 });
  const { material } = await checkApple(pair(`${lapsed}${ordinary}${late}${soon}`, key), now);
  expect(material?.certificate).toBe(late);
});

test('facts of the certificate are told also when it is refused', async () => {
  const { certificate: facts } = await checkApple(pair(made({ notAfter: days(-1), notBefore: days(-9) }), key), now);
  expect(facts?.days_left).toBeLessThan(0);
  expect((await checkApple(pair(certificate, pem(other.privateKey)), now)).certificate?.bundle_id).toBe(BUNDLE_ID);
});

const authority = appleCertificate({ key: other, ca: true, bundleId: 'com.apple.wwdr' });
const lapsed = made({ notBefore: days(-9), notAfter: days(-1) });
const ordinary = made({ marks: [1, 2], topics: [BUNDLE_ID] });

test.each<[title: string, input: AppleInput, codes: string[]]>([
  ['alone', pair(lapsed, undefined), ['EXPIRED', 'KEY_MISSING']],
  ['for ordinary pushes, alone', pair(ordinary, undefined), ['NOT_VOIP', 'KEY_MISSING']],
  ['with the key of another', pair(lapsed, pem(other.privateKey)), ['EXPIRED', 'KEY_MISMATCH']],
  ['with a broken key', pair(lapsed, key.replace(/MII/, 'ABC')), ['EXPIRED', 'KEY_UNREADABLE']],
  ['with an APNs token key', pair(lapsed, pem(ec.privateKey)), ['EXPIRED', 'APNS_TOKEN_KEY']],
  [
    'of an app that is not meant',
    { ...pair(certificate, undefined), bundleId: 'x' },
    ['BUNDLE_MISMATCH', 'KEY_MISSING'],
  ],
  ['behind that of an authority', pair(authority + lapsed, undefined), ['EXPIRED', 'KEY_MISSING']],
  ['beside a sound one', pair(lapsed + certificate, undefined), ['KEY_MISSING']],
  ['in a .p12 without a key', p12({ certificates: [bare(lapsed)], keys: [] }), ['EXPIRED', 'P12_NO_KEY']],
  [
    'with a small key of its own',
    pair(appleCertificate({ key: small, notBefore: days(-9), notAfter: days(-1) }), pem(small.privateKey)),
    ['EXPIRED', 'RSA_TOO_SMALL'],
  ],
])('the faults of a certificate %s are told before those of its key', async (_, input, expected) => {
  const { findings, certificate: facts } = await checkApple(input, now);
  expect(codes(findings)).toEqual(expected);
  expect(facts?.bundle_id).toBe(BUNDLE_ID);
});

test('a bundle id may be given as the VoIP topic', async () => {
  const report = await checkApple({ ...pair(certificate, key), bundleId: `${BUNDLE_ID}.voip` }, now);
  expect(report.findings).toEqual([]);
});

const squeezed = (text: string) => text.replaceAll('\n', '');
const escaped = (text: string) => text.replaceAll('\n', '\\n');
const certificateDer = bare(certificate);
const forged = (algorithm: '3des' | 'aes256') => {
  const parsed = forge.pki.certificateFromPem(certificate);
  const built = forge.pkcs12.toPkcs12Asn1(forge.pki.privateKeyFromPem(key), parsed, 'open', { algorithm });
  return { p12: Buffer.from(forge.asn1.toDer(built).getBytes(), 'latin1'), passphrase: new Secret('open') };
};

/** As the program `base64` writes it. */
const inBase64 = (file: string | Buffer | undefined) =>
  Buffer.from(
    `${Buffer.from(file ?? '')
      .toString('base64')
      .replace(/.{76}/g, '$&\n')}\n`,
  );
const assigned = (file: Buffer) => Buffer.from(`export APNS_P12="${file.toString().replaceAll('\n', '')}"\n`);

const shapes: [title: string, input: AppleInput, notes: string[]][] = [
  ['a key as PKCS#1', pair(certificate, pkcs1), []],
  ['one file with both, as certificate', pair(certificate + key, undefined), []],
  ['one file with both, as key', pair(undefined, key + certificate), []],
  ['one file with both, given twice', pair(certificate + key, certificate + key), []],
  ['Windows line ends', pair(certificate.replaceAll('\n', '\r\n'), key.replaceAll('\n', '\r\n')), []],
  ['old Mac line ends', pair(certificate.replaceAll('\n', '\r'), key.replaceAll('\n', '\r')), []],
  ['indented text', pair(certificate.replaceAll('\n', '\n    '), key), []],
  ['bag attributes', pair(`Bag Attributes\n  friendlyName: caf\u00e9\n${certificate}`, `Key Attributes\n${key}`), []],
  ['UTF-8 with a mark in front', pair(`\uFEFF${certificate}`, `\uFEFF${key}`), []],
  ['UTF-16', pair(Buffer.from(`\uFEFF${certificate}`, 'utf16le'), key), []],
  ['a chain behind the certificate', pair(certificate + authority, key), []],
  ['a chain before the certificate', pair(authority + certificate, key), []],
  ['several keys', pair(certificate, pem(other.privateKey) + pem(ec.privateKey) + key), []],
  ['a broken block beside the good one', pair(certificate.replace(/MII/, 'ABC') + certificate, key), []],
  ['a key labelled as the other form', pair(certificate, key.replaceAll('PRIVATE', 'RSA PRIVATE')), []],
  ['one line each', pair(squeezed(certificate), squeezed(key)), ['PEM_REPAIRED', 'PEM_REPAIRED']],
  ['blanks for line ends', pair(certificate.replaceAll('\n', ' '), key), ['PEM_REPAIRED']],
  ['literal \\n', pair(certificate, `KEY="${escaped(key)}"`), ['PEM_REPAIRED']],
  ['literal \\r\\n', pair(escaped(certificate).replaceAll('\\n', '\\r\\n'), key), ['PEM_REPAIRED']],
  ['base64 without its marks', pair(certificate.replaceAll(/-----.*-----/g, ''), key), ['PEM_REPAIRED']],
  ['a binary .cer', pair(certificateDer, key), ['DER_CONVERTED']],
  ['a binary key', pair(certificate, bare(key)), ['DER_CONVERTED']],
  ['a .p12 with RC2-40 and 3DES', p12(), []],
  ['a .p12 with RC2-128 and 3DES', p12({ certificateLock: 'rc2-128' }), []],
  ['a .p12 with 3DES alone', p12({ certificateLock: '3des' }), []],
  ['a .p12 with AES-256', p12({ certificateLock: 'aes-256', keyLock: 'aes-256', hash: 'sha256' }), []],
  ['a .p12 with nothing encrypted', p12({ certificateLock: 'none', keyLock: 'none' }), []],
  ['a .p12 without a MAC', p12({ mac: false }), []],
  ['a .p12 in pieces', p12({ pieces: true }), []],
  ['a .p12 of which the key alone is encrypted', p12({ certificateLock: 'none' }), []],
  ['a .p12 with an empty passphrase', p12({ passphrase: '' }, null), []],
  ['a .p12 with no passphrase', p12({ passphrase: null }, null), []],
  [
    'a .p12 with a passphrase in another script',
    p12({ passphrase: 'пароль €', certificateLock: 'aes-256' }, 'пароль €'),
    [],
  ],
  [
    'a .p12 with a chain and another key',
    p12({
      certificates: [bare(authority), certificateDer],
      keys: [bare(pem(other.privateKey)), bare(key)],
    }),
    [],
  ],
  ['a .p12 in base64', { ...p12(), p12: inBase64(p12().p12) }, ['UNWRAPPED']],
  ['PEM in base64', pair(inBase64(certificate), inBase64(key)), ['UNWRAPPED', 'UNWRAPPED']],
  ['PEM in base64 on one line', pair(Buffer.from(certificate).toString('base64'), key), ['UNWRAPPED']],
  ['base64 of a .p12 in a shell assignment', { ...p12(), p12: assigned(inBase64(p12().p12)) }, ['UNWRAPPED']],
  ["forge's .p12 with 3DES", forged('3des'), []],
  ["forge's .p12 with AES-256", forged('aes256'), []],
];

test.each(shapes)('%s: the material is the same to the byte', async (_, input, notes) => {
  const { findings, material } = await checkApple(input, now);
  expect(codes(findings)).toEqual(notes);
  expect(material?.certificate).toBe(certificate);
  expect(material?.privateKey.reveal()).toBe(pkcs1);
});

test('a private key is known to the second net in every form as soon as it was read', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text = pem(privateKey);
  await checkApple(pair(certificate, text), now);
  for (const form of [text, pem(privateKey, 'pkcs1')]) {
    for (const line of form.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')))
      expect(redact(line)).not.toContain(line);
  }
});

const account = serviceAccount();
const json = (changes: object = {}) => Buffer.from(JSON.stringify({ ...account, ...changes }, null, 2));
const accountKey = createPrivateKey(account.private_key);

const google: [title: string, file: Buffer | string, code: string][] = [
  ['an empty file', '', 'FILE_IS_EMPTY'],
  ['a file of 65 kB', `${json()}${' '.repeat(65_536)}`, 'FILE_TOO_LARGE'],
  ["the app's google-services.json", '{"project_info":{"project_id":"canary"},"client":[]}', 'FILE_IS_GOOGLE_SERVICES'],
  [
    "the app's GoogleService-Info.plist",
    '<?xml version="1.0"?>\n<!DOCTYPE plist>\n<plist><dict><key>canary</key></dict></plist>',
    'FILE_IS_PLIST',
  ],
  ['an OAuth client file', '{"installed":{"client_secret":"canary"}}', 'FILE_IS_OAUTH_CLIENT'],
  ['an OAuth client file of a web app', '{"web":{"client_secret":"canary"}}', 'FILE_IS_OAUTH_CLIENT'],
  ['a legacy server key', `AAAAcanary:APA91${'b'.repeat(134)}`, 'FILE_IS_SERVER_KEY'],
  ["a person's own login", '{"type":"authorized_user","refresh_token":"canary"}', 'FILE_IS_AUTHORIZED_USER'],
  ['a workload identity', '{"type":"external_account","audience":"canary"}', 'FILE_IS_EXTERNAL_ACCOUNT'],
  ['an impersonated account', '{"type":"impersonated_service_account"}', 'FILE_IS_OTHER_LOGIN'],
  ['other JSON', '{"canary":1}', 'FILE_IS_OTHER_JSON'],
  ['an account of an unknown type', json({ type: 'canary' }), 'FILE_IS_OTHER_JSON'],
  ['broken JSON', json().subarray(0, 500), 'FILE_IS_BROKEN_JSON'],
  ['a JSON array', `[${json()}]`, 'FILE_IS_JSON_ARRAY'],
  ['a JSON string', '"canary"', 'FILE_IS_JSON_STRING'],
  ['JSON that holds two service accounts', `{"a":${json()},"b":${json()}}`, 'FILE_IS_OTHER_JSON'],
  ['base64 of other JSON', inBase64('{"canary":1}'), 'FILE_IS_OTHER_JSON'],
  ['base64 of a PEM key', inBase64(account.private_key), 'FILE_IS_PRIVATE_KEY'],
  ['a number', '42', 'FILE_IS_TEXT'],
  ['null', 'null', 'FILE_IS_TEXT'],
  ['a PEM key', account.private_key, 'FILE_IS_PRIVATE_KEY'],
  ['an APNs token key', pem(ec.privateKey), 'APNS_TOKEN_KEY'],
  ['a .p12', p12().p12 ?? '', 'FILE_IS_P12'],
  ['a web page', '<html><body>canary', 'FILE_IS_HTML'],
  ['a key without its type', json({ type: undefined }), 'TYPE_MISSING'],
  ['a key without its project', json({ project_id: undefined }), 'PROJECT_ID_MISSING'],
  ['a key whose project is a number', json({ project_id: 42 }), 'PROJECT_ID_MISSING'],
  ['a key with an empty address', json({ client_email: ' ' }), 'CLIENT_EMAIL_MISSING'],
  ['a key without a key', json({ private_key: undefined }), 'PRIVATE_KEY_MISSING'],
  ['a key without a token address', json({ token_uri: undefined }), 'TOKEN_URI_MISSING'],
  ['a key that is no PEM', json({ private_key: 'canary' }), 'KEY_UNREADABLE'],
  ['a key cut off', json({ private_key: account.private_key.slice(0, 300) }), 'KEY_UNREADABLE'],
  ['a public key as its key', json({ private_key: publicKey }), 'KEY_UNREADABLE'],
  ['an encrypted key', json({ private_key: locked }), 'KEY_ENCRYPTED'],
  ['a key encrypted the old way', json({ private_key: lockedOld }), 'KEY_ENCRYPTED'],
  ['an EC key', json({ private_key: pem(ec.privateKey) }), 'KEY_NOT_RSA'],
  ['a key of 1024 bits', json({ private_key: pem(small.privateKey) }), 'RSA_TOO_SMALL'],
  ['logins sent elsewhere', json({ token_uri: 'https://canary.example/token' }), 'TOKEN_URI_NOT_GOOGLE'],
  [
    "logins sent to a name that begins like Google's",
    json({ token_uri: 'https://oauth2.googleapis.com.canary.example/token' }),
    'TOKEN_URI_NOT_GOOGLE',
  ],
  ['logins sent in the clear', json({ token_uri: 'http://oauth2.googleapis.com/token' }), 'TOKEN_URI_NOT_GOOGLE'],
  ['another cloud', json({ universe_domain: 'canary.example' }), 'UNIVERSE_NOT_GOOGLE'],
];

test.each(google)('for FCM, %s is refused by its own name', (_, file, code) => {
  const { findings, material } = checkGoogle(Buffer.from(file));
  expect(codes(findings.filter(({ severity }) => severity === 'error'))).toEqual([code]);
  expect(material).toBeUndefined();
  expectNothingQuoted(findings, typeof file === 'string' ? file : file.toString());
});

test('for FCM, a key of another project is refused and both are named', () => {
  const { findings, material } = checkGoogle(json(), 'example-fax');
  expect(findings).toMatchObject([
    { code: 'PROJECT_MISMATCH', found: 'The key is of the project example-dialer, not of example-fax.' },
  ]);
  expect(material).toBeUndefined();
  expect(checkGoogle(json(), ' example-dialer ').findings).toEqual([]);
});

const oddAccounts: [title: string, file: Buffer, code: string][] = [
  ['an address of another kind', json({ client_email: 'x@developer.gserviceaccount.com' }), 'CLIENT_EMAIL_UNUSUAL'],
  ['a key without its id', json({ private_key_id: undefined }), 'PRIVATE_KEY_ID_MISSING'],
  ['a field that is not of Google', json({ note: 'canary' }), 'FIELDS_LEFT_OUT'],
  ['JSON quoted as a string', Buffer.from(JSON.stringify(json().toString())), 'UNWRAPPED'],
  ['JSON in base64', inBase64(json()), 'UNWRAPPED'],
  ['JSON in a shell assignment', Buffer.from(`export FCM='${json()}'\n`), 'UNWRAPPED'],
  [
    'JSON with its quotes escaped in one',
    Buffer.from(`FCM=${JSON.stringify(JSON.stringify({ ...account }))}`),
    'UNWRAPPED',
  ],
  ['JSON in base64 in a shell assignment', assigned(inBase64(json())), 'UNWRAPPED'],
  [
    'JSON in a text field of other JSON',
    Buffer.from(JSON.stringify({ canary: 1, fcm: json().toString() })),
    'UNWRAPPED',
  ],
  ['JSON in an object of other JSON', Buffer.from(`{"canary":1,"fcm":${json()}}`), 'UNWRAPPED'],
  ['a key on one line', json({ private_key: squeezed(account.private_key) }), 'PEM_REPAIRED'],
  ['a key with literal \\n', json({ private_key: escaped(account.private_key) }), 'PEM_REPAIRED'],
];

test.each(oddAccounts)('for FCM, %s is a warning', (_, file, code) => {
  const { findings, material } = checkGoogle(file);
  expect(findings).toMatchObject([{ code, severity: 'warning' }]);
  expect(material?.privateKey.reveal()).toBe(account.private_key);
  expect(JSON.stringify(material)).not.toContain('canary');
  expectNothingQuoted(findings, account.private_key);
});

test.each([
  ['as Google gives it', json()],
  ['in UTF-8 with a mark in front', Buffer.concat([Buffer.from('\uFEFF'), json()])],
  ['in UTF-16', Buffer.from(`\uFEFF${json()}`, 'utf16le')],
  ['with its key as PKCS#1', json({ private_key: pem(accountKey, 'pkcs1') })],
])('a service account key %s passes without a word', (_, file) => {
  const { private_key, ...rest } = account;
  const { project_id, client_email, private_key_id } = account;
  const report = checkGoogle(file);
  expect(report.findings).toEqual([]);
  expect(report.account).toEqual({ project_id, client_email, private_key_id });
  expect(report.material?.account).toEqual(rest);
  expect(report.material?.privateKey.reveal()).toBe(private_key);
});

test('a secret pasted where an id belongs is not shown', () => {
  const { findings, account: shown } = checkGoogle(
    json({ project_id: account.private_key, private_key_id: account.private_key }),
    'example-dialer',
  );
  expect(shown).toMatchObject({ project_id: '(not readable)', private_key_id: null });
  expectNothingQuoted(findings, account.private_key);
});

test('hostile keys of JSON reach no prototype and are not sent', () => {
  const hostile = `{"__proto__":{"type":"service_account","canary":1},"constructor":{"prototype":{"canary":1}},${json().toString().slice(1)}`;
  const { findings, material } = checkGoogle(Buffer.from(hostile));
  expect(codes(findings)).toEqual(['FIELDS_LEFT_OUT']);
  expect(Object.keys(material?.account ?? {})).not.toContain('__proto__');
  expect('canary' in {}).toBe(false);
  const inherited = Buffer.from('{"__proto__":{"type":"service_account"}}');
  expect(codes(checkGoogle(inherited).findings)).toEqual(['FILE_IS_OTHER_JSON']);
});

const full = 64 * 1024;
const filled = (text: string) => text.repeat(Math.ceil(full / text.length)).slice(0, full);
// SEQUENCEs in one another, as deep as 64 kB can go.
function deep(): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0; size < full - 4; ) {
    const head = size < 128 ? Buffer.from([0x30, size]) : Buffer.from([0x30, 0x82, size >> 8, size & 0xff]);
    parts.push(head);
    size += head.length;
  }
  return Buffer.concat(parts.reverse());
}
const endless = Buffer.from(filled('\u0030\u0080'), 'latin1');
const nested = new asn1.OctetString({ valueHex: deep().subarray(0, 40_000) });

const hostile: [title: string, bytes: Buffer | string][] = [
  ['the start of a PEM mark over and over', filled('-----BEGIN')],
  ['PEM marks that never end', filled('-----BEGIN CERTIFICATE-----')],
  ['a thousand empty certificates', filled('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n')],
  ['a thousand empty keys', filled('-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n')],
  ['a mark as long as the file', `-----BEGIN ${filled('A').slice(20)}`],
  ['blanks and then a letter', `${filled(' ').slice(1)}x`],
  ['base64 and then a dash', `MI${filled('A').slice(3)}-`],
  ['lines that share their start', filled('MIIBAAAAAAAA\n')],
  ['dashes', filled('-')],
  ['brackets', filled('[')],
  ['braces', filled('{"a":')],
  ['quotes', filled('"\\"')],
  ['backslashes', filled('\\n')],
  ['ASN.1 as deep as the file', deep()],
  ['ASN.1 of unknown length without end', endless],
  ['ASN.1 that is deep inside a certificate', made({ bundleExtension: nested })],
  ['deep ASN.1 as a PEM certificate', armour('CERTIFICATE', deep().subarray(0, 40_000))],
  ['deep ASN.1 as a PEM key', armour('PRIVATE KEY', deep().subarray(0, 40_000))],
  ['zeros', Buffer.alloc(full)],
  [
    'a PKCS#12 head and then nothing but noise',
    Buffer.concat([Buffer.from('3080020103', 'hex'), Buffer.alloc(60_000, 0x30)]),
  ],
];

test.each(hostile)('%s is refused in time, whichever file it stands for', async (_, bytes) => {
  const file = Buffer.from(bytes);
  const reports = await Promise.all([
    checkApple({ certificate: file, key: file }, now),
    checkApple({ certificate: Buffer.from(certificate), key: file }, now),
    checkApple({ p12: file, passphrase: new Secret('open') }, now),
  ]);
  for (const { material } of [...reports, checkGoogle(file)]) expect(material).toBeUndefined();
  checkGoogle(json({ private_key: file.toString('latin1').slice(0, 20_000) }));
  describeCertificate(file.toString('latin1'), now);
});

/** A GeneralizedTime that is none. */
const noTime = new asn1.Primitive({ idBlock: { tagClass: 1, tagNumber: 24 }, valueHex: Buffer.from('ABC') });

test('a certificate with an extension that nobody can read is shown without what that says', async () => {
  const odd = made({ bundleExtension: noTime, topics: [] });
  expect(describeCertificate(odd, now)).toMatchObject({ bundle_id: 'com.example.dialer', voip: true });
  expect((await checkApple(pair(odd, key), now)).certificate).toMatchObject({ voip: true });
});

test('a key in a .p12 may have an attribute that nobody can read', async () => {
  const { result } = asn1.fromBER(bare(key));
  const attribute = new asn1.Sequence({
    value: [new asn1.ObjectIdentifier({ value: '2.5.29.16' }), new asn1.Set({ value: [noTime] })],
  });
  const attributes = new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [attribute] });
  const der = new asn1.Sequence({ value: [...(result as asn1.Sequence).valueBlock.value, attributes] }).toBER();
  for (const keyLock of ['aes-256', undefined] as const) {
    const { findings } = await checkApple(p12({ keys: [Buffer.from(der)], ...(keyLock && { keyLock }) }), now);
    expect(codes(findings)).toEqual([]);
  }
});

test.each([
  ['for its MAC', { macRounds: 2 ** 31 - 1 }],
  ['for its certificates', { mac: false, lockRounds: 2 ** 31 - 1 }],
  ['for its certificates by PBKDF2', { mac: false, certificateLock: 'aes-256', lockRounds: 2 ** 31 - 1 }],
  ['for its key', { certificateLock: 'none', lockRounds: 2 ** 31 - 1 }],
  [
    'bag by bag',
    { certificateLock: 'none', keyLock: 'aes-256', keys: Array(2).fill(bare(key)), lockRounds: 4_100_000 },
  ],
] as [string, ArchiveOptions][])(
  'a .p12 that asks for endless key derivation %s is refused before it',
  async (_, options) => {
    const { findings } = await checkApple(p12(options), now);
    expect(codes(findings)).toEqual(['P12_TOO_COSTLY']);
  },
);

test.each([
  ['for each of its parts', witness.archive, new Secret('open')],
  ['for its MAC, under a passphrase that is empty', witness.archiveOfMac, undefined],
])('a .p12 of 600,000 rounds %s opens, and other work goes on meanwhile', async (_, base64, passphrase) => {
  let [turns, open] = [0, true];
  const turn = (): void => {
    turns += 1;
    if (open) setImmediate(turn);
  };
  turn();
  const opened = await readPkcs12(Buffer.from(base64, 'base64'), passphrase);
  open = false;
  expect(opened).toMatchObject({ certificates: [bare(witness.certificate)], keys: [expect.any(Buffer)] });
  expect(turns).toBeGreaterThan(50);
});

test('an encrypted key that asks for endless key derivation is refused before it', async () => {
  const der = bare(locked);
  const rounds = der.indexOf(Buffer.from('02020800', 'hex'));
  expect(rounds).toBeGreaterThan(0);
  der.writeUInt16BE(0x7fff, rounds + 2);
  const { findings } = await checkApple(pair(certificate, der), now);
  expect(codes(findings)).toEqual(['KEY_ENCRYPTED']);
});
