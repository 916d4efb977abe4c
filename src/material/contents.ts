import { type KeyObject, X509Certificate } from 'node:crypto';
import { textOf } from './file.ts';
import { readKey } from './key.ts';
import { fromBase64, type PemBlock, readPem } from './pem.ts';

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
    const certificate = der && readCertificate(der);
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

function readBare(file: Buffer, text: string): Contents {
  // Without its two marks, a PEM body is known by how every DER sequence of this size begins.
  const unarmoured = text.trimStart().startsWith('MI') ? fromBase64(text) : null;
  const der = unarmoured ?? file;
  const notes = new Set<Note>([unarmoured ? 'repaired' : 'converted']);
  if (der[0] === 0x30) {
    const certificate = readCertificate(der);
    if (certificate) return { certificates: [certificate], keys: [], notes };
    const key = readKey(der, unarmoured ? text : undefined);
    if (key) return { certificates: [], keys: [key], notes };
  }
  return { certificates: [], keys: [], notes: new Set() };
}

/** A certificate out of DER, or null. */
export function readCertificate(der: Buffer): X509Certificate | null {
  try {
    return new X509Certificate(der);
  } catch {
    return null;
  }
}
