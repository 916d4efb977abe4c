import type { Exchange, Recorder, Violation } from './recorder.ts';

/** Runs one check, tells how it went, and counts it; the others go on. */
export type Check = (what: string, run: () => Promise<unknown>) => Promise<void>;

export const counts = { passed: 0, failed: 0 };

/** As `Check`, without looking at any exchange. */
export const check: Check = async (what, run) => {
  try {
    await run();
    counts.passed += 1;
    console.log(`ok      ${what}`);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAILED  ${what}\n        ${error instanceof Error ? error.message : error}`);
  }
};

/** Whether a violation is one that was looked into and let pass. */
export type Excuse = (exchange: Exchange, violation: Violation) => boolean;

/**
 * Gives checks that also fail when nothing was sent in one, or when Prism holds something against what was; `within`
 * stands before what each of them says.
 */
export function checksOf(within: string, { exchanges }: Recorder, excused: Excuse): Check {
  let seen = exchanges.length;
  return (what, run) =>
    check(`${within}: ${what}`, async () => {
      const wrong: string[] = await run().then(
        () => [],
        (error: unknown) => [error instanceof Error ? error.message : String(error)],
      );
      const since = exchanges.slice(seen);
      seen = exchanges.length;
      // One of each kind is told: a list of many pages has the same in all of them.
      const held = new Map<string, string>();
      for (const exchange of since) {
        for (const violation of exchange.violations.filter((one) => !excused(exchange, one))) {
          const says = `→ ${exchange.status}: ${violation.of}: ${violation.says}`;
          const kind = `${exchange.operation} ${says}`;
          if (!held.has(kind)) held.set(kind, `${exchange.target} ${says}`);
        }
      }
      wrong.push(...held.values());
      if (since.length === 0) wrong.push('nothing was sent');
      if (wrong.length > 0) throw new Error(wrong.join('\n        '));
    });
}
