import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/loopback-only.mjs'],
    // Most tests wait for a server or a process: every core can have a file.
    maxWorkers: '100%',
    // Files share their process: libraries load once, and the sandbox makes its RSA keys once. No test replaces a module.
    isolate: false,
    testTimeout: 60_000,
  },
});
