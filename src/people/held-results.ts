import { randomUUID } from 'node:crypto';
import type { Approvals } from './approvals.ts';

const CALL = 'held result';
const MOST = 100;

/**
 * Results of calls that are done, while their client shows a page. A client that is asked by a returned state calls the
 * tool again for the result: it must get this one, not a second credential.
 */
export function createHeldResults(approvals: Approvals) {
  const results = new Map<string, Record<string, unknown>>();
  return {
    hold(result: Record<string, unknown>): string {
      const id = randomUUID();
      for (const old of results.keys()) if (results.size >= MOST) results.delete(old);
      results.set(id, result);
      return approvals.seal(CALL, id);
    },
    release(state: string): Record<string, unknown> | undefined {
      const id = approvals.redeem(state, CALL);
      const result = id === undefined ? undefined : results.get(id);
      if (id !== undefined) results.delete(id);
      return result;
    },
  };
}
