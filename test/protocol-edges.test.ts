import { spawnSync } from 'node:child_process';
import { isSpecType } from '@modelcontextprotocol/server';
import { afterAll, expect, test } from 'vitest';
import { MODERN } from './by-hand.ts';
import { MAIN, type ServerProcess, startProcess } from './process.ts';
import { until } from './until.ts';

const CLIENT = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'edges', version: '1' } };

/** What a generation opens with, by an id of its own, and what each of its requests carries. */
const generations = [
  { since: '2025-11-25', opens: 'initialize', said: CLIENT, meta: {} },
  { since: '2026-07-28', opens: 'server/discover', said: { _meta: MODERN }, meta: MODERN },
];
type Generation = (typeof generations)[number];

/** A server that a client of this generation has opened. */
async function open({ opens, said }: Generation): Promise<ServerProcess> {
  const server = await startProcess({ args: ['--sandbox'], initialize: false });
  await server.request(opens, said);
  return server;
}

const opened = new Map<Generation, Promise<ServerProcess>>();
afterAll(async () => {
  for (const server of opened.values()) await (await server)[Symbol.asyncDispose]();
});

/** What the server writes to a line, until it has answered a request that came behind it as well. */
async function answersTo(of: Generation, line: string): Promise<string[]> {
  const server = opened.get(of) ?? open(of);
  opened.set(of, server);
  const { send, stdout } = await server;
  const before = stdout().length;
  send(line);
  send(asks('no/such', withMeta(of), '"behind"'));
  const written = () => stdout().slice(before).split('\n').slice(0, -1);
  await until(() => written().length >= 2 && written().some((text) => text.includes('"behind"')));
  return written().filter((text) => !text.includes('"behind"'));
}

/** What a server that has been opened writes to all that is piped into it, a newline at the end or not. */
async function answersToAll(of: Generation, lines: string[]): Promise<unknown[]> {
  await using server = await open(of);
  const before = server.stdout().length;
  server.child.stdin.end(lines.join('\n'));
  expect(await server.exited).toBe(0);
  const written = server.stdout().slice(before).trimEnd();
  return written.split('\n').map((text) => JSON.parse(text));
}

/** A request as text, since JSON.stringify knows no large numbers, and would leave out what is called `__proto__`. */
const asks = (method: string, params?: string, id = '1') =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`;
const withMeta = ({ meta }: Generation, params = '', more = '') => {
  const own = JSON.stringify(meta).slice(1, -1);
  return `{${[`"_meta":{${[own, more].filter(Boolean)}}`, params].filter(Boolean)}}`;
};
const calls = (of: Generation, params: string) => asks('tools/call', withMeta(of, params));
const gets = (of: Generation, params: string) => asks('prompts/get', withMeta(of, params));
const completes = (of: Generation, ref: string, argument: string) =>
  asks('completion/complete', withMeta(of, `"ref":${ref},"argument":${argument}`));
const PROMPT = '{"type":"ref/prompt","name":"rotate-credential"}';
const ROTATION = '{"type":"ref/resource","uri":"telnyx://rotations/{id}"}';
const EXACT = '9007199254740993';

/** What is sent, by which id the answer comes (none where nothing can be told to ask), and with which code. */
const refused: [what: string, line: (of: Generation) => string, id: string | undefined, code: number][] = [
  ['params that are null', () => asks('tools/list', 'null'), '1', -32600],
  ['params that are a list', () => asks('tools/list', '[]'), '1', -32600],
  ['params that are a text', () => asks('tools/list', '"x"', '"a \\" b"'), '"a \\" b"', -32600],
  ['an empty batch', () => '[]', undefined, -32600],
  ['a batch of one', () => `[${asks('tools/list')}]`, undefined, -32600],
  ['no version of JSON-RPC', () => '{"id":1,"method":"tools/list"}', '1', -32600],
  ['a method that is null', () => '{"jsonrpc":"2.0","id":1,"method":null}', '1', -32600],
  ['an id alone', () => '{"jsonrpc":"2.0","id":1}', undefined, -32600],
  ['an id that is null', (of) => asks('tools/list', withMeta(of), 'null'), undefined, -32600],
  ['an id that is a list', (of) => asks('tools/list', withMeta(of), '[1]'), undefined, -32600],
  ['an id beyond 2^53', (of) => asks('tools/list', withMeta(of), EXACT), EXACT, -32600],
  ['an id below -2^53', (of) => asks('tools/list', withMeta(of), `-${EXACT}`), `-${EXACT}`, -32600],
  ['an id beyond all numbers', (of) => asks('tools/list', withMeta(of), '1e400'), '1e400', -32600],
  ['an id between two numbers', (of) => asks('tools/list', withMeta(of), '1.5'), '1.5', -32600],
  [
    'an id of many digits',
    (of) => asks('tools/list', withMeta(of), '0.12345678901234567890'),
    '0.12345678901234567890',
    -32600,
  ],
  [
    'an id beyond 2^53, behind others that are none of it',
    () => `{"params":{"id":${EXACT}7,"x":["]}",{"id":1}]},"method":"id","\\u0069d" : ${EXACT} ,"jsonrpc":"2.0"}`,
    EXACT,
    -32600,
  ],
  ['_meta that is null', () => asks('tools/list', '{"_meta":null}'), '1', -32600],
  ['_meta that is a list', () => asks('tools/list', '{"_meta":[]}'), '1', -32600],
  ['a progress token that is null', (of) => asks('tools/list', withMeta(of, '', '"progressToken":null')), '1', -32600],
  [
    'a progress token beyond 2^53',
    (of) => asks('tools/list', withMeta(of, '', `"progressToken":${EXACT}`)),
    '1',
    -32600,
  ],
  ['arguments that are null', (of) => calls(of, '"name":"list_connections","arguments":null'), '1', -32602],
  ['arguments that are a list', (of) => calls(of, '"name":"list_connections","arguments":[]'), '1', -32602],
  ['a tool that is null', (of) => calls(of, '"name":null'), '1', -32602],
  ['no tool', (of) => calls(of, ''), '1', -32602],
  ['a tool called __proto__', (of) => calls(of, '"name":"__proto__"'), '1', -32602],
  ['a tool called constructor', (of) => calls(of, '"name":"constructor"'), '1', -32602],
  [
    'an argument called __proto__',
    (of) => calls(of, '"name":"list_connections","arguments":{"__proto__":{"limit":1}}'),
    '1',
    -32602,
  ],
  [
    'an argument called __proto__, spelt otherwise',
    (of) => calls(of, '"name":"list_connections","arguments":{"_\\u005fproto__":1}'),
    '1',
    -32602,
  ],
  [
    'a key called __proto__ below an argument',
    (of) => calls(of, '"name":"list_connections","arguments":{"filter":[{"__proto__":1}]}'),
    '1',
    -32602,
  ],
  ['a prompt called __proto__', (of) => gets(of, '"name":"__proto__"'), '1', -32602],
  ['a prompt called constructor', (of) => gets(of, '"name":"constructor"'), '1', -32602],
  ['a prompt without a name', (of) => gets(of, ''), '1', -32602],
  [
    'arguments of a prompt that are null',
    (of) => gets(of, '"name":"credential-health-check","arguments":null'),
    '1',
    -32602,
  ],
  [
    'an argument of a prompt called constructor',
    (of) => gets(of, '"name":"credential-health-check","arguments":{"constructor":"x"}'),
    '1',
    -32602,
  ],
  [
    'an argument of a prompt called __proto__',
    (of) => gets(of, '"name":"credential-health-check","arguments":{"__proto__":"x"}'),
    '1',
    -32602,
  ],
  ['a completion of nothing', (of) => completes(of, PROMPT, 'null'), '1', -32602],
  [
    'a completion for a prompt called __proto__',
    (of) => completes(of, '{"type":"ref/prompt","name":"__proto__"}', '{"name":"x","value":""}'),
    '1',
    -32602,
  ],
  ...['__proto__', 'constructor', 'toString', 'nothing'].flatMap((name): typeof refused => [
    [
      `a completion of ${name} of a prompt`,
      (of) => completes(of, PROMPT, `{"name":"${name}","value":""}`),
      '1',
      -32602,
    ],
    [
      `a completion of ${name} of a resource`,
      (of) => completes(of, ROTATION, `{"name":"${name}","value":""}`),
      '1',
      -32602,
    ],
  ]),
  ['a method called constructor', (of) => asks('constructor', withMeta(of)), '1', -32601],
  ['a method called __proto__', (of) => asks('__proto__', withMeta(of)), '1', -32601],
];

test.each(
  generations.flatMap((of) =>
    refused.map(([what, line, id, code]) => ({ since: of.since, what, line: line(of), id, code, of })),
  ),
)('at $since, $what gives $code by the id it has', async ({ line, id, code, of }) => {
  const answers = await answersTo(of, line);
  expect(answers).toHaveLength(1);
  const [answer = ''] = answers;
  const said = JSON.parse(answer);
  // In words: no list of issues.
  expect(said).toMatchObject({ jsonrpc: '2.0', error: { code, message: expect.stringMatching(/^[A-Z][^[{]+$/) } });
  // Nothing else of it is what the protocol does not know; the SDK itself knows no such numbers.
  expect(isSpecType.JSONRPCErrorResponse({ ...said, ...('id' in said && { id: 1 }) })).toBe(true);
  if (id === undefined) expect(said).not.toHaveProperty('id');
  else expect(answer).toContain(`"id":${id},`);
});

test.concurrent.each(generations)('at $since, a last line is answered without a newline as well', async (of) => {
  // By the id of the opening, which is answered twice then, and by one of its own.
  for (const id of [1, 9])
    expect(await answersToAll(of, [asks('tools/list', withMeta(of), `${id}`)])).toMatchObject([
      { id, result: { tools: expect.any(Array) } },
    ]);
  expect(await answersToAll(of, [asks('tools/list').slice(0, -1)])).toMatchObject([{ error: { code: -32700 } }]);
});

test.concurrent.each(generations)('at $since, all that is piped in at once is answered', async (of) => {
  const ids = ['1', '1e2', '9007199254740991', '"9007199254740993"', '""', '0', '-1'];
  const call = withMeta(of, '"name":"list_connections"');
  const answers = await answersToAll(
    of,
    ids.map((id) => asks('tools/call', call, id)),
  );
  const given = answers as { id: unknown; result: { isError?: boolean } }[];
  expect(new Set(given.map(({ id }) => id))).toEqual(new Set(ids.map((id) => JSON.parse(id))));
  expect(given.map(({ result }) => result.isError ?? false)).toEqual(ids.map(() => false));
});

test.concurrent.each(generations)('at $since, what answers nothing gets no answer', async (of) => {
  const odd = [
    '{"jsonrpc":"2.0","error":{"code":-32600,"message":"x"}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    `{"jsonrpc":"2.0","id":${EXACT},"result":{}}`,
  ];
  expect(await answersToAll(of, [...odd, asks('no/such', withMeta(of))])).toMatchObject([
    { id: 1, error: { code: -32601 } },
  ]);
});

test.concurrent.each([
  ['capabilities', { capabilities: null }],
  ['capabilities for asking', { capabilities: { elicitation: null } }],
  ['a client', { clientInfo: null }],
  ['a version', { protocolVersion: null }],
])('an initialize with %s that is null is refused by its id, and the next one served', async (_, odd) => {
  await using server = await startProcess({ args: ['--sandbox'], initialize: false });
  expect(await server.request('initialize', { ...CLIENT, ...odd })).toMatchObject({ error: { code: -32602 } });
  expect(await server.request('initialize', CLIENT)).toMatchObject({ result: { protocolVersion: '2025-11-25' } });
});

test.concurrent.each(['clientCapabilities', 'clientInfo', 'protocolVersion'])(
  'a request at 2026-07-28 with %s that is null is refused by its id',
  async (what) => {
    await using server = await startProcess({ args: ['--sandbox'], initialize: false });
    const _meta = { ...MODERN, [`io.modelcontextprotocol/${what}`]: null };
    expect(await server.request('tools/list', { _meta })).toMatchObject({ error: { code: -32602 } });
  },
);

const greetings: [string, object][] = [
  ['capabilities that are none', { capabilities: { roots: { listChanged: 'yes' } } }],
  ['a client that is none', { clientInfo: { name: 't', version: '1', title: 5 } }],
  ['a _meta that is none', { _meta: null }],
  ['a progress token that is none', { _meta: { progressToken: {} } }],
];
test.concurrent.each(greetings)('an initialize with %s is answered once, and so is what follows', (_, odd) => {
  const lines = [
    { jsonrpc: '2.0', id: 1, method: 'initialize', params: { ...CLIENT, ...odd } },
    { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    { jsonrpc: '2.0', id: 2, method: 'ping' },
  ];
  const input = lines.map((line) => JSON.stringify(line)).join('\n');
  const { stdout, status } = spawnSync(process.execPath, [MAIN, '--sandbox'], { input, encoding: 'utf8' });
  const ids = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);
  expect([ids, status]).toEqual([expect.arrayContaining([1, 1, 2]), 0]);
  expect(ids).toHaveLength(3);
});

test('what comes before the first request says nothing of who opens', async () => {
  await using server = await startProcess({ args: ['--sandbox'], initialize: false });
  server.send('{"jsonrpc":"2.0","id":9,"result":{}}');
  server.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const { result } = await server.request('server/discover', { _meta: MODERN });
  expect(result).toBeDefined();
});
