import type { StepRecord } from './rotation.ts';
import { ENOUGH_MS, type Work } from './work.ts';

// A request of a process that died may still be on its way, and it may have waited before it was sent: after as long as
// a call lasts it is not.
const SETTLES_MS = 20_000;

/**
 * What an earlier try of this create made, if anything. A crash may have come just before its request arrived, so that
 * nothing is certain until some seconds have passed; `later` when the call has not that much time.
 */
export async function madeBefore<T>(
  find: () => Promise<T | undefined>,
  record: StepRecord | undefined,
  { now, pause, timeLeft }: Work,
): Promise<T | 'later' | undefined> {
  if (!record?.intendedAt) return undefined;
  const found = await find();
  if (found) return found;
  const wait = Math.min(SETTLES_MS, Date.parse(record.intendedAt) + SETTLES_MS - now().getTime());
  if (wait <= 0) return undefined;
  const possible = Math.max(0, Math.min(wait, timeLeft() - ENOUGH_MS));
  await pause(possible);
  return (await find()) ?? (possible < wait ? 'later' : undefined);
}
