import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';
import { attempt } from '../core/basics.ts';
import { badInput, misconfigured } from '../core/errors.ts';
import { oneLine, quoted, visible } from '../core/text.ts';

/** Where files with secrets may lie. */
export interface FolderRules {
  /** What relative paths are relative to. */
  workingFolder: string;
  /** Undefined is the working folder. */
  allowDirs: readonly string[] | undefined;
  /** Our own: journal, key and vault lie in it. */
  stateDir: string;
}

/**
 * The real path a secret may be written to: `path` with every symlink resolved, when that lies inside an allowed folder.
 * Without a setting the working folder is allowed, unless it is a root or holds the home folder: clients start servers there.
 */
export function resolveAllowed(path: string, { workingFolder, allowDirs, stateDir }: FolderRules): string {
  const allowed =
    allowDirs?.map((folder) => resolve(workingFolder, folder)) ?? (holdsHome(workingFolder) ? [] : [workingFolder]);
  const folders = allowed.map(real).filter((folder) => folder !== undefined);
  if (folders.length === 0) {
    throw misconfigured(
      'No folder is allowed for files with secrets.',
      'Ask the person to set TELNYX_MCP_ALLOW_DIRS to the project folder, or deliver to the vault.',
    );
  }
  const wanted = resolve(workingFolder, path.replace(/^~(?=\/)/, homedir()));
  const folder = real(dirname(wanted));
  if (!folder) throw badInput(`The folder of ${path} does not exist.`);
  // A link in the last place is followed too: the file behind it is the one that would be replaced.
  const target = real(wanted) ?? join(folder, basename(wanted));
  // A person is shown it, and must see what it is.
  if (target.length > LONGEST_PATH || visible(target) !== target)
    throw badInput(`${path} leads to a path that is too long, or has characters that nobody sees.`);
  if (!folders.some((root) => isInside(root, target))) {
    throw badInput(
      `${path} is outside the folders that may hold secrets.`,
      'Choose a file inside an allowed folder, or have the person add its folder to TELNYX_MCP_ALLOW_DIRS.',
    );
  }
  const own = real(stateDir);
  if (own !== undefined && isInside(own, target))
    throw badInput(`${path} is inside the state folder of this server.`, 'Choose another file, or the vault.');
  return target;
}

/** What is shown of a path in a question: all of it, or it is refused. */
export const LONGEST_PATH = 1000;

/** Whether a folder is a root, or the home folder is or lies in it: settings and keys of other programs do then, too. */
export function holdsHome(folder: string): boolean {
  const [path, home] = [real(folder) ?? folder, real(homedir()) ?? homedir()];
  return path === home || isInside(path, home) || path === parse(path).root;
}

const real = (path: string): string | undefined => attempt(() => realpathSync(path));

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && !isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`);
}

/** Of these real paths those that lie outside the allowed folders. Throws `BAD_INPUT` for one that a person cannot be shown. */
export function outsideOf(paths: readonly string[], folders: FolderRules): string[] {
  const outside = [...new Set(paths)].filter((path) => attempt(() => resolveAllowed(path, folders)) !== path);
  if (outside.some((path) => path.length > LONGEST_PATH || oneLine(path, LONGEST_PATH) !== path))
    throw badInput('A file leads to a path that is too long, or has characters that nobody sees.');
  return outside;
}

/** Tells a person that files lie outside the allowed folders, and where; '' when none does. */
export const outsideInWords = (paths: string[]): string =>
  paths.length === 0
    ? ''
    : ` It was read from outside the folders that this server may use: ${paths.map((path) => quoted(path, LONGEST_PATH)).join(', ')}.`;
