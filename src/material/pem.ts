import { X509Certificate } from 'node:crypto';

/**
 * The certificate that a text holds: as PEM, also when its line breaks were lost, turned into spaces or written as `\n`
 * (the samples of Telnyx's own documentation look so), or as bare base64. Undefined when it holds none.
 */
export function parseCertificate(text: string): X509Certificate | undefined {
  return certificateOf(text) ?? certificateOf(derOf(text));
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

function certificateOf(bytes: string | Buffer | null): X509Certificate | undefined {
  try {
    return bytes === null ? undefined : new X509Certificate(bytes);
  } catch {
    return undefined;
  }
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
export function fromBase64(text: string): Buffer | null {
  const compact = text.replaceAll(/\s/g, '');
  return compact !== '' && /^[A-Za-z0-9+/]+={0,2}$/.test(compact) ? Buffer.from(compact, 'base64') : null;
}
