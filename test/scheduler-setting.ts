import { setMaxListeners } from 'node:events';
import { Scheduler, type Ticket } from '../src/telnyx/scheduler.ts';
import { FakeClock } from './scheduler-model.ts';

export const PERSON = false;
export const JOB = true;

type Headers = Record<string, string>;

/** A scheduler whose timers are so many milliseconds late. */
export function setting(late = 0) {
  const clock = new FakeClock();
  const scheduler = new Scheduler({ now: () => clock.now(), sleep: (ms) => clock.sleep(ms + late) });
  const { signal } = new AbortController();
  setMaxListeners(0, signal);

  const send = async (
    kind: boolean,
    attempt: (ticket: Ticket) => Promise<void>,
    patience = Number.POSITIVE_INFINITY,
  ) => {
    let startedAt = Number.NaN;
    await scheduler.send(kind, { signal, patience: () => patience }, async (ticket) => {
      startedAt = clock.now();
      await attempt(ticket);
    });
    return startedAt;
  };
  /** A try that is answered at once. */
  const ask = (kind = JOB, headers: Headers = {}, status = 200): Promise<number> =>
    send(kind, async (ticket) => scheduler.answered(ticket, status, headers));

  return {
    ...{ clock, scheduler, send, ask },
    /** Has one answered like this, now. */
    told: (headers: Headers, status = 200) => clock.runUntil(ask(PERSON, headers, status)),
    /** Milliseconds from now at which the next `count` tries start, one after the other. */
    async starts(count: number, kind = JOB): Promise<number[]> {
      const from = clock.now();
      const times: number[] = [];
      await clock.runUntil(
        (async () => {
          while (times.length < count) times.push((await ask(kind)) - from);
        })(),
      );
      return times;
    },
    /** Starts some that stay under way; gives what ends each, with its answer if it gets one. */
    async underWay(count: number, kind = JOB) {
      const ends: ((headers?: Headers, status?: number) => Promise<void>)[] = [];
      for (let started = 0; started < count; started += 1) {
        const begun = new Promise<void>((begin) => {
          void send(kind, async (ticket) => {
            await new Promise<void>((end) => {
              ends.push(async (headers, status = 200) => {
                if (headers) scheduler.answered(ticket, status, headers);
                end();
                await clock.settle();
              });
              begin();
            });
          });
        });
        await clock.runUntil(begun);
      }
      return ends;
    },
  };
}

export type Setting = ReturnType<typeof setting>;

export const limits = (limit: unknown, remaining: unknown, reset: unknown): Headers =>
  Object.fromEntries(
    Object.entries({ limit, remaining, reset }).flatMap(([name, value]) =>
      value === undefined ? [] : [[`x-ratelimit-${name}`, `${value}`]],
    ),
  );
export const wait = (seconds: number): Headers => ({ 'retry-after': `${seconds}` });

/** Starts what makes up for lost time, until one has to wait. */
export async function catchUp(on: Setting): Promise<void> {
  while ((await on.starts(1))[0] === 0);
}

/** The rate at which a job's tries start. */
export async function perSecond(on: Setting): Promise<number> {
  await catchUp(on);
  return 20_000 / ((await on.starts(20)).at(-1) ?? 0);
}

/** So many answered within the last second. */
export async function busy(on: Setting, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    await on.told({});
    await on.clock.pass(1000 / count);
  }
}
