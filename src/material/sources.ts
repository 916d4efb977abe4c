import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../secrets/secret.ts';
import { caution, type Finding, refusal, type Slot, tooLarge } from './file.ts';
import { isTokenKey, readCertificate, readKey, tokenKey } from './key.ts';
import { wrongFile } from './kind.ts';
import { type Contents, readContents, unwrap, unwrapped } from './pem.ts';

/** What the files of a person hold between them, and what kept the rest from being read. */
export interface Found {
  certificates: X509Certificate[];
  keys: KeyObject[];
  findings: Finding[];
}

interface Given {
  slot: Slot;
  file: Buffer;
  isWrapped: boolean;
  contents: Contents;
}

const AGAIN = 'Have the person copy or export the whole file again.';
const BOTH = 'Have the person give the certificate and its private key, or one .p12 that holds both.';

/** Certificates and keys out of PEM or DER files; each may hold any of both. */
export function fromFiles(certificateFiles: Buffer[], keyFiles: Buffer[]): Found {
  const given: Given[] = [];
  for (const [slot, file] of [
    ...certificateFiles.map((file) => ['certificate_file', file] as const),
    ...keyFiles.map((file) => ['private_key_file', file] as const),
  ]) {
    const large = tooLarge(slot, file);
    if (large.length > 0) return { certificates: [], keys: [], findings: large };
    const inner = unwrap(file);
    given.push({ slot, file, isWrapped: inner !== file, contents: readContents(inner) });
  }
  const certificates = given.flatMap(({ contents }) => contents.certificates);
  const keys = given.flatMap(({ contents }) => contents.keys);
  const faults = whyUseless(given, certificates, keys);
  // What was mended is of no interest while the files are of no use.
  return { certificates, keys, findings: faults.length > 0 ? faults : given.flatMap(notesOf) };
}

function whyUseless(given: Given[], certificates: X509Certificate[], keys: KeyObject[]): Finding[] {
  // No other file beside it would make it usable.
  const isToken = keys.length > 0 && keys.every(isTokenKey);
  if (isToken && certificates.length === 0) return [tokenKey()];
  if (!isToken && areSwapped(given)) return [swapped()];
  return [...(certificates.length === 0 ? [noCertificate(given)] : []), ...(keys.length === 0 ? [noKey(given)] : [])];
}

/** Certificates and keys out of a PKCS#12 archive. */
export async function fromPkcs12(file: Buffer, passphrase: Secret | undefined): Promise<Found> {
  const large = tooLarge('p12_file', file);
  if (large.length > 0) return { certificates: [], keys: [], findings: large };
  const { readPkcs12 } = await import('./pkcs12.ts');
  const inner = unwrap(file);
  const opened = await readPkcs12(inner, passphrase);
  if ('code' in opened) return { certificates: [], keys: [], findings: [opened] };
  const certificates = opened.certificates.map(readCertificate).filter((each) => each !== undefined);
  const keys = opened.keys.map((der) => readKey(der)).filter((each) => each !== null);
  const findings = inner === file ? [] : [unwrapped('p12_file')];
  if (certificates.length === 0) {
    findings.push(refusal('P12_NO_CERTIFICATE', 'p12_file opens and holds no certificate that can be read.', BOTH));
  }
  if (keys.length === 0) {
    findings.push(
      refusal(
        'P12_NO_KEY',
        'p12_file opens and holds no private key that can be read.',
        'Have the person export the certificate from "My Certificates" in Keychain Access, where its key is under it.',
      ),
    );
  }
  return { certificates, keys, findings };
}

function notesOf({ slot, isWrapped, contents: { notes } }: Given): Finding[] {
  const findings = isWrapped ? [unwrapped(slot)] : [];
  if (notes.has('repaired')) {
    findings.push(
      caution('PEM_REPAIRED', `${slot} had lost its line breaks or marks; they were put back.`, 'Nothing needs doing.'),
    );
  }
  if (notes.has('converted')) {
    findings.push(caution('DER_CONVERTED', `${slot} was binary DER; it was turned into PEM.`, 'Nothing needs doing.'));
  }
  return findings;
}

function areSwapped([first, second, third]: Given[]): boolean {
  // What is dropped at a page is sorted by what it holds.
  if (!first || !second || third || first.contents.certificates.length > 0 || second.contents.keys.length > 0)
    return false;
  const holdsKey = first.contents.keys.length > 0 || first.contents.notes.has('encrypted key');
  return holdsKey && second.contents.certificates.length > 0;
}

function swapped(): Finding {
  return refusal(
    'FILES_SWAPPED',
    'certificate_file must hold a PEM certificate; it is a private key, and private_key_file holds the certificate.',
    'Call again with the two paths exchanged.',
  );
}

function noCertificate(given: Given[]): Finding {
  const own = given.find(({ slot }) => slot === 'certificate_file');
  if (!own) return refusal('CERTIFICATE_MISSING', 'There is no certificate.', BOTH);
  const broken = 'certificate_file holds a certificate that cannot be read.';
  return spoilt(own) ?? wrong(own, 'broken certificate', refusal('CERTIFICATE_DAMAGED', broken, AGAIN));
}

function noKey(given: Given[]): Finding {
  const locked = given.find(({ contents }) => contents.notes.has('encrypted key'));
  if (locked) {
    return refusal(
      'KEY_ENCRYPTED',
      `${locked.slot} holds an encrypted private key.`,
      'Have the person give the .p12 and its passphrase, or a key decrypted with `openssl rsa -traditional`.',
    );
  }
  const own = given.find(({ slot }) => slot === 'private_key_file');
  if (!own) return refusal('KEY_MISSING', 'There is no private key.', BOTH);
  const broken = 'private_key_file holds a private key that cannot be read.';
  return spoilt(own) ?? wrong(own, 'broken key', refusal('KEY_UNREADABLE', broken, AGAIN));
}

function spoilt({ slot, contents: { notes } }: Given): Finding | undefined {
  if (notes.has('too many blocks')) {
    return refusal('TOO_MANY_BLOCKS', `${slot} holds too many PEM blocks to be looked into.`, BOTH);
  }
  return notes.has('cut off')
    ? refusal('PEM_CUT_OFF', `${slot} holds PEM that begins and does not end.`, AGAIN)
    : undefined;
}

function wrong({ slot, file, contents }: Given, note: 'broken certificate' | 'broken key', broken: Finding): Finding {
  return contents.notes.has(note) ? broken : wrongFile(slot, file);
}
