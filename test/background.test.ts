import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../src/sandbox/server.ts';
import { Secret } from '../src/secrets/secret.ts';
import { createClient } from '../src/telnyx/client.ts';
import type { Http, HttpLimits } from '../src/telnyx/http.ts';
import type { Failure } from '../src/telnyx/problem.ts';
import { retryDelay } from '../src/telnyx/retry.ts';

const LIMITS = { requestMs: 5000, callMs: 8000, recoveryMs: 2000 };
const GET = { method: 'GET' };

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

interface Started extends AsyncDisposable {
  sandbox: Sandbox;
  cancel: AbortController;
  job: Http;
  /** A call of its own each time. */
  person(signal?: AbortSignal): Http;
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
    person: (signal = new AbortController().signal) => client({ signal }),
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

test.concurrent('waiting for a turn does not use up the time of a request of a job, but that of a call', async () => {
  await using t = await start({ latencyMs: 200 }, { ...LIMITS, callMs: 4000 });
  expect(await codes(many(t.job, 250))).toEqual(all(250, 'done'));
  expect(await codes(many(t.person(), 150))).toContain('TIMEOUT');
});

test.concurrent('a call ends in time even if the garbage collector takes all it can', async () => {
  await using t = await start({ latencyMs: 100 }, { ...LIMITS, callMs: 1000 });
  const calls = codes(many(t.person(), 120));
  await waitFor(t.sandbox, 12);
  collectGarbage();
  expect(await calls).toContain('TIMEOUT');
});

test.concurrent('a job keeps to a limit, and a person is answered meanwhile', async () => {
  await using t = await start({ rateLimit: { perSecond: 40 } });
  const job = codes(many(t.job, 80));
  await waitFor(t.sandbox, 20);
  const first = await Promise.race([
    job,
    t
      .person()
      .get('balance')
      .then(() => 'the person'),
  ]);
  expect(first).toBe('the person');
  expect(await job).toEqual(all(80, 'done'));
  expect(t.sandbox.refused).toBeLessThan(12);
});

test.concurrent('a job waits for as long as a 429 asks, where a call must give up', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 3000 });
  t.sandbox.fault({ ...GET, times: 2, respond: { status: 429, headers: { 'retry-after': '4' } } });
  const started = performance.now();
  expect(await codes([t.person().get('balance')])).toEqual(['RATE_LIMITED']);
  expect(await codes([t.job.get('balance')])).toEqual(['done']);
  expect(performance.now() - started).toBeGreaterThan(7900);
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

test.concurrent('a bare 429 stops everybody too', async () => {
  await using t = await start();
  t.sandbox.fault({ ...GET, times: Infinity, respond: { status: 429 } });
  const job = codes([t.job.get('balance')]);
  await waitFor(t.sandbox, 5);
  await sleep(100);
  const leave = new AbortController();
  const person = codes([t.person(leave.signal).get('balance')]);
  await sleep(200);
  leave.abort();
  expect(await person).toEqual(['CANCELLED']);
  expect(t.sandbox.requests).toHaveLength(5);
  t.cancel.abort();
  expect(await job).toEqual(['CANCELLED']);
});

test.concurrent('a request of a job that is never answered ends after the time of a call', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 300 });
  t.sandbox.fault({ ...GET, times: Infinity, hang: 'before' });
  expect(await codes([t.job.get('balance')])).toEqual(['TIMEOUT']);
});

test.concurrent('the tries of a request of a job share its time', async () => {
  await using t = await start({}, { ...LIMITS, requestMs: 3000, callMs: 4500 });
  t.sandbox.fault({ ...GET, times: Infinity, hang: 'before' });
  expect(await codes([t.job.get('balance')])).toEqual(['TIMEOUT']);
  expect(t.sandbox.requests).toHaveLength(2);
});

test.concurrent('a request that got no answer does not count as under way for ever', async () => {
  await using t = await start({}, { ...LIMITS, callMs: 1500 });
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

test.concurrent('a request that waits for its next try takes no place on the wire', async () => {
  await using t = await start();
  t.sandbox.fault({ ...GET, path: '/balance', times: 12, respond: { status: 503 } });
  const again = codes([...many(t.job, 10), ...many(t.person(), 2)]);
  await waitFor(t.sandbox, 12);
  // Four more are as many as people may have under way.
  const others = [1, 2, 3, 4].map(() => t.person().get('telephony_credentials'));
  expect(await codes(others)).toEqual(all(4, 'done'));
  expect(await again).toEqual(all(12, 'done'));
  const order = t.sandbox.requests.map(({ path }) => path.includes('balance'));
  expect(order.slice(12, 16)).toEqual([false, false, false, false]);
});

test.concurrent('a cancelled job can still look for what it made, with the patience of a job', async () => {
  await using t = await start({}, { ...LIMITS, recoveryMs: 2000 });
  t.cancel.abort();
  expect(await codes([t.job.get('balance')])).toEqual(['CANCELLED']);
  t.sandbox.fault({ ...GET, respond: { status: 429, headers: { 'retry-after': '3' } } });
  expect(await codes([t.job.recovery().get('balance')])).toEqual(['done']);
});
