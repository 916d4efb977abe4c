import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { serveHandshake } from '../src/front/mcp/engine-2025.ts';
import { greetingTo, HANDSHAKE_VERSIONS } from '../src/front/mcp/stdio.ts';
import { catalogue } from '../src/tools/index.ts';
import { startApp } from './app.ts';
import { type ByHand, MODERN, startByHand } from './by-hand.ts';
import { MAIN, startProcess } from './process.ts';
import { until } from './until.ts';

const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'by hand', version: '1' } };

const works = async (server: ByHand): Promise<void> => {
  const { result } = await server.request('initialize', initialize);
  expect(result).toMatchObject({ protocolVersion: '2025-11-25' });
  expect((await server.request('tools/list')).result?.tools).toHaveLength(catalogue.length);
};

/** The first that the server wrote: the code of an error, and the id it has. */
async function refusal(server: ByHand): Promise<[number | undefined, id?: unknown]> {
  while (!server.stdout().includes('\n')) await sleep(5);
  const message = JSON.parse(server.stdout().split('\n')[0] ?? '') as { id?: unknown; error?: { code: number } };
  return 'id' in message ? [message.error?.code, message.id] : [message.error?.code];
}

test.concurrent.each([
  ['is not JSON', 'hello', -32700],
  ['is a batch', JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize }]), -32600],
  ['is a number', '42', -32600],
  ['is null', 'null', -32600],
  ['has no version', '{"id":1,"method":"ping"}', -32600, 1],
  ['has an id that is none', '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
  ['has params that are none', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600, 1],
  ['says nothing', '{"jsonrpc":"2.0","id":1}', -32600],
  ['is over 10 MB', `{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(10 * 1024 * 1024)}"}`, -32600],
  ['is over 10 MB of garbage', 'x'.repeat(11 * 1024 * 1024), -32600],
])('a first line that %s is refused, and the next one served', async (_, line, ...answer) => {
  await using server = await startByHand();
  server.send(line);
  expect(await refusal(server)).toEqual(answer);
  await works(server);
});

test.concurrent.each([
  ['a member nobody knows', { more: 1 }],
  ['an id between two numbers', { id: 1.5 }],
  ['a progress token that is none', { params: { _meta: { ...MODERN, progressToken: {} } } }],
  ['a task that is none', { params: { _meta: { ...MODERN, 'io.modelcontextprotocol/related-task': 1 } } }],
  ['a result of its own', { result: {} }],
])('a request with %s is refused by its id, where the SDKs would leave it without an answer', async (_, odd) => {
  for (const [opens, params] of [
    ['initialize', initialize],
    ['server/discover', { _meta: MODERN }],
  ] as const) {
    await using server = await startByHand();
    await server.request(opens, params);
    const line = { jsonrpc: '2.0', id: 'odd', method: 'tools/list', params: { _meta: MODERN }, ...odd };
    server.send(JSON.stringify(line));
    while (server.stdout().split('\n').length < 3) await sleep(5);
    const answer = JSON.parse(server.stdout().split('\n')[1] ?? '');
    expect(answer).toMatchObject({ id: line.id, error: { code: -32600 } });
  }
});

test.concurrent('a message may come in pieces, cut inside a character, and two at once', async () => {
  await using server = await startByHand();
  const first = Buffer.from(
    `${JSON.stringify({ jsonrpc: '2.0', id: 'ä', method: 'initialize', params: initialize })}\n`,
  );
  const cut = first.indexOf('ä') + 1;
  for (const part of [
    first.subarray(0, cut),
    first.subarray(cut, -1),
    Buffer.from('\n{"jsonrpc":"2.0","id":"b","method":"ping"}\n\n  \r\n'),
  ]) {
    server.input.write(part);
    await sleep(20);
  }
  while (server.stdout().split('\n').length < 3) await sleep(5);
  expect(
    server
      .stdout()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .sort(),
  ).toEqual(['b', 'ä']);
});

test('an end of input before the first line ends the server with 0, and one in it is told', () => {
  expect(spawnSync(process.execPath, [MAIN, '--sandbox'], { input: '', encoding: 'utf8' })).toMatchObject({
    status: 0,
    stdout: '',
    stderr: '',
  });
  expect(
    spawnSync(process.execPath, [MAIN, '--sandbox'], {
      input: '{"jsonrpc":"2.0","id":1,"method":"ini',
      encoding: 'utf8',
    }),
  ).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\{"jsonrpc":"2.0","error":\{"code":-32700,.*\}\n$/) });
});

const asked: [method: string, params: object][] = [
  ['tools/list', {}],
  ['tools/call', { name: 'list_telephony_credentials', arguments: {} }],
  ['tools/call', { name: 'report_credential_health', arguments: {} }],
  ['tools/call', { name: 'list_connections', arguments: { limit: 'many' } }],
  ['tools/call', { name: 'no_such_tool' }],
  ['resources/list', {}],
  ['resources/read', { uri: 'telnyx://health' }],
  ['prompts/list', {}],
  ['prompts/get', {}],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'x' }, argument: { name: 'x', value: '' } }],
  ['no/such', {}],
];

const opening = { jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize };
const probe = { jsonrpc: '2.0', id: 0, method: 'server/discover', params: { _meta: MODERN } };

test.each([
  ['that opened with initialize', 'everything', opening, {}, asked],
  ['that opened with initialize', 'a resource', opening, {}, asked.filter(([method]) => method === 'resources/read')],
  ['at 2026-07-28', 'everything', probe, MODERN, asked],
  ['at 2026-07-28', 'a resource', probe, MODERN, asked.filter(([method]) => method === 'resources/read')],
])(
  'a client %s that asks for %s and leaves at once is answered, but for what it cancelled',
  (_, _what, first, _meta, asks) => {
    const requests = asks.map(([method, params], n) => ({
      jsonrpc: '2.0',
      id: n + 1,
      method,
      params: { ...params, _meta },
    }));
    const dropped = { jsonrpc: '2.0', id: 99, method: 'tools/call', params: { name: 'list_connections', _meta } };
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99, _meta } };
    const input = [first, ...requests, dropped, cancel].map((line) => `${JSON.stringify(line)}\n`).join('');
    const { status, stdout } = spawnSync(process.execPath, [MAIN, '--sandbox'], {
      input,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const answered = stdout.split('\n').flatMap((line) => (line ? [(JSON.parse(line) as { id?: number }).id] : []));
    expect(status).toBe(0);
    expect(answered.filter((id) => id !== 99).sort((a = 0, b = 0) => a - b)).toEqual([
      0,
      ...requests.map(({ id }) => id),
    ]);
  },
);

test.concurrent('a client that probes with server/discover may still open with initialize', async () => {
  await using server = await startByHand();
  const discovered = server.request('server/discover', { _meta: MODERN });
  // Not waiting for the answer: the probe must be answered before the switch.
  const opened = works(server);
  expect((await discovered).result).toMatchObject({ supportedVersions: ['2026-07-28'] });
  await opened;
  expect((await server.request('tools/call', { name: 'list_connections' })).result?.isError).toBeFalsy();
});

test.concurrent('a client that probes and stays is served at the version it probed for', async () => {
  await using server = await startByHand();
  await server.request('server/discover', { _meta: MODERN });
  expect((await server.request('tools/list', { _meta: MODERN })).result).toMatchObject({ resultType: 'complete' });
});

test.concurrent('initialize after a call at 2026-07-28 is refused with the versions there are', async () => {
  await using server = await startByHand();
  await server.request('tools/list', { _meta: MODERN });
  const { error } = await server.request('initialize', initialize);
  expect(error).toMatchObject({ code: -32022, data: { supported: ['2026-07-28'] } });
});

test.concurrent('a version nobody knows is refused with those there are, and the client may go on with initialize', async () => {
  await using server = await startByHand();
  const { error } = await server.request('server/discover', {
    _meta: { ...MODERN, 'io.modelcontextprotocol/protocolVersion': '2031-01-01' },
  });
  expect(error).toMatchObject({ code: -32022, data: { supported: ['2026-07-28'] } });
  await works(server);
});

test.concurrent('an unknown version asked for by initialize is answered with the newest of that generation', async () => {
  await using server = await startByHand();
  const { result } = await server.request('initialize', { ...initialize, protocolVersion: '2099-01-01' });
  expect(result).toMatchObject({ protocolVersion: '2025-11-25' });
});

test.concurrent('a ping is answered where the protocol has one', async () => {
  await using old = await startByHand();
  await old.request('initialize', initialize);
  expect(await old.request('ping')).toMatchObject({ result: {} });
  await using modern = await startByHand();
  expect(await modern.request('ping', { _meta: MODERN })).toMatchObject({ error: { code: -32601 } });
});

const LOADED = new URL('./loaded-modules.mjs', import.meta.url).href;

/** Which packages and folders of ours each file of the bundle holds, as the build noted. */
const bundle = JSON.parse(readFileSync(new URL('../.build/bundle.json', import.meta.url), 'utf8')) as Record<
  string,
  { weights: Record<string, number> }
>;
const everyPart = Object.values(bundle).flatMap(({ weights }) => Object.keys(weights));
/** Those that a process loaded, from what loaded-modules.mjs made it say. */
const partsOf = (stderr: string): string[] =>
  [...stderr.matchAll(/\/dist\/([\w-]+\.js)/g)].flatMap(([, file = '']) => Object.keys(bundle[file]?.weights ?? {}));

test.concurrent.each([
  ['initialize', 'initialize', initialize, '@modelcontextprotocol/sdk', '@modelcontextprotocol/server'],
  [
    'a call at 2026-07-28',
    'tools/list',
    { _meta: MODERN },
    '@modelcontextprotocol/server',
    '@modelcontextprotocol/sdk',
  ],
])('a start with %s loads one SDK', async (_, method, params, loaded, other) => {
  await using server = await startProcess({ args: ['--sandbox'], initialize: false, imports: [LOADED] });
  await server.request(method, params);
  await server.request(method === 'initialize' ? 'tools/list' : method, params);
  const parts = partsOf(server.stderr());
  expect(parts).toContain(loaded);
  for (const lazy of [
    other,
    'got',
    'asn1js',
    'node-forge',
    'open',
    'src/sandbox',
    'src/approval/pages',
    'src/front/cli',
  ]) {
    expect(everyPart).toContain(lazy);
    expect(parts).not.toContain(lazy);
  }
});

test.concurrent.each([...HANDSHAKE_VERSIONS])(
  'an initialize at %s is answered before the engine is there, with the words of the engine',
  async (protocolVersion) => {
    const params = { ...initialize, protocolVersion };
    await using t = await startApp();
    const [here, there] = InMemoryTransport.createLinkedPair();
    const answers: object[] = [];
    here.onmessage = (message) => answers.push(message);
    await serveHandshake(t.app, async () => t.app, there);
    await here.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    await until(() => answers.length === 1);
    expect(greetingTo({ jsonrpc: '2.0', id: 1, method: 'initialize', params }, t.app)).toEqual(answers[0]);
  },
);

test('the opener greets at the versions that the engine for them knows, and no other', () => {
  expect([...HANDSHAKE_VERSIONS].sort()).toEqual([...SUPPORTED_PROTOCOL_VERSIONS].sort());
});

test.concurrent.each([
  ['a version nobody knows', { ...initialize, protocolVersion: '2030-01-01' }],
  ['no version', { ...initialize, protocolVersion: undefined }],
  ['capabilities that are none', { ...initialize, capabilities: { elicitation: 5 } }],
  ['capabilities that are a list', { ...initialize, capabilities: [] }],
  ['no capabilities', { ...initialize, capabilities: undefined }],
  ['a client without a name', { ...initialize, clientInfo: { version: '1' } }],
])('an initialize with %s is left to the engine', async (_, params) => {
  const message = { jsonrpc: '2.0' as const, id: 1, method: 'initialize', params };
  expect(greetingTo(message, { sandbox: false })).toBeUndefined();
  await using server = await startByHand();
  const answer = await server.request('initialize', params);
  expect(answer.result ?? answer.error).toBeDefined();
});

test.concurrent('an initialize is answered once, and what comes right behind it in order', async () => {
  await using server = await startByHand();
  const first = server.request('initialize', initialize);
  server.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const [listed, pinged] = [server.request('tools/list'), server.request('ping')];
  expect(await first).toMatchObject({ result: { serverInfo: { name: 'telnyx-credentials-mcp' } } });
  expect(await listed).toMatchObject({ result: { tools: expect.any(Array) } });
  expect(await pinged).toMatchObject({ result: {} });
  const answers = server
    .stdout()
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: number }).id);
  expect(answers.filter((id) => id === answers[0])).toHaveLength(1);
});
