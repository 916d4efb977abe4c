import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isRecord } from '../core/basics.ts';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { type FolderRules, LONGEST_PATH, refuseMoved, resolveAllowed } from './allowed-folder.ts';
import type { Destination } from './destination.ts';
import { reason, syncFolder } from './files.ts';
import { gitStanding, notIgnored } from './git.ts';

type Merge = (before: string, values: Record<string, string>) => string;

const RESERVED_BYTES = 8192;
const MOST_BYTES = 1024 * 1024;

export interface FileRules extends FolderRules {
  /** The environment git is asked in. */
  childEnv: Record<string, string>;
}

/**
 * A file of the project: `.env` and its like get lines, `.json` gets keys at the top level. The keys begin with `prefix`.
 * The file is replaced whole or not at all; a new one is 0600, an existing one keeps its mode.
 */
export function projectFile(path: string, prefix: string, { childEnv, ...folders }: FileRules): Destination {
  mergeFor(path);
  const target = resolveAllowed(path, folders);
  const merge = mergeFor(target);
  return {
    to: `file:${target}`,
    label: `the file ${quoted(target, LONGEST_PATH)}`,
    async replaces(names) {
      const { text } = await readPresent(target, path);
      const keys = names.map((name) => keyOf(prefix, name));
      return keys.filter((key) => new RegExp(`(^|[\\s"])${key}["\\s]*[=:]`, 'm').test(text));
    },
    async reserve() {
      refuseMoved(path, target, folders);
      const standing = await gitStanding(target, childEnv);
      if (standing === 'tracked') {
        throw badInput(
          `${path} is tracked by git, so a secret in it would be committed.`,
          'Choose a file that git ignores, such as .env.local.',
        );
      }
      const { text, mode } = await readPresent(target, path);
      // Provoked now, while nothing is created yet: JSON that cannot be merged, a folder that cannot be written.
      try {
        merge(text, {});
      } catch {
        throw badInput(`${path} does not hold a JSON object, so nothing can be merged into it.`);
      }
      const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
      try {
        await writeWhole(temporary, ' '.repeat(Buffer.byteLength(text) + RESERVED_BYTES), mode);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw badInput(
          `${path} cannot be written (${reason(error)}). Nothing was created.`,
          'Choose another destination, such as the vault.',
        );
      }
      return {
        async keep({ secrets, facts }) {
          const revealed = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()] as const);
          // The SIP username goes along with its password: one is of no use without the other.
          const named = facts.sip_username ? [['sip_username', facts.sip_username] as const] : [];
          const values = [...named, ...revealed].map(([key, value]) => [keyOf(prefix, key), value] as const);
          // Read again: someone may have saved the file since.
          const { text } = await readPresent(target, path);
          await writeWhole(temporary, merge(text, Object.fromEntries(values)), mode);
          // A link may have taken the place of a folder meanwhile.
          refuseMoved(path, target, folders);
          await rename(temporary, target);
          await syncFolder(target);
          return { destination: 'file', place: target, ...(standing !== 'ignored' && notIgnored(path)) };
        },
        // What cannot be removed any more must not take the place of what came of the delivery.
        [Symbol.asyncDispose]: () => rm(temporary, { force: true }).catch(() => undefined),
      };
    },
  };
}

const keyOf = (prefix: string, name: string): string => `${prefix}_${name.toUpperCase()}`;

function mergeFor(path: string): Merge {
  const name = basename(path);
  if (/^\.env(\.[\w.-]+)?$|\.env$/.test(name)) return mergeDotenv;
  if (name.endsWith('.json')) return mergeJson;
  throw badInput(
    `${path} is neither a .env file nor a .json file.`,
    'Deliver to a file such as .env.local or secrets.json, or to the vault.',
  );
}

function mergeJson(before: string, values: Record<string, string>): string {
  const present: unknown = before.trim() === '' ? {} : JSON.parse(before);
  if (!isRecord(present)) throw new SyntaxError('not an object');
  const indent = /^[ \t]+/m.exec(before)?.[0] ?? '  ';
  return `${JSON.stringify({ ...present, ...values }, null, indent)}\n`;
}

async function readPresent(target: string, path: string): Promise<{ text: string; mode: number }> {
  const present = await stat(target).catch(() => undefined);
  if (!present) return { text: '', mode: 0o600 };
  if (!present.isFile() || present.size > MOST_BYTES) throw badInput(`${path} is not a small regular file.`);
  const text = await readFile(target, 'utf8').catch((error: unknown) => {
    throw badInput(`${path} cannot be read (${reason(error)}).`);
  });
  return { text, mode: present.mode & 0o777 };
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(path, mode);
}

/** Characters that mean the same to every dotenv reader and shell, without quotes. */
const PLAIN = /^[\w.~+/=@:-]+$/;
/** What a PEM block is made of besides: its line breaks are written as `\n` between double quotes. */
const PEM = /^[\w+/= \n-]+$/;

/**
 * A dotenv text with the given keys set: replaced in place where they stand, appended where they do not. Comments,
 * order, `export` and line endings stay. Throws RangeError for a value that readers would understand differently.
 */
export function mergeDotenv(text: string, values: Record<string, string>): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  let merged = text;
  for (const [key, value] of Object.entries(values)) {
    const line = `${key}=${quote(value)}`;
    // A quoted value may run over several lines; it ends at its closing quote.
    const present = new RegExp(
      `^([ \\t]*(?:export[ \\t]+)?)${key}[ \\t]*=(?:[ \\t]*(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*')[^\\r\\n]*|[^\\r\\n]*)`,
      'gm',
    );
    if (present.test(merged)) merged = merged.replace(present, (_, before: string) => before + line);
    else merged += `${merged === '' || merged.endsWith('\n') ? '' : end}${line}${end}`;
  }
  return merged;
}

function quote(value: string): string {
  if (PLAIN.test(value)) return value;
  const lines = value.replaceAll('\r\n', '\n').trimEnd();
  if (PEM.test(lines)) return `"${lines.replaceAll('\n', '\\n')}"`;
  throw new RangeError('a value with characters that dotenv readers disagree about');
}
