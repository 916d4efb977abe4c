import { randomUUID } from 'node:crypto';

const LASTS_MS = 10 * 60_000;

/** Questions that wait for a person. Each is bound to one call, lasts ten minutes and is answered once. */
export interface Approvals {
  /** Opens a question with its binding; gives the id its answer must carry. */
  open(binding: string): string;
  /** True once, for the id of an open question with this binding; whatever it is used for, an id is used up. */
  redeem(id: string, binding: string): boolean;
}

export function createApprovals(now: () => Date): Approvals {
  const waiting = new Map<string, { binding: string; until: number }>();
  return {
    open(binding) {
      for (const [id, { until }] of waiting) if (until <= now().getTime()) waiting.delete(id);
      const id = randomUUID();
      waiting.set(id, { binding, until: now().getTime() + LASTS_MS });
      return id;
    },
    redeem(id, binding) {
      const asked = waiting.get(id);
      waiting.delete(id);
      return asked !== undefined && asked.binding === binding && asked.until > now().getTime();
    },
  };
}
