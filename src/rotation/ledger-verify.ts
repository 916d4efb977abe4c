import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { misconfigured } from '../errors.ts';
import { reason } from '../secrets/destination.ts';
import { headerOf, START, type Walk, walkLines } from './ledger-line.ts';
import { fileName, ledgerFolder, newestIn, runsIn } from './ledger-reader.ts';

interface LedgerFinding {
  file: string;
  /** A note is harmless. */
  severity: 'error' | 'note';
  problem: 'altered' | 'cut' | 'missing' | 'unlinked';
  /** For a person. */
  says: string;
}

export interface LedgerReport {
  files: number;
  entries: number;
  findings: LedgerFinding[];
}

/** Takes the state folder and reads its whole ledger anew; gives what is wrong with it. Throws `CONFIGURATION` when it cannot be read. */
export async function verifyLedger(stateDir: string): Promise<LedgerReport> {
  const folder = ledgerFolder(stateDir);
  try {
    const newest = await newestIn(folder);
    // A listing can miss a file that was made meanwhile and have the next: all up to the highest are in a second one.
    const highest = (await runsIn(folder)).at(-1) ?? 0;
    const runs = (await runsIn(folder)).filter((run) => run <= highest);
    const walks = new Map<number, Walk>();
    // The newest first: processes may be writing, and a header names what its predecessor held before.
    for (const run of runs.toReversed()) {
      walks.set(run, walkLines(await readFile(join(folder, fileName(run))), START));
    }
    // The first file of all may have got its lines between these readings: `last` is there, and may name newer files.
    const last = newest === 'missing' ? await newestIn(folder) : newest;
    const findings = [
      ...findLast(last, walks),
      ...findGaps(runs, typeof newest === 'number' ? newest : 0),
      ...runs.flatMap((run) => [...findDamage(run, walks), ...findUnlinked(run, walks)]),
    ];
    const entries = [...walks.values()].reduce((sum, { good }) => sum + Math.max(0, good.length - 1), 0);
    return { files: runs.length, entries, findings };
  } catch (error) {
    throw misconfigured(
      `The ledger in ${folder} cannot be read (${reason(error)}).`,
      'Ask the person to make that folder and its files readable, and call again.',
    );
  }
}

type Walks = ReadonlyMap<number, Walk>;

const finding = (
  file: string,
  problem: LedgerFinding['problem'],
  says: string,
  severity: LedgerFinding['severity'] = 'error',
): LedgerFinding => ({ file, severity, problem, says });

function findLast(last: number | 'altered' | 'missing', walks: Walks): LedgerFinding[] {
  if (last === 'altered') return [finding('last', 'altered', 'last, which names the newest file, was altered.')];
  const recorded = [...walks.values()].some(({ good, wrong }) => good.length > 0 || wrong);
  if (last !== 'missing' || !recorded) return [];
  return [finding('last', 'missing', 'last, which names the newest file, is missing, so newer files may be as well.')];
}

function findGaps(runs: readonly number[], last: number): LedgerFinding[] {
  return [...runs, Math.max(last, runs.at(-1) ?? 0) + 1].flatMap((run, index) => {
    const expected = (runs[index - 1] ?? 0) + 1;
    if (run === expected) return [];
    const gone = run === expected + 1 ? 'is' : `and what follows up to ${fileName(run - 1)} are`;
    return [finding(fileName(expected), 'missing', `${fileName(expected)} ${gone} missing.`)];
  });
}

function findDamage(run: number, walks: Walks): LedgerFinding[] {
  const file = fileName(run);
  const { good = [], wrong, end } = walks.get(run) ?? {};
  const line = (end?.lines ?? 0) + 1;
  if (wrong === 'altered') {
    const says = `Line ${line} of ${file} was altered or lines before it are gone; the rest does not count.`;
    return [finding(file, 'altered', says)];
  }
  if (good[0] && headerOf(good[0]).run !== run) {
    return [finding(file, 'altered', `${file} is not what its name says: line 1 has another number.`)];
  }
  if (wrong === 'cut') {
    const says = `Line ${line} of ${file} was cut off while it was written, which a crash does: nothing had been done for it.`;
    return [finding(file, 'cut', says, 'note')];
  }
  if (good.length > 0) return [];
  return [finding(file, 'cut', `${file} is empty: its process stopped before it recorded anything.`, 'note')];
}

function findUnlinked(run: number, walks: Walks): LedgerFinding[] {
  const { good = [] } = walks.get(run) ?? {};
  const previous = good[0] && headerOf(good[0]).previous;
  const held = [...walks].find(([of]) => previous?.file === fileName(of))?.[1];
  // What is beyond an altered line cannot be told, and a missing file has its own finding.
  if (!previous || !held || held.wrong === 'altered') return [];
  if (held.good.some(({ hash }) => hash === previous.hash)) return [];
  const says = `${previous.file} had more lines when ${fileName(run)} began: they were removed from its end.`;
  return [finding(fileName(run), 'unlinked', says)];
}
