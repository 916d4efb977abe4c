// Runs the official conformance suite against both engines. Needs Node 24, and the command `conformance` on the path.
import { readFileSync } from 'node:fs';
import { startHarness } from './harness.ts';
import { everyScenario, REVISIONS, runScenarios, scenariosOf } from './suite.ts';
import { judge, type Verdict } from './verdict.ts';

const leftOut = new Map(
  Object.entries(JSON.parse(readFileSync(new URL('left-out.json', import.meta.url), 'utf8')) as Record<string, string>),
);
const counts = { passed: 0, failed: 0, 'left out': 0 };

function report(set: string, scenario: string, { outcome, why }: Verdict): void {
  counts[outcome] += 1;
  console.log(`${set}  ${outcome.padEnd(8)}  ${scenario}${why.map((line) => `\n${' '.repeat(22)}  ${line}`).join('')}`);
}

const all = await everyScenario();
const ran = new Set<string>();
const known = new Set(all);
for (const revision of REVISIONS) {
  await using harness = await startHarness();
  const results = await runScenarios(harness.url, revision);
  for (const scenario of await scenariosOf(revision)) {
    const checks = results.get(scenario) ?? [];
    report(revision, scenario, judge(scenario, checks, leftOut));
    ran.add(scenario);
    for (const { id } of checks) known.add(`${scenario}:${id}`);
  }
}
for (const scenario of all.filter((name) => !ran.has(name))) {
  const reason = leftOut.get(scenario);
  report('no set    ', scenario, {
    outcome: reason ? 'left out' : 'failed',
    why: [reason ?? 'it is in no set, and not on the list'],
  });
}
for (const entry of [...leftOut.keys()].filter((name) => !known.has(name))) {
  report('no set    ', entry, { outcome: 'failed', why: ['the suite has no such thing: take it off the list'] });
}

console.log(`\n${counts['left out']} left out\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
