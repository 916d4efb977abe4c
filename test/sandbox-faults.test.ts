import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Fault } from '../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { until } from './until.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ credentials: 10 });
});
afterEach(() => sandbox.close());

function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { authorization: `Bearer ${sandbox.apiKey}` };
  const rest = { ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(signal ? { signal } : {}) };
  return fetch(`${sandbox.baseUrl}${path}`, { method, headers, ...rest });
}

function create(signal?: AbortSignal): Promise<Response> {
  const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  return send('POST', '/telephony_credentials', { connection_id }, signal);
}

const balance = () => send('GET', '/balance');
const outcome = (call: Promise<Response>) =>
  call.then(
    ({ status }) => status,
    () => 'lost',
  );

test.each([
  ['a JSON answer', { error: 'x' }, 'application/json; charset=utf-8', '{"error":"x"}'],
  ['a page of HTML', '<html>', 'text/html; charset=utf-8', '<html>'],
  ['a broken piece of JSON', '{"data":[', 'application/json; charset=utf-8', '{"data":['],
  ['a line of text', 'upstream timeout', 'text/plain; charset=utf-8', 'upstream timeout'],
  ['nothing', undefined, null, ''],
])('respond gives %s instead, and nothing is applied', async (_, body, type, text) => {
  sandbox.fault({ respond: { status: 503, headers: { 'Retry-After': '7' }, body } });
  const response = await create();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('7');
  expect(response.headers.get('content-type')).toBe(type);
  expect(await response.text()).toBe(text);
  expect(sandbox.world.telephony.size).toBe(10);
});

test('respond may name its own content type, in any case', async () => {
  sandbox.fault({ respond: { status: 200, headers: { 'Content-Type': 'image/png' }, body: 'x' } });
  expect((await balance()).headers.get('content-type')).toBe('image/png');
});

test.each([
  ['before', 10],
  ['after', 11],
] as const)('reset %s breaks the connection, and %i credentials are there', async (reset, left) => {
  sandbox.fault({ reset });
  expect(await outcome(create())).toBe('lost');
  expect(sandbox.world.telephony.size).toBe(left);
});

test.each([
  ['before', 10],
  ['after', 11],
] as const)('hang %s never answers, and %i credentials are there', async (hang, left) => {
  sandbox.fault({ hang, method: 'POST' });
  const gaveUp = new AbortController();
  const lost = outcome(create(gaveUp.signal));
  // Answered after the one that hangs was received.
  await until(() => sandbox.requests.length === 1);
  expect((await balance()).status).toBe(200);
  gaveUp.abort();
  expect(await lost).toBe('lost');
  expect(sandbox.world.telephony.size).toBe(left);
});

test('close ends an answer that hangs', async () => {
  sandbox.fault({ hang: 'before' });
  const lost = outcome(balance());
  await until(() => sandbox.requests.length === 1);
  await sandbox.close();
  expect(await lost).toBe('lost');
});

test('truncate sends half an answer with a length that fits, and the request was applied', async () => {
  sandbox.fault({ truncate: true });
  const response = await create();
  const text = await response.text();
  expect(response.status).toBe(201);
  expect(Number(response.headers.get('content-length'))).toBe(text.length);
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
  expect(sandbox.world.telephony.size).toBe(11);
});

test('rewrite changes the answer of a request that was applied', async () => {
  sandbox.fault({ rewrite: (body) => ({ ...Object(body), meta: { canary: true } }) });
  const response = await create();
  expect(await response.json()).toMatchObject({ data: { record_type: 'credential' }, meta: { canary: true } });
  expect(sandbox.world.telephony.size).toBe(11);
});

test('meanwhile changes the account just before the request is handled', async () => {
  const [id = ''] = sandbox.world.telephony.keys();
  sandbox.fault({ method: 'DELETE', meanwhile: (world) => world.telephony.delete(id) });
  expect((await send('GET', `/telephony_credentials/${id}`)).status).toBe(200);
  expect((await send('DELETE', `/telephony_credentials/${id}`)).status).toBe(404);
});

const fails = { respond: { status: 500 } };
test.each<[string, Fault, (number | string)[]]>([
  ['once unless told', fails, [500, 200, 200]],
  ['as many times as told', { ...fails, times: 2 }, [500, 500, 200]],
  ['for ever', { ...fails, times: Number.POSITIVE_INFINITY }, [500, 500, 500]],
  ['after those it lets pass', { ...fails, skip: 1 }, [200, 500, 200]],
  ['only its own method', { ...fails, method: 'POST' }, [200, 200, 200]],
  ['only its own path, whole', { ...fails, path: '/bal' }, [200, 200, 200]],
  ['a path that fits its expression', { ...fails, path: /^\/bal/g }, [500, 200, 200]],
  ['only what it asks for', { ...fails, when: ({ query }) => query.get('n') === '2' }, [200, 200, 500]],
])('a fault strikes %s', async (_, fault, statuses) => {
  sandbox.fault(fault);
  const seen: (number | string)[] = [];
  for (const n of [0, 1, 2]) seen.push((await send('GET', `/balance?n=${n}`)).status);
  expect(seen).toEqual(statuses);
});

test('faults are used up one per request, in the order they were queued, until cleared', async () => {
  for (const status of [500, 502, 503]) sandbox.fault({ respond: { status } });
  expect(await outcome(balance())).toBe(500);
  expect(await outcome(balance())).toBe(502);
  sandbox.clearFaults();
  expect(await outcome(balance())).toBe(200);
});

test('a fault that throws becomes a 500, and the next request is served', async () => {
  sandbox.fault({
    rewrite: () => {
      throw new Error('a mistake in a test');
    },
  });
  const response = await balance();
  expect(response.status).toBe(500);
  expect(await response.text()).toContain('a mistake in a test');
  expect(await outcome(balance())).toBe(200);
});

test('latency delays answers without one waiting for the other', async () => {
  sandbox.latencyMs = 60_000;
  const slow = outcome(balance());
  await until(() => sandbox.requests.length === 1);
  sandbox.latencyMs = 0;
  expect(await outcome(balance())).toBe(200);
  expect(await Promise.race([slow, sleep(1, 'still waiting')])).toBe('still waiting');
  await sandbox.close();
  expect(await slow).toBe('lost');
});

test('every request received is remembered as it was sent', async () => {
  await send('PATCH', '/telephony_credentials/a%2Fb?filter%5Btag%5D=x', { name: 'y' });
  const [seen] = sandbox.requests;
  expect(seen).toMatchObject({ method: 'PATCH', path: '/telephony_credentials/a%2Fb', body: { name: 'y' } });
  expect(seen?.query.get('filter[tag]')).toBe('x');
  expect(seen?.headers.authorization).toBe(`Bearer ${sandbox.apiKey}`);
});

test('large answers are compressed for clients that take it, small ones are not', async () => {
  const large = await send('GET', '/telephony_credentials');
  expect(large.headers.get('content-encoding')).toBe('gzip');
  expect(await large.json()).toMatchObject({ meta: { total_results: 10 } });
  expect((await balance()).headers.get('content-encoding')).toBeNull();
});
