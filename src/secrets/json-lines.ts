import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { isRecord, parseJson } from '../core/basics.ts';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { LONGEST_PATH, refuseMoved, resolveAllowed } from './allowed-folder.ts';
import { type Destination, entryOf, type Handover } from './destination.ts';
import { reason, syncFolder } from './files.ts';
import { gitStanding, notIgnored } from './git.ts';
import type { FileRules } from './project-file.ts';

/** The ids that the lines of a file are about, and how long it was then. */
interface Known {
  size: number;
  ids: Set<string>;
}

const known = new Map<string, Known>();
const turns = new Map<string, Promise<unknown>>();

/** A `.jsonl` file that gets one line for each credential, and never two for one; a new file is 0600. */
export function jsonLines(path: string, { childEnv, ...folders }: FileRules): Destination {
  const target = resolveAllowed(path, folders);
  return {
    to: `file:${target}`,
    label: `the file ${quoted(target, LONGEST_PATH)}`,
    many: true,
    async reserve() {
      refuseMoved(path, target, folders);
      if (!target.endsWith('.jsonl')) throw badInput(`${path} leads to a file that is not .jsonl.`);
      const standing = await gitStanding(target, childEnv);
      if (standing === 'tracked') {
        throw badInput(
          `${path} is tracked by git, so secrets in it would be committed.`,
          'Choose a file that git ignores.',
        );
      }
      try {
        const file = await openToAppend(target);
        return {
          async keep(handover) {
            // One after another: whether a line is there already is looked up before it is written.
            const turn = (turns.get(target) ?? Promise.resolve()).then(() => append(target, file, handover));
            turns.set(
              target,
              turn.catch(() => undefined),
            );
            await turn;
            return { destination: 'file', place: target, ...(standing !== 'ignored' && notIgnored(path)) };
          },
          [Symbol.asyncDispose]: () => file.close().catch(() => undefined),
        };
      } catch (error) {
        throw badInput(
          `${path} cannot be written (${reason(error)}). Nothing was created.`,
          'Choose another destination, such as the vault.',
        );
      }
    },
  };
}

async function openToAppend(target: string): Promise<FileHandle> {
  const file = await open(
    target,
    constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  );
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw Object.assign(new Error('not a file'), { code: 'EINVAL' });
}

/** Ends the file with a line about a secret, unless it has one. */
async function append(target: string, file: FileHandle, handover: Handover): Promise<void> {
  const { size } = await file.stat();
  const before = known.get(target);
  const { ids, cut } = before?.size === size ? { ids: before.ids, cut: false } : await readIds(target);
  const key = `${handover.name} ${Object.keys(handover.secrets)}`;
  if (ids.has(key)) return;
  const line = `${JSON.stringify({ ...entryOf(handover), for: key })}\n`;
  // A line that a crash cut off is ended first, so that it spoils no other.
  await file.appendFile(cut ? `\n${line}` : line);
  await file.datasync();
  if (size === 0) await syncFolder(target);
  known.set(target, { size: (await file.stat()).size, ids: ids.add(key) });
}

async function readIds(target: string): Promise<{ ids: Set<string>; cut: boolean }> {
  const text = await readFile(target, 'utf8');
  const ids = new Set<string>();
  for (const line of text.split('\n')) {
    const value = parseJson(line);
    // A line of someone else, or one that was cut off: not ours to mend.
    if (isRecord(value) && typeof value.for === 'string') ids.add(value.for);
  }
  return { ids, cut: text !== '' && !text.endsWith('\n') };
}
