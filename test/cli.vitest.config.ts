import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/cli*.test.ts'],
    setupFiles: ['test/loopback-only.mjs'],
    testTimeout: 60_000,
  },
});
