import { createHash } from 'node:crypto';
import { z } from 'zod';

const NEWLINE = 0x0a;

const header = z.object({
  run: z.number(),
  at: z.string(),
  /** The file that was the newest when this one began, and the hash of its last line then. */
  previous: z.object({ file: z.string(), hash: z.string() }).nullable(),
});
const newest = z.object({ last: z.int().positive() });

/** What the first line of a file records. */
export type Header = z.infer<typeof header>;

export interface Line {
  hash: string;
  entry: unknown;
}

/** How far a file was found good: its lines, their bytes and the last one's hash, which is absent before the first. */
export interface Place {
  lines: number;
  offset: number;
  hash?: string;
}

export interface Walk {
  good: Line[];
  end: Place;
  /** What is wrong with the line after `end`: a cut one is the last and has no newline, as a crash leaves it. */
  wrong?: 'altered' | 'cut';
}

export const START: Place = { lines: 0, offset: 0 };

/** Takes an entry and the hash of the line before it; gives its line, newline included, and the hash of that. */
export function encodeLine(previous: string, entry: unknown): { hash: string; text: string } {
  const json = JSON.stringify(entry);
  const hash = createHash('sha256').update(previous).update(json).digest('hex');
  return { hash, text: `{"hash":"${hash}","entry":${json}}\n` };
}

/** Gives the first line of a file, which goes on from the hash it names. */
export const encodeHeader = (entry: Header): { hash: string; text: string } => encodeLine(startOf(entry), entry);

/** Gives the header a good first line records; throws on any other line. */
export const headerOf = (line: Line | undefined): Header => header.parse(line?.entry);

/** Gives the content of the file that names the newest one. */
export const encodeNewest = (last: number): string => encodeLine('', { last }).text;

/** The number in the file that names the newest one; undefined when its content was altered. */
export function decodeNewest(bytes: Buffer): number | undefined {
  return newest.safeParse(decodeLine(bytes, '')?.entry).data?.last;
}

/** Takes the bytes of a file from `place` on; gives its good lines, and what is wrong where they end. */
export function walkLines(bytes: Buffer, place: Place): Walk {
  const good: Line[] = [];
  const last = (): string | undefined => good.at(-1)?.hash ?? place.hash;
  const walk = (at: number, wrong?: Walk['wrong']): Walk => {
    const hash = last();
    const end = { lines: place.lines + good.length, offset: place.offset + at, ...(hash && { hash }) };
    return { good, end, ...(wrong && { wrong }) };
  };
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = decodeLine(bytes.subarray(start, end + 1), last());
    if (!line) return walk(start, 'altered');
    good.push(line);
    start = end + 1;
  }
  if (start === bytes.length) return walk(start);
  // A crash writes less of a line, never another byte in place of its newline.
  const mended = Buffer.concat([bytes.subarray(start, -1), Buffer.of(NEWLINE)]);
  return walk(start, decodeLine(mended, last()) ? 'altered' : 'cut');
}

/**
 * Without a hash before it, the line has to be a header. Bytes are compared, not texts: two broken encodings of a
 * character can read the same.
 */
function decodeLine(bytes: Buffer, previous: string | undefined): Line | undefined {
  try {
    const { entry }: { entry: unknown } = JSON.parse(bytes.toString());
    const { hash, text } = encodeLine(previous ?? startOf(header.parse(entry)), entry);
    return Buffer.from(text).equals(bytes) ? { hash, entry } : undefined;
  } catch {
    return undefined;
  }
}

function startOf({ previous }: Header): string {
  return previous?.hash ?? '';
}
