import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';
import { attempt } from '../core/basics.ts';
import { badInput, misconfigured } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { leadsElsewhere } from './destination.ts';

/** Where files with secrets may lie. */
export interface FolderRules {
  /** What relative paths are relative to. */
  workingFolder: string;
  /** Undefined is the working folder. */
  allowDirs: readonly string[] | undefined;
}

/**
 * The real path a secret may be written to: `path` with every symlink resolved, when that lies inside an allowed folder.
 * Without a setting the working folder is allowed, unless it is a root or a home folder, which clients start servers in.
 */
export function resolveAllowed(path: string, { workingFolder, allowDirs }: FolderRules): string {
  const allowed = allowDirs?.map((folder) => resolve(workingFolder, folder)) ?? narrow(workingFolder);
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
  return target;
}

/** What is shown of a path in a question: all of it, or it is refused. */
export const LONGEST_PATH = 1000;

/** Throws `CONFLICT` when a path leads elsewhere than to the target it was resolved to before. */
export function refuseMoved(path: string, target: string, rules: FolderRules): void {
  const now = resolveAllowed(path, rules);
  if (now !== target) throw leadsElsewhere(target, now);
}

const narrow = (folder: string): string[] => (folder === parse(folder).root || folder === homedir() ? [] : [folder]);

const real = (path: string): string | undefined => attempt(() => realpathSync(path));

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && !isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`);
}
