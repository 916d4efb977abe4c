import { attempt } from '../core/basics.ts';
import { badInput } from '../core/errors.ts';
import { oneLine, quoted } from '../core/text.ts';
import type { MaterialFile } from '../material/file.ts';
import { type FolderRules, LONGEST_PATH, resolveAllowed } from '../secrets/allowed-folder.ts';

/** The paths of the files that lie outside the allowed folders. Throws `BAD_INPUT` for one that a person cannot be shown. */
export function outsideOf(files: (MaterialFile | undefined)[], folders: FolderRules): string[] {
  const paths = new Set(files.flatMap((file) => file?.realPath ?? []));
  const outside = [...paths].filter((path) => attempt(() => resolveAllowed(path, folders)) !== path);
  if (outside.some((path) => path.length > LONGEST_PATH || oneLine(path, LONGEST_PATH) !== path))
    throw badInput('A file leads to a path that is too long, or has characters that nobody sees.');
  return outside;
}

/** Tells a person that files lie outside the allowed folders, and where; '' when none does. */
export const outsideInWords = (paths: string[]): string =>
  paths.length === 0
    ? ''
    : ` It was read from outside the folders that this server may use: ${paths.map((path) => quoted(path, LONGEST_PATH)).join(', ')}.`;
