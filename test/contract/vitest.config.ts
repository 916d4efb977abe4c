import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/contract/**/*.contract.ts'],
    setupFiles: ['test/loopback-only.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
