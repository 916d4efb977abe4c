import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/rotation/**/*.rotation.ts', 'test/{rotation-property,fleet,ledger,lock}.test.ts'],
    // More of what the default suite does a little of.
    env: { FC_RUNS: '1500' },
    testTimeout: 240_000,
  },
});
