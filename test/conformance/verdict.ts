import type { Check } from './suite.ts';

/** What is left out, and why: `scenario` for the whole of it, `scenario:check-id` for one check. */
export type LeftOut = ReadonlyMap<string, string>;

export interface Verdict {
  outcome: 'passed' | 'failed' | 'left out';
  why: string[];
}

// What the server sends must fit the protocol's schema even where it does not offer what a scenario asks for.
const ALWAYS = 'wire-schema-valid';

/**
 * Judges a scenario. Warnings count as failures: they stand for what the protocol says a server should do. An entry of
 * the list that is not needed counts as one too, lest the list outlive its reasons.
 */
export function judge(scenario: string, checks: readonly Check[], leftOut: LeftOut): Verdict {
  const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const reason = leftOut.get(scenario);
  const excused = ({ id }: Check) => (reason === undefined ? leftOut.has(`${scenario}:${id}`) : id !== ALWAYS);
  const failures = bad.filter((check) => !excused(check)).map(({ id, errorMessage }) => `${id}: ${errorMessage ?? ''}`);
  if (failures.length > 0) return { outcome: 'failed', why: failures };

  const good = checks.filter(({ id, status }) => status === 'SUCCESS' && id !== ALWAYS).map(({ id }) => id);
  if (reason !== undefined) {
    return bad.length === 0 && good.length > 0 ? stale(scenario) : { outcome: 'left out', why: [reason] };
  }
  const needless = good.find((id) => leftOut.has(`${scenario}:${id}`) && !bad.some((check) => check.id === id));
  if (needless !== undefined) return stale(`${scenario}:${needless}`);
  if (good.length === 0) return { outcome: 'failed', why: ['it checked nothing'] };
  const ids = new Set(bad.map(({ id }) => id));
  return { outcome: 'passed', why: [...ids].map((id) => `but for ${id}: ${leftOut.get(`${scenario}:${id}`)}`) };
}

const stale = (entry: string): Verdict => ({ outcome: 'failed', why: [`it passes: take ${entry} off the list`] });
