import { accessSync, constants, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { count } from '../core/text.ts';
import { verifyJournal } from '../jobs/journal-verify.ts';
import { reason } from '../secrets/files.ts';
import { openings } from '../secrets/state-folder.ts';
import { type Check, error, type Found, ok, warning } from './check.ts';

const OTHERS = 0o077;
const CHOOSE = 'make it writable for you, or set TELNYX_MCP_STATE_DIR to a folder that is';
const ALONE = 'chmod 700 it, or 600 the file key';

/** Whether the state folder is there, or can be made, and is this user's alone. */
export const stateFolder: Check = ({ config: { stateDir } }) => {
  const found = statOf(stateDir);
  const { path, stats } = found ?? nearestAbove(stateDir);
  const says = found ? stateDir : `${stateDir}, not there yet`;
  if (!stats.isDirectory()) return [error(`${path} is not a folder`, CHOOSE)];
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (failed) {
    return [error(`${says}: ${found ? 'it cannot be written' : 'it cannot be made'} (${reason(failed)})`, CHOOSE)];
  }
  return found ? standing(stateDir) : [ok(says)];
};

function standing(stateDir: string): Found[] {
  const found = openings(stateDir).map(({ kind, says }) =>
    kind === 'readable' ? warning(says, ALONE) : error(says, kind === 'foreign' ? CHOOSE : ALONE),
  );
  return found.length > 0 ? found : [ok(stateDir)];
}

function nearestAbove(path: string): { path: string; stats: Stats } {
  const above = dirname(path);
  return statOf(above) ?? nearestAbove(above);
}

function statOf(path: string): { path: string; stats: Stats } | undefined {
  try {
    return { path, stats: statSync(path) };
  } catch (failed) {
    // What cannot be looked at is reported; only what is not there, or lies under a file, may be made.
    if (['ENOENT', 'ENOTDIR'].includes(reason(failed))) return undefined;
    throw failed;
  }
}

/** Whether the files that hold secrets are readable by this user alone. */
export const vault: Check = ({ config: { stateDir } }) => {
  const folder = join(stateDir, 'vault');
  const names = statOf(folder) ? readdirSync(folder) : [];
  const kept = ok(`${count(names.filter((name) => name.endsWith('.json')).length, ['secret', 'secrets'])} kept`);
  if (process.platform === 'win32') return [kept];
  const secret = [folder, join(stateDir, 'key'), ...names.map((name) => join(folder, name))];
  const open = secret.filter((path) => ((statOf(path)?.stats.mode ?? 0) & OTHERS) !== 0).length;
  if (open === 0) return [kept];
  const says = `${count(open, ['file or folder is', 'files or folders are'])} not for you alone`;
  return [error(says, 'chmod -R go= the folder vault and the file key in the state folder')];
};

/** Whether the record of rotations is whole. */
export const journal: Check = ({ config: { stateDir } }) => {
  const { jobs, records, findings } = verifyJournal(stateDir);
  const [wrong, ...more] = findings.filter(({ severity }) => severity === 'error');
  const old = findings
    .filter(({ problem }) => problem === 'old')
    .map(({ says }) => warning(says, 'delete the folder ledger in the state folder, once nothing of it is needed'));
  if (!wrong) return [ok(`whole: ${count(jobs, ['job', 'jobs'])}, ${count(records, ['record', 'records'])}`), ...old];
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return [
    error(
      `${wrong.says}${others}`,
      'see telnyx-credentials-mcp journal verify, and look at those credentials in the Telnyx portal',
    ),
  ];
};
