import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/browser/**/*.browser.ts'],
    // One browser for all: two cores are its own already.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Chromium now and then loses an event on a starved machine; a fault of ours fails twice.
    retry: 1,
  },
});
