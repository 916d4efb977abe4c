import { setMaxListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { busy, catchUp, JOB, limits, PERSON, perSecond, type Setting, setting, wait } from './scheduler-setting.ts';

test('without headers and 429s nothing is slowed', async () => {
  const on = setting();
  for (const kind of [JOB, PERSON]) expect((await on.starts(500, kind)).at(-1)).toBe(0);
});

describe('headers', () => {
  test.each([
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
  ])('slow nothing when %s', async (_, headers) => {
    const on = setting();
    await on.told(headers);
    for (const kind of [JOB, PERSON]) expect((await on.starts(500, kind)).at(-1)).toBe(0);
  });

  const date = new Date(1_900_000_000_000).toUTCString();
  test.each([
    ['seconds', limits(50, 41, 2)],
    ['a moment, by the clock of the server', { ...limits(50, 41, 1_900_000_002), date }],
    ['seconds, in a form that names the window', limits('50, 50;w=2', '41', 2)],
    ['seconds, without the limit', limits(undefined, 41, 2)],
    ['seconds, with a limit that is no number', limits('many', 41, 2)],
  ])('spread what remains evenly until a reset told as %s', async (_, headers) => {
    const on = setting();
    await on.told(headers);
    await catchUp(on);
    const times = await on.starts(34);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(40);
    expect(Math.max(...gaps)).toBeLessThan(60);
    expect(times.at(-1)).toBeLessThan(2000);
  });

  test('count what was started since the answer they came with was asked for', async () => {
    for (const kind of [JOB, PERSON]) {
      const on = setting();
      const [first] = await on.underWay(9);
      await first?.(limits(9, 8, 1));
      expect(await on.starts(1, kind)).toEqual([1000]);
    }
  });

  test('count a try that was overtaken as one that is still to be counted', async () => {
    const on = setting();
    const [, second] = await on.underWay(2);
    await second?.(limits(9, 1, 1));
    expect(await on.starts(1)).toEqual([1000]);
  });

  test('that are older than others say nothing', async () => {
    const on = setting();
    const [first, second] = await on.underWay(2);
    await second?.(limits(9, 1, 1));
    await first?.(limits(9, 8, 1));
    expect(await on.starts(1)).toEqual([1000]);
  });

  test.each([
    ['until the reset', 1, 1000],
    ['but not for long: a 429 would say for how long', 3600, 2000],
  ])('that leave nothing stop everybody %s', async (_, reset, ms) => {
    for (const kind of [JOB, PERSON]) {
      const on = setting();
      await on.told(limits(50, 0, reset));
      const [started = 0] = await on.starts(1, kind);
      // As much may be made up for.
      expect(started).toBeGreaterThanOrEqual(ms - 100);
      expect(started).toBeLessThanOrEqual(ms);
    }
  });

  test('of a window that is over make way for those of the next', async () => {
    const on = setting();
    await on.told(limits(50, 0, 1));
    await on.clock.pass(1010);
    await on.told(limits(1000, 999, 1));
    expect((await on.starts(50)).at(-1)).toBeLessThan(60);
  });

  test('of the last try of a window, told late, do not count against the next', async () => {
    const on = setting();
    await on.told(limits(50, 1, 1));
    const [last] = await on.underWay(1);
    await on.clock.pass(1010);
    await last?.(limits(50, 0, 1));
    expect((await on.starts(25)).at(-1)).toBeLessThan(600);
  });

  test('of long ago slow nothing', async () => {
    const on = setting();
    await on.told(limits(50, 0, 1));
    await on.clock.pass(60_000);
    expect((await on.starts(500)).at(-1)).toBe(0);
  });
});

describe('a 429', () => {
  test.each([
    ['for what Retry-After asks', wait(3), 3000],
    ['until the reset', limits(50, 0, 4), 4000],
    ['for a second when it asks for nothing', {}, 1000],
    ['for a minute at most', wait(600), 60_000],
    ['for a second when it asks for what makes no sense', wait(36_000), 1000],
  ])('stops everybody %s', async (_, headers, ms) => {
    for (const kind of [JOB, PERSON]) {
      const on = setting();
      await on.told(headers, 429);
      expect(await on.starts(1, kind)).toEqual([ms]);
    }
  });

  test('that asks for less does not shorten the wait of another', async () => {
    const on = setting();
    const [first, second] = await on.underWay(2);
    await first?.(wait(3), 429);
    await second?.(wait(1), 429);
    expect(await on.starts(1, PERSON)).toEqual([3000]);
  });

  test('stops those that wait for their turn, too', async () => {
    const on = setting();
    await on.told(limits(50, 20, 20));
    const [held] = await on.underWay(1);
    const waiting = on.ask();
    await held?.(wait(30), 429);
    await on.clock.runUntil(waiting);
    expect(await waiting).toBeGreaterThanOrEqual(30_000);
  });

  test('is told at once to whoever has not the time to wait', async () => {
    const on = setting();
    await on.told(wait(3), 429);
    const sent = on.send(PERSON, () => Promise.reject(new Error('sent')), 2999);
    await expect(sent).rejects.toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterSeconds: 3 } });
  });

  test('lowers the rate a little below what worked, and is one lesson, however many were under way', async () => {
    const on = setting();
    await busy(on, 80);
    const held = await on.underWay(10);
    for (const end of held) await end(wait(0), 429);
    const rate = await perSecond(on);
    expect(rate).toBeGreaterThan(70);
    expect(rate).toBeLessThan(80);
  });

  test('after a break is measured by what worked since', async () => {
    const on = setting();
    await on.told({});
    await on.clock.pass(3_600_000);
    await busy(on, 80);
    await on.told(wait(0), 429);
    expect(await perSecond(on)).toBeGreaterThan(70);
  });

  test('lowers the rate no further because timers are late', async () => {
    const on = setting(10);
    await busy(on, 80);
    await on.told(wait(0), 429);
    expect(await perSecond(on)).toBeGreaterThan(70);
  });

  test('again and again lowers the rate each time, to one in two seconds and hardly below', async () => {
    const on = setting();
    for (let times = 0; times < 200; times += 1) await on.told(wait(0), 429);
    const rate = await perSecond(on);
    expect(rate).toBeGreaterThan(0.45);
    expect(rate).toBeLessThan(1);
  });

  test('that asks for a long wait is measured by as long a time', async () => {
    const on = setting();
    await busy(on, 600);
    await on.told(wait(50), 429);
    await on.clock.pass(50_000);
    expect(await perSecond(on)).toBeLessThan(15);
  });

  test('is forgotten after some minutes', async () => {
    const on = setting();
    await busy(on, 80);
    await on.told(wait(2), 429);
    await on.clock.pass(600_000);
    expect((await on.starts(500)).at(-1)).toBeLessThan(10);
  });

  test('makes headers that did not foresee it forgotten', async () => {
    const on = setting();
    await on.told(limits(50, 2, 3600));
    await on.told(wait(1), 429);
    await on.clock.pass(1000);
    expect(await perSecond(on)).toBeGreaterThan(5);
  });

  test('leaves headers the last word: a rate that recovered does not pass them', async () => {
    const on = setting();
    await on.told(wait(0), 429);
    await on.clock.pass(600_000);
    await on.told(limits(50, 40, 1));
    expect((await on.starts(20)).at(-1)).toBeGreaterThan(400);
  });
});

describe('a person', () => {
  test('goes ahead of a job by some requests, for which the job waits', async () => {
    const on = setting();
    await on.told(limits(60, 60, 60));
    await on.starts(1);
    expect((await on.starts(4, PERSON)).at(-1)).toBe(0);
    expect((await on.starts(1))[0]).toBeGreaterThan(3000);
  });

  test('has half of an allowance at once, and is spaced from then on', async () => {
    const on = setting();
    await on.told(limits(60, 60, 60));
    expect((await on.starts(29, PERSON)).at(-1)).toBe(0);
    expect((await on.starts(10, PERSON)).at(-1)).toBeGreaterThan(3000);
  });

  test('is not paid for at a slow pace once there is plenty', async () => {
    const on = setting();
    await on.told(limits(60, 60, 60));
    await on.starts(5, PERSON);
    await on.told(limits(1000, 1000, 1));
    expect((await on.starts(1))[0]).toBeLessThan(100);
  });

  test('does not wait for the turns of the thousands that a job has asked for', async () => {
    const on = setting();
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    await on.told(limits(1000, 1000, 60));
    let jobs = 0;
    const job = Array.from({ length: 3000 }, () =>
      on.scheduler.serve(JOB, () => on.ask().then(() => (jobs += 1)), signal),
    );
    await on.clock.pass(10_000);
    const asked = on.clock.now();
    const before = jobs;
    const person = on.scheduler.serve(PERSON, () => on.ask(PERSON), signal);
    await on.clock.runUntil(person);
    expect(await person).toBe(asked);
    expect(before).toBeGreaterThan(90);
    expect(jobs).toBe(before);
    expect(job).toHaveLength(3000);
  });
});

describe('places', () => {
  /** How many of `count` requests of a kind are under way at once, as long as none of them ends. */
  async function underWay(on: Setting, kind: boolean, count: number): Promise<number> {
    let begun = 0;
    const hang = () =>
      on.send(kind, () => {
        begun += 1;
        return new Promise(() => undefined);
      });
    for (let asked = 0; asked < count; asked += 1) void on.scheduler.serve(kind, hang, new AbortController().signal);
    await on.clock.settle();
    return begun;
  }

  test('people have 6, jobs 10, and together they have 12', async () => {
    expect(await underWay(setting(), PERSON, 30)).toBe(6);
    const on = setting();
    expect(await underWay(on, JOB, 30)).toBe(10);
    expect(await underWay(on, PERSON, 30)).toBe(2);
  });

  test('a person goes before a job where both wait for one', async () => {
    const on = setting();
    const held = await on.underWay(12);
    const order: string[] = [];
    const waiting = [JOB, JOB, PERSON, PERSON].map((kind) =>
      on.send(kind, async () => void order.push(kind === JOB ? 'job' : 'person')),
    );
    await on.clock.settle();
    for (const end of held) await end();
    await Promise.all(waiting);
    expect(order).toEqual(['person', 'person', 'job', 'job']);
  });

  test('whoever waits for its turn takes none', async () => {
    const on = setting();
    await on.told(limits(60, 30, 60));
    for (let asked = 0; asked < 20; asked += 1) void on.ask();
    expect(await on.starts(1, PERSON)).toEqual([0]);
  });
});
