import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../src/sandbox/server.ts';
import { Secret } from '../src/secrets/secret.ts';
import { createClient } from '../src/telnyx/client.ts';
import type { Failure } from '../src/telnyx/failure.ts';
import type { Http, HttpLimits } from '../src/telnyx/http.ts';
import { createPlaces } from '../src/telnyx/places.ts';
import { retryDelay } from '../src/telnyx/retry.ts';

const LIMITS = { requestMs: 5000, callMs: 8000, recoveryMs: 2000 };
const GET = { method: 'GET' };

interface Started extends AsyncDisposable {
  sandbox: Sandbox;
  cancel: AbortController;
  job: Http;
  /** A call of its own each time. */
  person(): Http;
}

async function start(options: SandboxOptions = {}, limits: HttpLimits = LIMITS): Promise<Started> {
  const sandbox = await startSandbox({ credentials: 10, ...options });
  const { baseUrl, apiKey } = sandbox;
  const client = createClient({ baseUrl, apiKey: new Secret(apiKey), version: 'test', limits, log: () => undefined });
  const cancel = new AbortController();
  return {
    sandbox,
    cancel,
    job: client({ signal: cancel.signal, background: true }),
    person: () => client({ signal: new AbortController().signal }),
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

const many = (http: Http, count: number) => Array.from({ length: count }, () => http.get('balance'));
const codes = async (calls: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(calls)).map((call) => (call.status === 'fulfilled' ? 'done' : call.reason.code));
const all = (count: number, code: string) => Array.from({ length: count }, () => code);
const waitFor = async (sandbox: Sandbox, requests: number) => {
  while (sandbox.requests.length < requests) await sleep(5);
};

// Not among the others: its times are short.
test('waiting for a turn does not use up the time of a request of a job, but that of a call', async () => {
  await using t = await start({ latencyMs: 100 }, { ...LIMITS, callMs: 900 });
  expect(await codes(many(t.job, 50))).toEqual(all(50, 'done'));
  expect(await codes(many(t.person(), 100))).toContain('TIMEOUT');
});

test.concurrent('a job keeps to a limit, and a person is answered meanwhile', async () => {
  await using t = await start({ rateLimit: { perSecond: 40 } });
  const job = codes(many(t.job, 80));
  await waitFor(t.sandbox, 20);
  const asked = performance.now();
  await t.person().get('balance');
  expect(performance.now() - asked).toBeLessThan(500);
  expect(await job).toEqual(all(80, 'done'));
  expect(t.sandbox.refused).toBeLessThan(12);
});

test.concurrent('a job waits for as long as a 429 asks, where a call must give up', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 600 });
  t.sandbox.fault({ ...GET, times: 2, respond: { status: 429, headers: { 'retry-after': '1' } } });
  expect(await codes([t.person().get('balance')])).toEqual(['RATE_LIMITED']);
  const started = performance.now();
  expect(await codes([t.job.get('balance')])).toEqual(['done']);
  expect(performance.now() - started).toBeGreaterThan(1900);
});

test.concurrent('a job asks again after a 429 as often as it takes', async () => {
  await using t = await start();
  t.sandbox.fault({ ...GET, times: 6, respond: { status: 429, headers: { 'retry-after': '0' } } });
  expect(await codes([t.job.get('balance')])).toEqual(['done']);
  expect(t.sandbox.requests).toHaveLength(7);
});

test.concurrent('a job gives up on a failure as soon as a call does, and asks less and less often after a bare 429', () => {
  const answered = (status: number): Failure => ({ kind: 'answered', status, body: '', wait: undefined });
  const delays = (status: number) =>
    [1, 3, 4, 9, 99].map((tries) => retryDelay('GET', tries, answered(status), 0.5, true));
  expect(delays(503)).toEqual([250, 1000, undefined, undefined, undefined]);
  expect(delays(429)).toEqual([250, 1000, 2000, 16_000, 16_000]);
});

test.concurrent('a bare 429 stops everybody too, the longer the more there were', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 600 });
  t.sandbox.fault({ ...GET, times: Infinity, respond: { status: 429 } });
  const job = codes([t.job.get('balance')]);
  await waitFor(t.sandbox, 4);
  await sleep(100);
  expect(await codes([t.person().get('balance')])).toEqual(['RATE_LIMITED']);
  expect(t.sandbox.requests).toHaveLength(4);
  t.cancel.abort();
  expect(await job).toEqual(['CANCELLED']);
});

test.concurrent('a job does not wait for more than two minutes', async () => {
  await using t = await start();
  t.sandbox.fault({ ...GET, respond: { status: 429, headers: { 'retry-after': '121' } } });
  const error = await t.job.get('balance').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterSeconds: 121 } });
  // Nor does another one, which need not ask for that.
  expect(await codes([t.job.get('balance')])).toEqual(['RATE_LIMITED']);
  expect(t.sandbox.requests).toHaveLength(1);
});

test.concurrent('a request of a job that is never answered ends after the time of a call', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 300 });
  t.sandbox.fault({ ...GET, times: Infinity, hang: 'before' });
  expect(await codes([t.job.get('balance')])).toEqual(['TIMEOUT']);
});

test.concurrent('the tries of a request of a job share its time', async () => {
  await using t = await start({}, { ...LIMITS, requestMs: 400, callMs: 700 });
  t.sandbox.fault({ ...GET, times: Infinity, hang: 'before' });
  expect(await codes([t.job.get('balance')])).toEqual(['TIMEOUT']);
  expect(t.sandbox.requests).toHaveLength(2);
});

test.concurrent('a request that got no answer does not count as under way for ever', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 300 });
  t.sandbox.fault({ ...GET, hang: 'before' });
  expect(await codes([t.job.get('balance')])).toEqual(['TIMEOUT']);
  const headers = { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '60' };
  t.sandbox.fault({ ...GET, respond: { status: 200, body: {}, headers } });
  // The second may go at once: one is left of one, as far as the first tells.
  expect(await codes([t.job.get('balance')])).toEqual(['done']);
  expect(await codes([t.person().get('balance')])).toEqual(['done']);
});

test.concurrent('a job leaves two places to people', async () => {
  await using t = await start();
  t.sandbox.fault({ ...GET, path: '/balance', times: Infinity, hang: 'before' });
  const job = codes(many(t.job, 30));
  await waitFor(t.sandbox, 10);
  await sleep(50);
  expect(t.sandbox.requests).toHaveLength(10);
  const others = [1, 2].map(() => t.person().get('telephony_credentials'));
  expect(await codes(others)).toEqual(['done', 'done']);
  t.cancel.abort();
  expect(await job).toEqual(all(30, 'CANCELLED'));
  expect(t.sandbox.requests).toHaveLength(12);
});

test.concurrent('a person goes before a job where both wait for a place', async () => {
  const places = createPlaces();
  const signal = () => new AbortController().signal;
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const held = () => new Promise<void>((end) => ends.push(end));
  const under = Array.from({ length: 12 }, () => places.send(true, held, signal()));
  const waiting = [true, true, false, false].map((background) =>
    places.send(background, async () => void order.push(background ? 'job' : 'person'), signal()),
  );
  for (const end of ends) end();
  await Promise.all([...under, ...waiting]);
  expect(order).toEqual(['person', 'person', 'job', 'job']);
});

test.concurrent('a cancelled job can still look for what it made, with the patience of a job', async () => {
  await using t = await start({}, { ...LIMITS, recoveryMs: 600 });
  t.cancel.abort();
  expect(await codes([t.job.get('balance')])).toEqual(['CANCELLED']);
  t.sandbox.fault({ ...GET, respond: { status: 429, headers: { 'retry-after': '1' } } });
  expect(await codes([t.job.recovery().get('balance')])).toEqual(['done']);
});
