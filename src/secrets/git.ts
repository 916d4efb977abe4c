import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { misconfigured, type ToolError } from '../core/errors.ts';

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

/** What goes with a file that git may well commit. */
export const notIgnored = (path: string) => ({
  warning: `Git does not ignore ${path}: have the person add it to .gitignore.`,
});
