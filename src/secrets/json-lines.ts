import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isRecord, parseJson } from '../core/basics.ts';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { LONGEST_PATH, resolveAllowed } from './allowed-folder.ts';
import { type Destination, entryOf, type Handover, Unfit } from './destination.ts';
import { syncFolder } from './files.ts';
import {
  decode,
  type FileRules,
  probe,
  readTarget,
  refuseMoved,
  refuseOdd,
  standingOf,
  useless,
  warningOf,
} from './target.ts';
import { inTurn } from './turns.ts';

/** What the lines of a file are about, and which file it was then, how long and when written. */
interface Known {
  version: string;
  lines: Set<string>;
  /** Whether its last line has no end, since a crash cut it off. */
  cut: boolean;
}

// A fleet of 50,000 has a twentieth.
const MOST_BYTES = 512 * 1024 * 1024;

const known = new Map<string, Known>();

/** A `.jsonl` file that gets one line for each secret, and never two for one; a new file is 0600. */
export function jsonLines(path: string, rules: FileRules): Destination {
  const target = resolveAllowed(path, rules);
  return {
    to: `file:${target}`,
    label: `the file ${quoted(target, LONGEST_PATH)}`,
    many: true,
    async reserve() {
      if (!target.endsWith('.jsonl')) throw badInput(`${path} leads to a file that is not .jsonl.`);
      const warnings = await standingOf(path, target, rules);
      try {
        const there = await readTarget(target, MOST_BYTES, (file, stat) => linesOf(target, file, stat));
        if (there) await (await openToAppend(target)).close();
        else await probe(target, { text: '' });
      } catch (error) {
        throw useless(path, error);
      }
      return {
        async keep(handover) {
          const stat = await inTurn(target, async (turn) => {
            refuseMoved(path, target, rules);
            await using file = await openToAppend(target);
            turn.check();
            return await append(target, file, handover);
          });
          return { destination: 'file', place: target, ...warningOf(target, stat, warnings) };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

const openToAppend = (target: string): Promise<FileHandle> =>
  open(
    target,
    constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    0o600,
  );

/** Ends the file with a line about a secret, unless it has one, and reads it back. */
async function append(target: string, file: FileHandle, handover: Handover): Promise<Stats> {
  const before = refuseOdd(await file.stat(), MOST_BYTES);
  const { lines, cut } = await linesOf(target, file, before);
  const entry = { ...entryOf(handover), for: `${handover.name} ${Object.keys(handover.secrets)}` };
  const key = keyOf(entry, entry.for);
  if (lines.has(key)) return before;
  const line = Buffer.from(`${JSON.stringify(entry)}\n`);
  // A line that a crash cut off is ended first, so that it spoils no other.
  await file.appendFile(cut ? Buffer.concat([Buffer.from('\n'), line]) : line);
  await file.datasync();
  if (before.size === 0) await syncFolder(target);
  const after = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(line.length), 0, line.length, after.size - line.length);
  if (!buffer.equals(line)) throw new Unfit('what was read back is something else');
  known.set(target, { version: versionOf(after), lines: lines.add(key), cut: false });
  return after;
}

const versionOf = ({ ino, size, mtimeMs, ctimeMs }: Stats): string => `${ino} ${size} ${mtimeMs} ${ctimeMs}`;

/** What the lines are about, read anew when the file is not as this process left it. Throws `Unfit` for what is no UTF-8. */
async function linesOf(target: string, file: FileHandle, stat: Stats): Promise<Known> {
  const before = known.get(target);
  const version = versionOf(stat);
  if (before?.version === version) return before;
  const text = decode(await file.readFile());
  const lines = new Set<string>();
  for (const line of text.split('\n')) {
    const value = parseJson(line);
    // A line of someone else, or one that was cut off: not ours to mend.
    if (isRecord(value) && typeof value.for === 'string') lines.add(keyOf(value, value.for));
  }
  return { version, lines, cut: text !== '' && !text.endsWith('\n') };
}

/** Two lines are about the same when they are for the same and hold the same: a credential has many tokens. */
function keyOf(entry: Record<string, unknown>, what: string): string {
  const names = what.split(' ').at(-1)?.split(',') ?? [];
  return createHash('sha256')
    .update(JSON.stringify([what, names.map((name) => entry[name])]))
    .digest('base64');
}
