import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Gateway } from '../src/sandbox/rate-limit.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';

const NONE = { perSecond: 0 };
const PLENTY = { perSecond: 1000 };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ credentials: 10 });
});
afterEach(() => {
  vi.useRealTimers();
  return sandbox.close();
});

function send(method: string, path: string, body?: unknown, key = sandbox.apiKey): Promise<Response> {
  return fetch(`${sandbox.baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const balance = () => send('GET', '/balance');
const limits = ({ headers }: Response) =>
  ['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`));

// 12:00:00, then some milliseconds later each.
const NOON = Date.UTC(2026, 0, 1, 12);
test.each([
  ['as many as the limit in a second', 3, [0, 1, 999], ['2', '1', '0'], 0],
  ['no more, all through the second', 2, [0, 0, 1, 500, 999], ['1', '0', '0', '0', '0'], 3],
  [
    'as many again from the next full second on',
    2,
    [998, 999, 999, 1000, 1001, 1002],
    ['1', '0', '0', '1', '0', '0'],
    2,
  ],
  ['what was refused does not count against the next second', 1, [0, 0, 0, 1000], ['0', '0', '0', '0'], 2],
])('the gateway allows %s', (_, perSecond, times, remaining, refused) => {
  const gateway = new Gateway();
  const taken = times.map((time) => gateway.take({ perSecond }, NOON + time));
  expect(taken.map(({ headers }) => headers['x-ratelimit-remaining'])).toEqual(remaining);
  expect(taken.filter(({ refusal }) => refusal)).toHaveLength(refused);
  expect(gateway).toMatchObject({ refused, allowed: times.length - refused });
});

test('a wait is told in whole seconds, rounded up', () => {
  const gateway = new Gateway();
  for (const time of [0, 1, 999]) {
    const { headers, refusal } = gateway.take(NONE, NOON + time);
    expect(headers['x-ratelimit-reset']).toBe('1');
    expect(refusal?.headers).toEqual({ 'retry-after': '1' });
  }
});

test('a refused request is answered as Telnyx documents it, and applied to nothing', async () => {
  sandbox.rateLimit = NONE;
  const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  const response = await send('POST', '/telephony_credentials', { connection_id });
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(limits(response)).toEqual(['0', '0', '1']);
  expect(await response.json()).toEqual({
    errors: [
      {
        code: '10011',
        title: 'Too many requests',
        detail: 'You have exceeded the maximum number of allowed requests.',
        meta: { url: 'https://developers.telnyx.com/docs/overview/errors/10011' },
      },
    ],
  });
  expect(sandbox.world.telephony.size).toBe(10);
  expect(sandbox.requests).toHaveLength(1);
});

test('every answer tells the limit, failures too', async () => {
  sandbox.rateLimit = PLENTY;
  sandbox.fault({ path: '/balance', respond: { status: 503, body: '<html>' } });
  const answers = await Promise.all([
    balance(),
    send('GET', '/telephony_credentials'),
    send('GET', '/nowhere'),
    send('GET', '/telephony_credentials', undefined, 'wrong'),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([503, 200, 404, 401]);
  for (const answer of answers) {
    expect(limits(answer)).toEqual(['1000', expect.stringMatching(/^99\d$/), '1']);
    expect(answer.headers.get('retry-after')).toBeNull();
  }
});

test('a fault may tell another limit', async () => {
  sandbox.rateLimit = PLENTY;
  sandbox.fault({ respond: { status: 429, headers: { 'x-ratelimit-remaining': 'none' } } });
  expect(limits(await balance())).toEqual(['1000', 'none', '1']);
});

test('a refused request uses up no fault', async () => {
  sandbox.rateLimit = NONE;
  sandbox.fault({ respond: { status: 418 } });
  expect((await balance()).status).toBe(429);
  sandbox.rateLimit = PLENTY;
  expect((await balance()).status).toBe(418);
});

test('the limit may be changed at any time, and there is none unless told', async () => {
  expect(limits(await balance())).toEqual([null, null, null]);
  sandbox.rateLimit = NONE;
  expect((await balance()).status).toBe(429);
  sandbox.rateLimit = PLENTY;
  expect((await balance()).status).toBe(200);
  sandbox.rateLimit = undefined;
  expect(limits(await balance())).toEqual([null, null, null]);
  expect(sandbox).toMatchObject({ allowed: 3, refused: 1 });
});

test('of many requests at once as many are let through as the second allows', async () => {
  await using limited = await startSandbox({ rateLimit: { perSecond: 4 } });
  // However long they take, all of them within one second.
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  const get = () => fetch(`${limited.baseUrl}/balance`, { headers: { authorization: `Bearer ${limited.apiKey}` } });
  const answers = await Promise.all(Array.from({ length: 10 }, get));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
  expect(limited).toMatchObject({ allowed: 4, refused: 6 });
});
