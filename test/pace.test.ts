import { describe, expect, test, vi } from 'vitest';
import type { Ticket } from '../src/telnyx/allowance.ts';
import { Pace } from '../src/telnyx/pace.ts';
import { jobTime } from '../src/telnyx/time.ts';
import { bucket, play, type Server, windows } from './pace-model.ts';

const PERSON = false;
const JOB = true;

function at(start: number) {
  const clock = { now: start };
  const pace = new Pace(() => clock.now);
  return {
    pace,
    clock,
    /** Waits as told, and starts. */
    go(background = JOB): Ticket {
      for (let wait = pace.wait(background); wait > 0; wait = pace.wait(background)) clock.now += wait;
      return pace.start();
    },
    /** One request that is answered at once with these headers. */
    answer(headers: Record<string, string>, status = 200): Ticket {
      const ticket = pace.start();
      pace.answered(ticket, status, headers);
      return ticket;
    },
  };
}

type Setting = ReturnType<typeof at>;

/** Milliseconds at which the next `count` requests start, from now. */
function starts({ clock, go }: Setting, count: number, background = JOB): number[] {
  const from = clock.now;
  return Array.from({ length: count }, () => {
    go(background);
    return clock.now - from;
  });
}

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

const limits = (limit: unknown, remaining: unknown, reset: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ limit, remaining, reset }).flatMap(([name, value]) =>
      value === undefined ? [] : [[`x-ratelimit-${name}`, `${value}`]],
    ),
  );

/** Refused `count` times at once, each asking to wait `wait`. */
function refuse({ pace }: Setting, wait: number, count = 1): void {
  const tickets = Array.from({ length: count }, () => pace.start());
  for (const ticket of tickets) {
    pace.answered(ticket, 429, {});
    pace.refused(ticket, wait);
  }
}

/** `count` requests answered within the last second. */
function busy({ pace, clock }: Setting, count: number): void {
  for (let done = 0; done < count; done += 1) {
    clock.now += 1000 / count;
    pace.answered(pace.start(), 200, {});
  }
}

/** Starts what makes up for lost time, until one has to wait. */
function catchUp({ clock, go }: Setting): void {
  const from = clock.now;
  while (clock.now === from) go();
}

/** The rate at which a job's requests start. */
function perSecond(setting: Setting): number {
  catchUp(setting);
  return 5000 / (starts(setting, 5).at(-1) ?? 0);
}

describe('headers', () => {
  test.each([
    ['there are none', {}],
    ['only the limit is told', limits(50, undefined, undefined)],
    ['the reset is missing', limits(50, 1, undefined)],
    ['what remains is missing', limits(50, undefined, 60)],
    ['what remains is no number', limits(50, 'some', 60)],
    ['what remains is negative', limits(50, -3, 60)],
    ['what remains is empty', limits(50, '', 60)],
    ['the reset is no number', limits(50, 1, 'soon')],
    ['the reset is now', limits(50, 1, 0)],
    ['the reset is a moment of the past', limits(50, 1, 1_640_995_200)],
    ['the reset is years away', limits(50, 1, 900_000_000)],
  ])('slow nothing when %s', (_, headers) => {
    const setting = at(5000);
    setting.answer(headers);
    for (const kind of [JOB, PERSON]) expect(starts(setting, 500, kind).at(-1)).toBe(0);
  });

  const date = new Date(1_900_000_000_000).toUTCString();
  test.each([
    ['seconds', limits(50, 41, 2)],
    ['a moment, by the clock of the server', { ...limits(50, 41, 1_900_000_002), date }],
    ['seconds, in a form that names the window', limits('50, 50;w=2', '41', 2)],
    ['seconds, without the limit', limits(undefined, 41, 2)],
    ['seconds, with a limit that is no number', limits('many', 41, 2)],
  ])('spread what remains evenly until a reset told as %s', (_, headers) => {
    const setting = at(5000);
    setting.answer(headers);
    catchUp(setting);
    const times = starts(setting, 34);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(40);
    expect(Math.max(...gaps)).toBeLessThan(60);
    expect(times.at(-1)).toBeLessThan(2000);
  });

  test('count what was started since the answer they came with was asked for', () => {
    const setting = at(5000);
    const [first, ...others] = Array.from({ length: 9 }, () => setting.pace.start());
    if (first) setting.pace.answered(first, 200, limits(9, 8, 1));
    expect(others).toHaveLength(8);
    expect(setting.pace.wait(JOB)).toBe(1000);
  });

  test('count a request that was overtaken as one that is still to be counted', () => {
    const setting = at(5000);
    const [, second] = [setting.pace.start(), setting.pace.start()];
    setting.pace.answered(second, 200, limits(9, 1, 1));
    expect(setting.pace.wait(JOB)).toBe(1000);
  });

  test('count a request that got no answer as one that may have been counted', () => {
    const setting = at(5000);
    setting.answer(limits(50, 40, 1));
    setting.pace.ended(setting.pace.start());
    setting.clock.now += 900;
    // It was not: one more is left than was to be expected, and yet it is the same window.
    setting.answer(limits(50, 39, 1));
    expect(starts(setting, 30).at(-1)).toBeLessThan(110);
  });

  test('were written half-way before they came', () => {
    const setting = at(5000);
    const ticket = setting.pace.start();
    setting.clock.now += 200;
    setting.pace.answered(ticket, 200, limits(50, 0, 1));
    expect(setting.pace.wait(JOB)).toBe(900);
  });

  test('that are older than others say nothing', () => {
    const setting = at(5000);
    const [first, second] = [setting.pace.start(), setting.pace.start()];
    setting.pace.ended(first);
    setting.pace.answered(second, 200, limits(9, 0, 1));
    setting.pace.answered(first, 200, limits(9, 8, 1));
    expect(setting.pace.wait(JOB)).toBe(1000);
  });

  test.each([
    ['until the reset', 1, 1000],
    ['but not for long: a 429 would say for how long', 3600, 2000],
  ])('that leave nothing stop everybody %s', (_, reset, wait) => {
    const setting = at(5000);
    setting.answer(limits(50, 0, reset));
    // The place of the request that told is a little in the past: timers are late.
    for (const kind of [JOB, PERSON]) expect(setting.pace.wait(kind)).toBeGreaterThan(wait - 101);
  });

  test('of a window that is over make way for those of the next', () => {
    const setting = at(5000);
    setting.answer(limits(50, 0, 1));
    setting.clock.now += 1010;
    expect(setting.pace.wait(JOB)).toBe(0);
    setting.answer(limits(1000, 999, 1));
    expect(starts(setting, 51).at(-1)).toBeLessThan(60);
  });

  test('of the last request of a window, told late, do not count against the next', () => {
    const setting = at(5000);
    setting.answer(limits(50, 1, 1));
    const last = setting.go();
    setting.clock.now = 6010;
    expect(setting.pace.wait(JOB)).toBe(0);
    setting.pace.answered(last, 200, limits(50, 0, 1));
    expect(starts(setting, 25).at(-1)).toBeLessThan(600);
  });

  test('of long ago slow nothing', () => {
    const setting = at(5000);
    setting.answer(limits(50, 0, 1));
    setting.clock.now += 60_000;
    expect(starts(setting, 500).at(-1)).toBe(0);
  });

  test('let a person have half of the allowance at once', () => {
    const setting = at(5000);
    setting.answer(limits(60, 59, 60));
    expect(starts(setting, 29, PERSON).at(-1)).toBe(0);
    expect(starts(setting, 10, PERSON).at(-1)).toBeGreaterThan(3000);
  });
});

describe('a 429', () => {
  test('stops everybody for as long as it asks, and a shorter one after it does not shorten that', () => {
    const setting = at(5000);
    refuse(setting, 3000);
    refuse(setting, 1000);
    expect([setting.pace.wait(PERSON), setting.pace.wait(JOB)]).toEqual([3000, 3000]);
    setting.clock.now += 3000;
    expect(setting.pace.wait(PERSON)).toBe(0);
  });

  test('lowers the rate at once below what had just worked', () => {
    const setting = at(5000);
    busy(setting, 80);
    refuse(setting, 0);
    expect(perSecond(setting)).toBeGreaterThan(60);
    expect(perSecond(setting)).toBeLessThan(80);
  });

  test('soon after another is measured by what worked since', () => {
    const setting = at(5000);
    busy(setting, 80);
    refuse(setting, 2000);
    setting.clock.now += 2000;
    for (let done = 0; done < 36; done += 1) {
      setting.clock.now += 500 / 36;
      setting.pace.answered(setting.pace.start(), 200, {});
    }
    refuse(setting, 0);
    expect(perSecond(setting)).toBeGreaterThan(60);
  });

  test('is one lesson, however many were under way', () => {
    const setting = at(5000);
    busy(setting, 80);
    refuse(setting, 0, 10);
    expect(perSecond(setting)).toBeGreaterThan(60);
  });

  test('again and again lowers the rate each time, to one in two seconds and not below', () => {
    const setting = at(5000);
    for (let times = 0; times < 100; times += 1) {
      setting.clock.now += 10;
      refuse(setting, 0);
    }
    expect(perSecond(setting)).toBeCloseTo(0.5, 1);
  });

  test('that asks for a long wait is measured by as long a time', () => {
    const setting = at(100_000);
    for (let second = 0; second < 10; second += 1) busy(setting, 60);
    refuse(setting, 50_000);
    setting.clock.now += 50_000;
    // 600 in the minute that the window seems to be.
    expect(perSecond(setting)).toBeLessThan(12);
    expect(perSecond(setting)).toBeGreaterThan(10);
  });

  test.each([
    ['little', 10, 70, 80],
    ['to what it was', 30, 78, 84],
    ['beyond it', 60, 140, 190],
    ['to what no client sends', 300, 20_000, Number.POSITIVE_INFINITY],
  ])('is made up for slowly: %s after %i s', (_, seconds, least, most) => {
    const setting = at(5000);
    busy(setting, 80);
    refuse(setting, 2000);
    setting.clock.now += 2000 + seconds * 1000;
    const rate = perSecond(setting);
    expect(rate).toBeGreaterThan(least);
    expect(rate).toBeLessThanOrEqual(most);
  });

  test('makes headers that did not foresee it forgotten', () => {
    const setting = at(5000);
    setting.answer(limits(50, 2, 3600));
    refuse(setting, 1000);
    setting.clock.now += 1000;
    expect(perSecond(setting)).toBeGreaterThan(5);
  });

  test('leaves headers the last word: a rate that recovered does not pass them', () => {
    const setting = at(5000);
    busy(setting, 80);
    refuse(setting, 0);
    setting.clock.now += 300_000;
    setting.answer(limits(50, 40, 1));
    expect(starts(setting, 20).at(-1)).toBeGreaterThan(400);
  });
});

describe('a person', () => {
  test('goes ahead of a job by five requests, for which the job waits', () => {
    const setting = at(5000);
    busy(setting, 100);
    refuse(setting, 0);
    catchUp(setting);
    expect(starts(setting, 4, PERSON).at(-1)).toBe(0);
    expect(setting.pace.wait(JOB)).toBeGreaterThan(45);
    expect(starts(setting, 20, PERSON).at(-1)).toBeGreaterThan(150);
  });

  test('is not held up by a job that takes every turn it gets', () => {
    const setting = at(5000);
    setting.answer(limits(50, 49, 1));
    for (let turn = 0; turn < 30; turn += 1) {
      setting.go(JOB);
      expect(setting.pace.wait(PERSON)).toBe(0);
    }
  });
});

const ALL = { headers: true, retryAfter: true };
const RETRY_AFTER = { headers: false, retryAfter: true };
const NOTHING = { headers: false, retryAfter: false };

describe('a job of 8,000 requests under a limit of 50 a second', () => {
  // Their clock and ours differ in speed, as clocks do.
  const slowly =
    (server: Server): Server =>
    (now) =>
      server(now * 0.9992);
  const fleets: [title: string, server: (phase: number) => Server, latencyMs: number, refusals: number][] = [
    ['counts by the second and says so', (phase) => windows(50, 1000, phase, ALL), 20, 3],
    ['counts by the second, says so and is slow', (phase) => windows(50, 1000, phase, ALL), 80, 3],
    ['counts by its own second and says so', (phase) => slowly(windows(50, 1000, phase, ALL)), 20, 3],
    ['counts by the second and sends Retry-After alone', (phase) => windows(50, 1000, phase, RETRY_AFTER), 20, 80],
    ['counts by the second and sends a bare 429', (phase) => windows(50, 1000, phase, NOTHING), 20, 80],
    ['counts by the minute and says so', (phase) => windows(3000, 60_000, phase * 60, ALL), 20, 3],
    [
      'counts by the minute and sends Retry-After alone',
      (phase) => windows(3000, 60_000, phase * 60, RETRY_AFTER),
      20,
      80,
    ],
    ['has a bucket of tokens and says so', () => bucket(50, ALL), 20, 3],
    ['has a bucket of tokens and sends Retry-After alone', () => bucket(50, RETRY_AFTER), 20, 80],
  ];
  test.each(fleets)(
    'uses nine tenths of it, is hardly refused, and lets a person through when Telnyx %s',
    (_, server, latencyMs, refusals) => {
      for (const phase of [0, 370, 810]) {
        const { perSecond: rate, refused, median } = play({ server: server(phase), requests: 8000, latencyMs });
        expect(rate).toBeGreaterThan(45);
        expect(refused).toBeLessThanOrEqual(refusals);
        expect(median).toBeLessThan(3 * latencyMs);
      }
    },
  );
});
