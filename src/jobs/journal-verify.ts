import { existsSync, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { misconfigured } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import { readFrom, reason } from '../secrets/files.ts';
import { strayLeases } from '../secrets/lease-files.ts';
import { openStateKey, trustStateFolder } from '../secrets/state-folder.ts';
import { JobFile } from './job-file.ts';
import { type Entry, jobOf } from './journal.ts';
import { bucketsIn, foldersOf, idsIn, macOf, PartFiles, partShape } from './journal-files.ts';
import { type Mac, pickLines } from './journal-line.ts';

interface Finding {
  /** Below the state folder. */
  file: string;
  /** A note is harmless. */
  severity: 'error' | 'note';
  problem: 'altered' | 'cut' | 'missing' | 'unknown' | 'old';
  /** For a person. */
  says: string;
}

export interface JournalReport {
  jobs: number;
  records: number;
  findings: Finding[];
}

/**
 * Takes the state folder and reads its whole journal; gives what is wrong with it. Throws `CONFIGURATION` when it cannot be
 * read, or is not ours alone.
 */
export function verifyJournal(stateDir: string): JournalReport {
  trustStateFolder(stateDir);
  const folders = foldersOf(stateDir);
  try {
    const findings: Finding[] = [...ledger(stateDir)];
    if (!existsSync(folders.root)) return { jobs: 0, records: 0, findings };
    if (!existsSync(join(stateDir, 'key'))) {
      const says = 'The key of the state folder is missing, so nothing that was recorded can be told from a forgery.';
      return {
        jobs: 0,
        records: 0,
        findings: [...findings, { file: 'key', severity: 'error', problem: 'missing', says }],
      };
    }
    const mac = macOf(openStateKey(stateDir));
    // First, since jobs may be begun meanwhile: whatever is spoken of here is there by now.
    const parts = bucketsIn(folders.parts).map((name) => verifyParts(join(folders.parts, name), `parts/${name}`, mac));
    const files = (['open', 'done'] as const).flatMap((folder) => idsIn(folders[folder]).map((id) => ({ folder, id })));
    const index = new PartFiles(folders.parts, mac);
    const jobs = files.map(({ folder, id }) =>
      verifyJob(join(folders[folder], `${id}.jsonl`), `${folder}/${id}.jsonl`, id, mac, index),
    );
    // One may have been moved between two looks.
    const isThere = (id: string) =>
      [join(folders.open, `${id}.jsonl`), join(folders.done, `${id}.jsonl`), join(folders.open, `${id}.new`)].some(
        (path) => lstatSync(path, { throwIfNoEntry: false }),
      );
    const gone = new Set(parts.flatMap(({ named }) => named).filter((id) => !isThere(id)));
    const missing = [...gone].map((id) =>
      finding(`open/${id}.jsonl`, 'missing', `What was recorded of ${id} is gone.`),
    );
    return {
      jobs: jobs.length,
      records: jobs.reduce((sum, { records }) => sum + records, 0),
      findings: [
        ...findings,
        ...[...jobs, ...parts].flatMap((one) => one.findings),
        ...missing,
        ...verifyLeases(folders.leases),
      ],
    };
  } catch (error) {
    throw misconfigured(
      `The journal in ${folders.root} cannot be read (${reason(error)}).`,
      'Ask the person to make that folder and its files readable, and call again.',
    );
  }
}

const finding = (
  name: string,
  problem: Finding['problem'],
  says: string,
  severity: Finding['severity'] = 'error',
): Finding => ({ file: `journal/${name}`, severity, problem, says });

function verifyJob(
  path: string,
  name: string,
  id: string,
  mac: Mac,
  index: PartFiles,
): { records: number; findings: Finding[] } {
  const job = new JobFile(id, path, mac, () => new Date());
  // One that was moved meanwhile is in order.
  if (!job.refresh()) return { records: 0, findings: [] };
  const { wrong, records, isCut } = job;
  if (wrong) return { records, findings: [finding(name, wrong.problem, `${wrong.says} Nothing goes on with it.`)] };
  const lost = [...job.ids()].filter((one) => !isIndexed(job.of(one), index));
  if (lost.length > 0) {
    const says = `No credential leads to ${lost[0]} any more: it may be rotated a second time.`;
    return { records, findings: [finding('parts', 'missing', says)] };
  }
  const says = `Its last record was cut off while it was written, which a crash does: nothing had been done for it.`;
  return { records, findings: isCut ? [finding(name, 'cut', says, 'note')] : [] };
}

/** Whether the credential that a rotation replaces leads to it. */
function isIndexed([first]: readonly Entry[], index: PartFiles): boolean {
  if (first?.event.type !== 'began') return true;
  try {
    // What was altered, or cannot be read, is told of by itself.
    return index.of(first.event.old.id)?.some(({ rotation }) => rotation === first.rotation) ?? true;
  } catch {
    return true;
  }
}

function verifyParts(path: string, name: string, mac: Mac): { named: string[]; findings: Finding[] } {
  const bytes = bytesOf(path);
  if (typeof bytes === 'string') {
    const says = `It cannot be read (${bytes}): the credentials it tells of are not rotated.`;
    return { named: [], findings: [finding(name, 'altered', says)] };
  }
  const { records, altered, length } = pickLines(bytes, mac);
  const named = records.flatMap((record) => partShape.safeParse(record).data ?? []).map((part) => jobOf(part.rotation));
  const says = 'A line was altered, or made under another key: the credentials it tells of are not rotated.';
  if (altered) return { named, findings: [finding(name, 'altered', says)] };
  const cut = 'Its last line was cut off while it was written, which a crash does.';
  return { named, findings: length < bytes.length ? [finding(name, 'cut', cut, 'note')] : [] };
}

/** What stands in the place of leases, and keeps everybody from working on what it is named after. */
function verifyLeases(folder: string): Finding[] {
  if (!existsSync(folder)) return [];
  if (!statSync(folder).isDirectory())
    return [finding('leases', 'altered', 'It is no folder: nobody can work on anything.')];
  const says = 'It is no lease: nobody works on what it is named after. Remove it when no process is at work.';
  return strayLeases(folder).map((name) => finding(`leases/${oneLine(name)}`, 'altered', says));
}

/** What a file holds, or why it cannot be read: one of many must not keep the others from being looked at. */
function bytesOf(path: string): Buffer | string {
  try {
    return readFrom(path, 0);
  } catch (error) {
    return reason(error);
  }
}

/** What a version before the first release kept is nobody's any more. */
function ledger(stateDir: string): Finding[] {
  if (!statSync(join(stateDir, 'ledger'), { throwIfNoEntry: false })?.isDirectory()) return [];
  const says = 'A ledger of a version before the first release lies here. It is not read, and left alone.';
  return [{ file: 'ledger', severity: 'note', problem: 'old', says }];
}
