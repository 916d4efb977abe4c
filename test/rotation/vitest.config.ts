import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/rotation/**/*.rotation.ts', 'test/{rotation,consent}-property.test.ts'],
    // More of the random runs that the default suite does a few of.
    env: { FC_RUNS: '1500' },
    // They wait more than they work.
    maxWorkers: '100%',
    testTimeout: 240_000,
  },
});
