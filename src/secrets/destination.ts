import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { misconfigured, type ToolError, WorldChanged } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import type { Secret } from './secret.ts';

const WITHIN_MS = 5000;

/**
 * What git would do with a file: `tracked` files get committed, `loose` ones may be by accident, `ignored` are left alone
 * (as is a file outside any repository). Throws when the file is in a repository and git cannot be asked.
 */
export async function gitStanding(path: string, env: Record<string, string>): Promise<'tracked' | 'loose' | 'ignored'> {
  if (!insideRepository(dirname(path))) return 'ignored';
  if ((await ask(path, env, 'ls-files', '--error-unmatch')) === 0) return 'tracked';
  return (await ask(path, env, 'check-ignore', '-q')) === 1 ? 'loose' : 'ignored';
}

function insideRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  return dirname(folder) !== folder && insideRepository(dirname(folder));
}

/** The exit status of a git command about one file. A repository's own settings must not make git run programs. */
function ask(path: string, env: Record<string, string>, ...command: string[]): Promise<number> {
  const args = ['-C', dirname(path), '-c', 'core.fsmonitor=false', ...command, '--', basename(path)];
  return new Promise((resolve, reject) => {
    execFile('git', args, { env, timeout: WITHIN_MS }, (error) => {
      if (!error) resolve(0);
      else if (typeof error.code === 'number') resolve(error.code);
      else reject(unknown(path));
    });
  });
}

function unknown(path: string): ToolError {
  return misconfigured(
    `${path} is in a git repository, but git could not say whether it tracks the file. Nothing was created.`,
    'Have the person install git, or choose a file outside the repository, or the vault.',
  );
}

/** A secret on its way out: a name of word characters and hyphens, facts anyone may see, and the secrets themselves. */
export interface Handover {
  name: string;
  facts: Record<string, string | null>;
  secrets: Record<string, Secret>;
}

/** Where a secret came to rest, in words for an agent: never what it is. */
export interface Delivery {
  destination: string;
  place: string | null;
  warning?: string;
}

/** A destination proved usable, waiting for one secret. Dispose of it to leave nothing behind when none comes. */
export interface Slot extends AsyncDisposable {
  keep(handover: Handover): Promise<Delivery>;
}

/**
 * A place secrets can go. `reserve` proves it before anything is created; throws ToolError when it is of no use, and
 * `CONFLICT` when it leads elsewhere by now.
 */
export interface Destination {
  /** The `deliver_to` that leads here whatever the settings and the working folder, with every symlink resolved. */
  readonly to: string;
  /** In a few words, for plans and questions. */
  readonly label: string;
  /** True when it can take the secrets of many credentials, each beside the others. */
  readonly many?: true;
  /** Which of these values, by the names of a handover, are there already and would be replaced; as they are called there. */
  replaces?(names: readonly string[]): Promise<string[]>;
  reserve(): Promise<Slot>;
}

/** The error of a place that is not where a person was told it is. */
export const leadsElsewhere = (to: string, now: string): WorldChanged =>
  new WorldChanged(`What was ${quoted(to, 1000)} leads to ${quoted(now, 1000)} by now. Nothing was created.`);

/** Facts and secrets as the person gets them: the one place a handover is spelled out. */
export function entryOf({ facts, secrets }: Handover): Record<string, string | null> {
  const revealed = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]);
  return { ...facts, ...Object.fromEntries(revealed) };
}

/** What goes with a file that git may well commit. */
export const notIgnored = (path: string) => ({
  warning: `Git does not ignore ${path}: have the person add it to .gitignore.`,
});

/** The code of a system error, fit to be shown. */
export function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && /^[A-Z_]+$/.test(String(error.code))
    ? String(error.code)
    : 'unknown reason';
}

/** Makes the rename to `path` survive a power cut, on systems that can sync a folder; on others it does nothing. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
