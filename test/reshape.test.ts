import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { CANARY, SHAPES, type Shape } from './telnyx/reshape.ts';
import { type Reshaper, startReshaper } from './telnyx/reshaper.ts';
import { answerSchema, complaints } from './telnyx/spec.ts';

const KINDS = ['credential', 'fqdn', 'ip', 'uac'];
const LISTS = ['telephony_credentials', 'mobile_push_credentials', ...KINDS.map((kind) => `${kind}_connections`)];

type Row = Record<string, unknown>;

let sandbox: Sandbox;
let reshaper: Reshaper;
beforeEach(async () => {
  sandbox = await startSandbox({ now: () => new Date('2026-11-22T09:30:00Z') });
});
afterEach(() => sandbox.close());

const put = async (shape: Shape, reads: string[] = []) => {
  reshaper = await startReshaper(sandbox, { shape, reads });
};

async function call(path: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${sandbox.apiKey}`, ...init.headers };
  const response = await fetch(`${reshaper.baseUrl}/${path}`, { ...init, headers });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers };
}

const listOf = async (path: string): Promise<{ data: Row[]; meta?: Row }> => JSON.parse((await call(path)).text);

describe('an answer of the sandbox', () => {
  test.each(LISTS)('of %s on full has every declared field and no other', async (list) => {
    await put('full');
    const schema = answerSchema('GET', `/${list}`, 200) ?? {};
    const body = await listOf(list);
    expect(complaints(schema, body)).toEqual([]);
    const declared = Object.keys(schema.properties?.data?.items?.properties ?? {}).sort();
    for (const row of body.data) expect(Object.keys(row).sort()).toEqual(declared);
  });

  test.each([
    ['telephony_credentials', ['id', 'resource_id', 'sip_password', 'sip_username']],
    ['mobile_push_credentials', ['alias', 'certificate', 'id', 'private_key', 'project_account_json_file', 'type']],
    ['uac_connections', ['android_push_credential_id', 'id', 'ios_push_credential_id']],
  ])('of %s on lean has of each row %j', async (list, fields) => {
    await put('lean');
    const { data, meta } = await listOf(list);
    for (const row of data) expect(Object.keys(row).sort()).toEqual(fields);
    expect(meta?.page_number).toBe(1);
    await put('lean-without-meta');
    expect(await listOf(list)).toEqual({ data });
  });

  test('on nulls has null for what lean leaves out, and keeps the fields a test names', async () => {
    await put('nulls', ['name']);
    const { data } = await listOf('telephony_credentials');
    expect(data[0]).toMatchObject({
      id: expect.any(String),
      name: expect.any(String),
      expires_at: null,
      expired: null,
      created_at: null,
    });
  });

  test.each(LISTS)('of %s on extras is full, with unknown fields at every level', async (list) => {
    await put('extras');
    const body = await listOf(list);
    const [row = {}] = body.data;
    for (const [level, at] of [
      ['top', body],
      ['meta', body.meta],
      ['row', row],
    ])
      expect(at).toHaveProperty(`${level}_secret`, expect.stringContaining(CANARY));
    if (list.endsWith('connections')) expect(row.inbound).toHaveProperty('inbound_secret');
    const schema = answerSchema('GET', `/${list}`, 200) ?? {};
    expect(complaints(schema, body).filter((said) => !/additional properties/.test(said))).toEqual([]);
  });

  test('keeps its rows, whatever the shape', async () => {
    const ids: unknown[] = [];
    for (const shape of SHAPES) {
      await put(shape);
      ids.push((await listOf('telephony_credentials?page[size]=7&page[number]=2')).data.map(({ id }) => id));
    }
    const wanted = [...sandbox.world.telephony.keys()].reverse().slice(7, 14);
    expect(ids).toEqual(SHAPES.map(() => wanted));
  });
});

describe('passed on as they are', () => {
  test.each<[string, Parameters<Sandbox['fault']>[0], number, string]>([
    [
      'a refusal and its headers',
      { respond: { status: 429, headers: { 'retry-after': '7' }, body: { a: 1 } } },
      429,
      '{"a":1}',
    ],
    ['a page of HTML', { respond: { status: 502, headers: { 'retry-after': '7' }, body: '<html>' } }, 502, '<html>'],
    ['broken JSON', { respond: { status: 200, headers: { 'retry-after': '7' }, body: '{"data":[' } }, 200, '{"data":['],
    ['nothing', { respond: { status: 503, headers: { 'retry-after': '7' } } }, 503, ''],
  ])('%s', async (_, fault, status, text) => {
    await put('lean');
    sandbox.fault(fault);
    const answer = await call('balance');
    expect(answer).toMatchObject({ status, text });
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.headers.get('date')).toBe('Sun, 22 Nov 2026 09:30:00 GMT');
  });

  test('a token, and a deletion without a body', async () => {
    await put('extras');
    const [id] = [...sandbox.world.telephony.values()].filter((row) => !sandbox.world.isExpired(row));
    const token = await call(`telephony_credentials/${id?.id}/token`, { method: 'POST' });
    expect(token.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(token.text.split('.')).toHaveLength(3);
    const [row] = (await listOf('mobile_push_credentials')).data;
    expect(await call(`mobile_push_credentials/${row?.id}`, { method: 'DELETE' })).toMatchObject({
      status: 204,
      text: '',
    });
  });

  test('what a client sends: the method, the path, the body, the key', async () => {
    await put('lean');
    const [row] = sandbox.world.telephony.values();
    await call(`telephony_credentials/${row?.id}`, { method: 'PATCH', body: '{"name":"ü"}' });
    expect(sandbox.requests.at(-1)).toMatchObject({ method: 'PATCH', body: { name: 'ü' } });
    expect(sandbox.world.telephony.get(row?.id ?? '')?.name).toBe('ü');
    expect((await call('balance', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  test.each(['reset', 'truncate'] as const)('a connection that breaks: %s', async (how) => {
    await put('lean');
    sandbox.fault(how === 'reset' ? { reset: 'after' } : { truncate: true });
    const answer = call('telephony_credentials').then(({ text }) => JSON.parse(text));
    await expect(answer).rejects.toThrow();
  });

  test('an account that is gone: the connection is refused', async () => {
    await put('lean');
    await sandbox.close();
    await expect(call('balance')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });
});
