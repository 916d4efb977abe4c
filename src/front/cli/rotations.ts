import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { count, render } from '../../core/text.ts';
import type { Config } from '../../host/config.ts';
import { verifyJournal } from '../../jobs/journal-verify.ts';
import { type CallTool, withTools } from './call-tool.ts';
import { print, type Terminal } from './terminal.ts';

/** Prints what is wrong with the journal of the state folder; gives 1 when any of it is an error. Throws ToolError. */
export async function verify(_args: readonly string[], { stateDir }: Config, { stdout }: Terminal): Promise<number> {
  const { jobs, records, findings } = verifyJournal(stateDir);
  for (const { file, severity, problem, says } of findings) print(stdout, `${severity}: ${file} ${problem}: ${says}`);
  const of = (wanted: string): number => findings.filter(({ severity }) => severity === wanted).length;
  const [errors, notes] = [of('error'), of('note')];
  const totals = [
    count(jobs, ['job', 'jobs']),
    count(records, ['record', 'records']),
    count(errors, ['error', 'errors']),
    ...(notes > 0 ? [count(notes, ['note', 'notes'])] : []),
  ];
  print(stdout, totals.join(', '));
  return errors > 0 ? 1 : 0;
}

const listed = z.object({ rotations: z.array(z.record(z.string(), z.unknown())), next_cursor: z.string().optional() });

const AGAIN_MS = 2000;
const LONGEST_MS = 2 * 60_000;

/** Prints every rotation of the state folder, open ones first; gives 0. Throws ToolError. */
export function listRotations(_args: readonly string[], config: Config, terminal: Terminal): Promise<number> {
  return withTools(config, terminal, async (call) => {
    const rotations = await all(call);
    const total = count(rotations.length, ['rotation', 'rotations']);
    print(terminal.stdout, [...rotations.map(render), total].join('\n\n'));
    return 0;
  });
}

async function all(call: CallTool): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (let cursor: string | undefined; ; ) {
    const { rotations, next_cursor } = listed.parse(
      await call('get_rotation', { limit: 50, ...(cursor && { cursor }) }),
    );
    found.push(...rotations);
    if (next_cursor === undefined) return found;
    cursor = next_cursor;
  }
}

/**
 * Goes on with a rotation and prints what came of it; gives 0 when all was done that can be done by now, 1 when the
 * person did not agree or nothing came of it for two minutes. Throws ToolError.
 */
export function continueRotation([id]: readonly string[], config: Config, terminal: Terminal): Promise<number> {
  return withTools(config, terminal, async (call) => {
    let until = performance.now() + LONGEST_MS;
    for (let seen = ''; ; ) {
      const result = await call('continue_rotation', { id });
      // A fleet may take hours: what counts is that it gets on.
      const now = JSON.stringify(result);
      if (now !== seen) until = performance.now() + LONGEST_MS;
      seen = now;
      // More to do than fits in a call, or someone else is at it.
      if (result.status === 'in_progress' && performance.now() < until) await sleep(AGAIN_MS);
      else {
        print(terminal.stdout, render(result));
        return result.status === 'done' ? 0 : 1;
      }
    }
  });
}
