import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import type { Universe } from './rotation-model.ts';

/** Has the few pauses that are not taken through `Deps` take the time of a universe; gives what puts the real ones back. */
export function withoutWaiting(universe: () => Universe | undefined): () => void {
  const real = timers.setTimeout;
  timers.setTimeout = (async (ms = 0, value?: unknown) => {
    const current = universe();
    if (!current) return real(ms, value);
    current.pass(ms);
    return value;
  }) as typeof real;
  syncBuiltinESMExports();
  return () => {
    timers.setTimeout = real;
    syncBuiltinESMExports();
  };
}
