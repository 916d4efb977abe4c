import { X509Certificate } from 'node:crypto';
import { fromBase64, readPem } from './pem.ts';

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
