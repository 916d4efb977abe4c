import { expect, test, vi } from 'vitest';
import { jobTime } from '../src/telnyx/scheduler.ts';

test('a job waits for its turn as long as it takes, and from then on for two minutes', () => {
  const passes = (ms: number) => vi.setSystemTime(Date.now() + ms);
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    using time = jobTime(new AbortController().signal, 1000)();
    passes(3_600_000);
    expect(time.patience()).toBe(120_000);
    passes(119_000);
    expect(time.patience()).toBe(1000);
  } finally {
    vi.useRealTimers();
  }
});
