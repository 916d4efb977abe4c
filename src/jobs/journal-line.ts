import { timingSafeEqual } from 'node:crypto';

const NEWLINE = 0x0a;
const CLOSING = 0x7d;

/** Gives the MAC of a text, or of its bytes, as a word of 43 characters. */
export type Mac = (text: string | Buffer) => string;

const HEAD = '{"mac":"';
const MIDDLE = '","record":';
const TAIL = '}\n';
const MAC_LENGTH = 43;

/** A record as it is kept: a line of JSON with its MAC before it, newline included. */
export function encodeLine(record: unknown, mac: Mac): string {
  const json = JSON.stringify(record);
  return `${HEAD}${mac(json)}${MIDDLE}${json}${TAIL}`;
}

export interface Walk {
  /** What the good lines record, up to the first that is not. */
  records: unknown[];
  /** How many bytes they take. */
  length: number;
  /** What is wrong with the line after them: a cut one is the last and has no newline, as a crash leaves it. */
  wrong?: 'altered' | 'cut';
}

/** Takes the bytes of a file from the beginning of a line on; gives its good lines, and what is wrong where they end. */
export function walkLines(bytes: Buffer, mac: Mac): Walk {
  const records: unknown[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const record = decodeLine(bytes.subarray(start, end + 1), mac);
    if (record === undefined) return { records, length: start, wrong: 'altered' };
    records.push(record);
    start = end + 1;
  }
  if (start === bytes.length) return { records, length: start };
  // A crash writes less of a line, never another byte in place of its newline.
  const mended = Buffer.concat([bytes.subarray(start, -1), Buffer.of(NEWLINE)]);
  return { records, length: start, wrong: decodeLine(mended, mac) === undefined ? 'cut' : 'altered' };
}

/**
 * Takes the bytes of a file that many append to without a lease; gives all its good lines, how many bytes of whole lines
 * there are, and whether any was altered. One that a crash cut is ended by whoever writes next, and does not end as a whole
 * one does.
 */
export function pickLines(bytes: Buffer, mac: Mac): { records: unknown[]; length: number; altered: boolean } {
  const records: unknown[] = [];
  let altered = false;
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const record = decodeLine(bytes.subarray(start, end + 1), mac);
    if (record !== undefined) records.push(record);
    else if (bytes[end - 1] === CLOSING) altered = true;
    start = end + 1;
  }
  return { records, length: start, altered };
}

/** The MAC is that of bytes, not of a text: two broken encodings of a character can read the same. */
function decodeLine(bytes: Buffer, mac: Mac): unknown {
  const from = HEAD.length + MAC_LENGTH + MIDDLE.length;
  const json = bytes.subarray(from, -TAIL.length);
  const frame = Buffer.from(`${HEAD}${mac(json)}${MIDDLE}${TAIL}`);
  const found = Buffer.concat([bytes.subarray(0, from), bytes.subarray(-TAIL.length)]);
  if (frame.length !== found.length || !timingSafeEqual(frame, found)) return undefined;
  return JSON.parse(json.toString());
}
