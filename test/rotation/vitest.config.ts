import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/rotation/**/*.rotation.ts', 'test/{rotation-property,fleet,ledger,lock}.test.ts'],
    // More of what the default suite does a little of.
    env: { FC_RUNS: '1500' },
    // They wait more than they work.
    maxWorkers: '100%',
    testTimeout: 240_000,
  },
});
