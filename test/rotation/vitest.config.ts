import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/rotation/**/*.rotation.ts'],
    testTimeout: 240_000,
  },
});
