import type { Config } from '../config.ts';
import { verifyLedger } from '../rotation/ledger-verify.ts';
import { count, print, type Terminal } from './terminal.ts';

/** Prints what is wrong with the ledger of the state folder; gives 1 when any of it is an error. Throws ToolError. */
export async function verify(_args: readonly string[], { stateDir }: Config, { stdout }: Terminal): Promise<number> {
  const { files, entries, findings } = await verifyLedger(stateDir);
  for (const { file, severity, problem, says } of findings) print(stdout, `${severity}: ${file} ${problem}: ${says}`);
  const of = (wanted: string): number => findings.filter(({ severity }) => severity === wanted).length;
  const [errors, notes] = [of('error'), of('note')];
  const totals = [
    count(files, ['file', 'files']),
    count(entries, ['entry', 'entries']),
    count(errors, ['error', 'errors']),
    ...(notes > 0 ? [count(notes, ['note', 'notes'])] : []),
  ];
  print(stdout, totals.join(', '));
  return errors > 0 ? 1 : 0;
}
