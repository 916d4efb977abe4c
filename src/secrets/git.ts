import { execFile } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { attempt } from '../core/basics.ts';
import { misconfigured, type ToolError } from '../core/errors.ts';

const WITHIN_MS = 5000;

/** What else marks a folder whose files may be committed; some of these take in whatever is new. */
const OTHERS = ['.jj', '.hg', '.svn', '.sl', '.bzr', '.pijul', '_darcs', '.fslckout', '_FOSSIL_', 'CVS'];

/**
 * What git would do with a file: `tracked` files get committed, `loose` ones may be by accident, `ignored` are left alone
 * (as is a file outside any repository). `unknown` is one that only another version control could tell of. Throws when
 * the file is in a repository and git does not say.
 */
export async function gitStanding(
  path: string,
  env: Record<string, string>,
): Promise<'tracked' | 'loose' | 'ignored' | 'unknown'> {
  const repositories = foldersAbove(path, ['.git']);
  // One further out may have taken the file in before the nearer one was made.
  for (const folder of repositories) {
    // Taken by its letters, and by them in any case: to some file systems .ENV is .env.
    const name = `:(literal,icase)${below(folder, path)}`;
    if (await says(folder, env, 'ls-files', '--error-unmatch', '--', name)) return 'tracked';
  }
  const [nearest] = repositories;
  if (nearest === undefined) return foldersAbove(path, OTHERS).length > 0 ? 'unknown' : 'ignored';
  // It takes no magic, but would for a name that begins with a colon.
  return (await says(nearest, env, 'check-ignore', '-q', '--', `./${below(nearest, path)}`)) ? 'ignored' : 'loose';
}

/** The folders above a path that hold one of these names, the nearest first. */
function foldersAbove(path: string, names: readonly string[]): string[] {
  const folder = dirname(path);
  if (folder === path) return [];
  const holds = names.some((name) => attempt(() => lstatSync(join(folder, name))));
  return [...(holds ? [folder] : []), ...foldersAbove(folder, names)];
}

const below = (folder: string, path: string): string => relative(folder, path).split(sep).join('/');

/**
 * The yes or no of a git command; whatever else it ends with is no answer. Neither the repository's own settings nor what
 * it has not fetched may make git run programs, and variables of ours are about another repository.
 */
function says(folder: string, env: Record<string, string>, ...command: string[]): Promise<boolean> {
  const own = Object.entries(env).filter(([name]) => !/^git_/i.test(name));
  const options = { env: { ...Object.fromEntries(own), GIT_ALLOW_PROTOCOL: 'none' }, timeout: WITHIN_MS };
  return new Promise((resolve, reject) => {
    execFile('git', ['-C', folder, '-c', 'core.fsmonitor=false', ...command], options, (error) => {
      if (!error) resolve(true);
      else if (error.code === 1) resolve(false);
      else reject(silent(folder, error.code));
    });
  });
}

function silent(folder: string, status: unknown): ToolError {
  const told = typeof status === 'number' ? ` (status ${status})` : '';
  return misconfigured(
    `The file is in a repository, ${folder}, and git could not say whether it tracks it${told}. Nothing was created.`,
    'Have the person run git status there, which says why, or choose a file outside the repository, or the vault.',
  );
}

/** What goes with a file that may well be committed. */
export const notIgnored = (path: string) => ({
  warning: `${path} may be committed: git does not ignore it, or something else keeps versions there. Have the person put it on the list of what is ignored, such as .gitignore.`,
});
