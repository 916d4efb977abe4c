import { describe, expect, test } from 'vitest';
import { bucket, play, type Server, shared, windows } from './scheduler-model.ts';

const ALL = { headers: true, retryAfter: true };
const RETRY_AFTER = { headers: false, retryAfter: true };
const NOTHING = { headers: false, retryAfter: false };
const PHASES = [0, 810];

/** Their clock and ours differ in speed, as clocks do. */
const slowly =
  (server: Server): Server =>
  (now) =>
    server(now * 0.9992);

describe('a job of thousands of requests under a limit of 50 a second', () => {
  const second = (says: typeof ALL) => (phase: number) => windows(50, 1000, phase, says);
  const minute = (says: typeof ALL) => (phase: number) => windows(3000, 60_000, phase * 60, says);
  type Fleet = [title: string, server: (phase: number) => Server, requests: number, latencyMs: number];

  async function holds([, server, requests, latencyMs]: Fleet, least: number, refusals: number): Promise<void> {
    for (const phase of PHASES) {
      const { perSecond: rate, refused, median } = await play({ server: server(phase), requests, latencyMs });
      expect(rate).toBeGreaterThan(least);
      expect(refused / requests).toBeLessThan(refusals);
      expect(median).toBeLessThan(3 * latencyMs);
    }
  }

  const TOLD: Fleet[] = [
    ['counts by the second', second(ALL), 8000, 20],
    ['counts by the second and is slow', second(ALL), 8000, 80],
    ['counts by its own second', (phase) => slowly(second(ALL)(phase)), 8000, 20],
    ['counts by the minute', minute(ALL), 8000, 20],
    ['has a bucket of tokens', () => bucket(50, ALL), 8000, 20],
  ];
  test.each(TOLD)('uses 95 % of it and lets a person through when Telnyx says so and %s', (...fleet) =>
    holds(fleet, 47.5, 0.002),
  );

  const UNTOLD: Fleet[] = [
    ['counts by the second and sends Retry-After', second(RETRY_AFTER), 8000, 20],
    ['counts by the second, sends Retry-After and is slow', second(RETRY_AFTER), 8000, 80],
    ['counts by the second and sends a bare 429', second(NOTHING), 8000, 20],
    ['counts by the minute and sends Retry-After', minute(RETRY_AFTER), 8000, 20],
    ['has a bucket of tokens and sends Retry-After', () => bucket(50, RETRY_AFTER), 8000, 20],
  ];
  test.each(UNTOLD)('uses 90 % of it and lets a person through when Telnyx only refuses, %s', (...fleet) =>
    holds(fleet, 45, 0.01),
  );

  test('keeps to what is left when somebody else uses half of it', async () => {
    const { perSecond: rate, refused } = await play({
      server: shared(windows(50, 1000, 0, ALL), 25),
      requests: 2000,
      latencyMs: 20,
    });
    expect(rate).toBeGreaterThan(20);
    expect(refused).toBeLessThan(40);
  });
});
