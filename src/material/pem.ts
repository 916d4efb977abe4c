import type { KeyObject, X509Certificate } from 'node:crypto';
import { isRecord, parseJson } from '../core/basics.ts';
import { caution, type Finding, type Slot, textOf } from './file.ts';
import { kindOfDer, readCertificate, readKey } from './key.ts';

/**
 * The certificate that a text holds: as PEM, also when its line breaks were lost, turned into spaces or written as `\n`
 * (the samples of Telnyx's own documentation look so), or as bare base64. Undefined when it holds none.
 */
export function parseCertificate(text: string): X509Certificate | undefined {
  return readCertificate(text) ?? readCertificate(derOf(text));
}

/** When a certificate lapses, in milliseconds since 1970, UTC; null when the text holds none. Needs no ASN.1 reader. */
export function lapseOf(text: string): number | null {
  const until = Date.parse(parseCertificate(text)?.validTo ?? '');
  return Number.isNaN(until) ? null : until;
}

function derOf(text: string): Buffer | null {
  const { blocks } = readPem(text);
  const block = blocks.find(({ label }) => label === 'CERTIFICATE');
  return block ? block.der : fromBase64(text.replaceAll(/\\[rn]/g, ''));
}

export interface PemBlock {
  /** `CERTIFICATE`, `RSA PRIVATE KEY`, … */
  label: string;
  /** What stands between the two marks, as it came. */
  body: string;
  /** Null when the body is no base64. */
  der: Buffer | null;
  /** The old kind of encryption, told by a header in the body (RFC 1421 §4.6.1.1). */
  encrypted: boolean;
  /** In lines as OpenSSL reads them; else the line breaks were lost and have been found again. */
  tidy: boolean;
}

export interface PemFile {
  blocks: PemBlock[];
  /** A block begins and its end is missing. */
  cut: boolean;
}

// RFC 7468 says 64; OpenSSL reads up to 76.
const LONGEST_LINE = 76;

/** The PEM blocks of a text, whatever stands around them. */
export function readPem(text: string): PemFile {
  const marks = [...text.matchAll(/-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----/g)];
  const file: PemFile = { blocks: [], cut: false };
  for (const [index, mark] of marks.entries()) {
    const [whole, side, label = ''] = mark;
    if (side !== 'BEGIN') continue;
    const next = marks[index + 1];
    if (next?.[1] === 'END' && next[2] === label) {
      file.blocks.push(readBlock(label, text.slice(mark.index + whole.length, next.index)));
    } else file.cut = true;
  }
  return file;
}

function readBlock(label: string, body: string): PemBlock {
  const lines = body.split(/\r\n|\r|\n/);
  const tidy = lines.length > 2 && !lines[0]?.trim() && lines.every((line) => line.length <= LONGEST_LINE);
  return {
    label,
    body,
    // Environment files and JSON inside JSON leave line breaks as a backslash and a letter.
    der: fromBase64(body.replaceAll(/\\[rn]/g, '')),
    encrypted: body.includes('Proc-Type:') && body.includes('ENCRYPTED'),
    tidy,
  };
}

/** The bytes of base64 in any lines, or null when it is something else. */
function fromBase64(text: string): Buffer | null {
  const compact = text.replaceAll(/\s/g, '');
  return compact !== '' && /^[A-Za-z0-9+/]+={0,2}$/.test(compact) ? Buffer.from(compact, 'base64') : null;
}

/** What became of a file's blocks, besides those that were read. */
type Note =
  | 'repaired'
  | 'converted'
  | 'encrypted key'
  | 'broken certificate'
  | 'broken key'
  | 'cut off'
  | 'too many blocks';

export interface Contents {
  certificates: X509Certificate[];
  keys: KeyObject[];
  notes: ReadonlySet<Note>;
}

// A chain has three; each certificate is compared with each key.
const MOST_BLOCKS = 32;

/** The certificates and private keys of a file, PEM or one bare DER, whatever else is in it. */
export function readContents(file: Buffer): Contents {
  const text = textOf(file);
  const { blocks, cut } = readPem(text);
  const notes = new Set<Note>();
  if (cut) notes.add('cut off');
  if (blocks.length > MOST_BLOCKS) return { certificates: [], keys: [], notes: notes.add('too many blocks') };
  if (blocks.length === 0 && !cut) return readBare(file, text);

  const contents = { certificates: [] as X509Certificate[], keys: [] as KeyObject[], notes };
  for (const block of blocks) {
    const read = readInto(contents, block);
    if (read === undefined) continue;
    if (read !== true) notes.add(read);
    else if (!block.tidy) notes.add('repaired');
  }
  return contents;
}

/** Adds what a block holds; else says why it could not, or nothing when it is neither certificate nor key. */
function readInto({ certificates, keys }: Contents, block: PemBlock): Note | true | undefined {
  const { label, body, der, encrypted } = block;
  if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(label)) {
    const certificate = readCertificate(der);
    if (!certificate) return 'broken certificate';
    certificates.push(certificate);
    return true;
  }
  if (label === 'ENCRYPTED PRIVATE KEY' || encrypted) return 'encrypted key';
  if (!/^((RSA|EC) )?PRIVATE KEY$/.test(label)) return undefined;
  const key = der && readKey(der, body);
  if (!key) return 'broken key';
  keys.push(key);
  return true;
}

/** The base64 of DER without its marks, decoded: it is known by how every sequence of this size begins. */
export const readUnarmoured = (text: string): Buffer | null =>
  text.trimStart().startsWith('MI') ? fromBase64(text) : null;

function readBare(file: Buffer, text: string): Contents {
  const unarmoured = readUnarmoured(text);
  const der = unarmoured ?? file;
  const notes = new Set<Note>([unarmoured ? 'repaired' : 'converted']);
  if (der[0] === 0x30) {
    const certificate = readCertificate(der);
    if (certificate) return { certificates: [certificate], keys: [], notes };
    const key = readKey(der, unarmoured ? text : undefined);
    if (key) return { certificates: [], keys: [key], notes };
    if (kindOfDer(der) === 'ENCRYPTED_KEY') return { certificates: [], keys: [], notes: new Set(['encrypted key']) };
  }
  return { certificates: [], keys: [], notes: new Set() };
}

// Base64 in an assignment is one layer; JSON in JSON in base64 has been seen.
const MOST_LAYERS = 3;

/**
 * What a file holds, without what people keep it in: base64, quotes, a shell assignment, other JSON. The file itself where
 * there is nothing of that, or where it is not plain what is meant.
 */
export function unwrap(file: Buffer): Buffer {
  let inner = file;
  for (let layer = 0; layer < MOST_LAYERS; layer++) {
    const text = textOf(inner).trim();
    const next = accountIn(text) ?? encodedIn(text);
    if (!next) break;
    inner = next;
  }
  return inner;
}

/** What to tell of a file that was not as it should be for what was around it. */
export const unwrapped = (slot: Slot): Finding =>
  caution('UNWRAPPED', `${slot} was in base64 or had something around it; it was taken out.`, 'Nothing needs doing.');

function encodedIn(text: string): Buffer | undefined {
  const [, , value = ''] = /^(?:export\s+)?(?:[A-Za-z_]\w*=)?(['"]?)(.*)\1;?$/s.exec(text) ?? [];
  const decoded = fromBase64(text) ?? fromBase64(value);
  if (!decoded) return undefined;
  const inner = textOf(decoded);
  return kindOfDer(decoded) === 'P12' || inner.includes('-----BEGIN ') || isRecord(parseJson(inner))
    ? decoded
    : undefined;
}

/** The one service account in a text that is more than that. */
function accountIn(text: string): Buffer | undefined {
  const whole = parseJson(text);
  if (isAccount(whole) || Array.isArray(whole)) return undefined;
  const accounts = (isRecord(whole) ? Object.values(whole) : [whole ?? between(text)])
    .map((value) => (typeof value === 'string' ? parseJson(value) : value))
    .filter(isAccount);
  return accounts.length === 1 ? Buffer.from(JSON.stringify(accounts[0])) : undefined;
}

/** The JSON from the first brace of a text to its last, also with its quotes escaped for the quotes around it. */
function between(text: string): unknown {
  const piece = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  return parseJson(piece) ?? parseJson(`"${piece}"`);
}

const isAccount = (value: unknown): boolean =>
  isRecord(value) && value.type === 'service_account' && typeof value.private_key === 'string';
