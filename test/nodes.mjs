// What depends on the Node that runs it, on other versions, fetched from the npm registry: the sessions of the contract and
// the cache of compiled code. Arguments are the majors; 22, 24 and 26 unless told. test:smoke starts the package on each.
import { spawnSync } from 'node:child_process';

const SUITE = 'vitest run --config test/contract/vitest.config.ts && vitest run test/compile-cache.test.ts';

const majors = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24', '26'];
let failed = 0;
for (const major of majors) {
  process.stdout.write(`\nNode ${major}\n`);
  const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
  const { status } = spawnSync(npx, ['-y', '-p', `node@${major}`, '-c', `node --version && ${SUITE}`], {
    stdio: 'inherit',
  });
  if (status !== 0) failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
