// Files of certificates, keys and service accounts have a few kilobytes; parsing time is bounded by this.
export const MOST_BYTES = 64 * 1024;

/** The text of a file; Windows editors save UTF-16, and UTF-8 with a mark in front. */
export function textOf(file: Buffer): string {
  const isUtf16 = file[0] === 0xff && file[1] === 0xfe;
  return isUtf16 ? file.toString('utf16le', 2) : file.toString('utf8').replace(/^\uFEFF/, '');
}
