import type { Secret } from '../secrets/secret.ts';
import * as asn1 from './asn1.ts';
import { type Finding, refusal } from './file.ts';
import { identify, wrongFile } from './kind.ts';
import { decrypt, isMacOf, Locked, type Opener } from './pkcs12-cipher.ts';

/** What an archive holds: certificates as X.509 DER, private keys as PKCS#8 DER. */
export interface Pkcs12 {
  certificates: Buffer[];
  keys: Buffer[];
}

const [DATA, ENCRYPTED_DATA] = ['1.2.840.113549.1.7.1', '1.2.840.113549.1.7.6'];
const BAGS = '1.2.840.113549.1.12.10.1.';
const [KEY_BAG, SHROUDED_KEY_BAG, CERTIFICATE_BAG] = [`${BAGS}1`, `${BAGS}2`, `${BAGS}3`];

// In rounds of PBKDF2, some three seconds of one core. Keychain and OpenSSL ask for 2048 rounds a part, the costliest
// exports for 600,000: of PBKDF2 twice, and for the MAC, which is tried twice where no passphrase is given.
const MOST_WORK = 8_000_000;

const EXPORT_AGAIN = 'Have the person export the .p12 again from Keychain Access, or give the two PEM files.';

/** Opens a .p12 of RFC 7292 as Keychain, OpenSSL and Windows make them; a finding says why it stays shut. */
export async function readPkcs12(file: Buffer, passphrase: Secret | undefined): Promise<Pkcs12 | Finding> {
  const given = passphrase?.reveal() ?? '';
  const work = { left: MOST_WORK };
  const openers = (given === '' ? ['', null] : [given]).map((passphrase) => ({ passphrase, work }));
  try {
    return await open(asn1.parse(file), openers);
  } catch (error) {
    if (error instanceof Locked) return whyLocked(error, given !== '');
    if (identify(file) !== 'P12') return wrongFile('p12_file', file);
    return refusal('P12_DAMAGED', 'p12_file is a PKCS#12 archive that cannot be read.', EXPORT_AGAIN);
  }
}

function whyLocked({ reason }: Locked, isGiven: boolean): Finding {
  if (reason === 'too costly') {
    return refusal('P12_TOO_COSTLY', 'p12_file asks for far more key derivation than any exporter does.', EXPORT_AGAIN);
  }
  if (reason === 'unsupported') {
    return refusal('P12_UNSUPPORTED', 'p12_file is locked in a way that is not supported.', EXPORT_AGAIN);
  }
  return isGiven
    ? refusal('P12_PASSPHRASE_WRONG', 'The passphrase does not open p12_file.', 'Have the person give the right one.')
    : refusal(
        'P12_PASSPHRASE_MISSING',
        'p12_file needs a passphrase.',
        'Have the person give the one it was made with.',
      );
}

async function open(pfx: asn1.Node, openers: Opener[]): Promise<Pkcs12> {
  const [version, authSafe, macData] = asn1.partsOf(pfx);
  if (asn1.numberOf(version) !== 3) throw new asn1.Malformed();
  const [type, content] = asn1.partsOf(authSafe);
  // The other kind is sealed with a certificate in place of a passphrase.
  if (asn1.oidOf(type) !== DATA) throw new Locked('unsupported');
  const safe = asn1.octetsOf(asn1.inside(content));
  const opener = macData ? await whichFits(openers, macData, safe) : openers[0];
  if (!opener) throw new Locked('passphrase');

  const found: Pkcs12 = { certificates: [], keys: [] };
  for (const info of asn1.partsOf(asn1.parse(safe))) {
    const bags = await contentsOf(info, opener);
    for (const bag of bags ? asn1.partsOf(asn1.parse(bags)) : []) await readBag(bag, opener, found);
  }
  return found;
}

async function whichFits(openers: Opener[], macData: asn1.Node, safe: Buffer): Promise<Opener | undefined> {
  for (const opener of openers) if (await isMacOf(macData, safe, opener)) return opener;
  return undefined;
}

async function contentsOf(info: asn1.Node, opener: Opener): Promise<Buffer | undefined> {
  const [type, content] = asn1.partsOf(info);
  const oid = asn1.oidOf(type);
  if (oid === DATA) return asn1.octetsOf(asn1.inside(content));
  if (oid !== ENCRYPTED_DATA) return undefined;
  const [, encrypted] = asn1.partsOf(asn1.inside(content));
  const [, algorithm, data] = asn1.partsOf(encrypted);
  return decrypt(algorithm, asn1.implicitOctetsOf(data), opener);
}

async function readBag(bag: asn1.Node, opener: Opener, found: Pkcs12): Promise<void> {
  const [type, wrapped] = asn1.partsOf(bag);
  const oid = asn1.oidOf(type);
  const value = asn1.inside(wrapped);
  if (oid === CERTIFICATE_BAG) {
    const [, certificate] = asn1.partsOf(value);
    found.certificates.push(asn1.octetsOf(asn1.inside(certificate)));
  } else if (oid === SHROUDED_KEY_BAG) {
    const [algorithm, data] = asn1.partsOf(value);
    found.keys.push(await decrypt(algorithm, asn1.octetsOf(data), opener));
  } else if (oid === KEY_BAG && value) {
    found.keys.push(asn1.bytesOf(value));
  }
}
