import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/loopback-only.mjs'],
    // Most tests wait for a server or a process: two cores have time for a third file.
    maxWorkers: Math.max(3, availableParallelism()),
    // Files share their process: libraries load once, and the sandbox makes its RSA keys once. No test replaces a module.
    isolate: false,
    testTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'sandbox', include: ['test/**/*.test.ts'] } },
      {
        // What reads an account, again on answers that have no more than a row needs.
        extends: true,
        test: {
          name: 'lean',
          include: ['test/{attacks,tools,health,rotate-telephony,rotate-push,rotation-property,fleet}.test.ts'],
          env: { TELNYX_SHAPE: 'lean' },
        },
      },
    ],
  },
});
