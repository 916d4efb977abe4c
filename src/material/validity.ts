import { X509Certificate } from 'node:crypto';

/** When a PEM certificate lapses, in milliseconds since 1970, UTC; null when it is none. Needs no ASN.1 reader. */
export function lapseOf(pem: string): number | null {
  try {
    const until = Date.parse(new X509Certificate(pem).validTo);
    return Number.isNaN(until) ? null : until;
  } catch {
    return null;
  }
}
