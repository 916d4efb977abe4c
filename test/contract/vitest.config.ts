import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/contract/**/*.contract.ts'],
    setupFiles: ['test/loopback-only.mjs'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
