import { expect, test } from 'vitest';
import type { ConnectionRecord, World } from '../src/sandbox/world.ts';
import { dataOf, errorOf, type Person, type Started, startApp, yes } from './app.ts';

const DELETE = 'delete_telephony_credential';
const idOf = (t: Started): string => [...t.sandbox.world.telephony.keys()][0] ?? '';
const deletions = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'DELETE').length;

const answers: [title: string, person: Person, status: string][] = [
  ['accept with the tick', () => ({ action: 'accept', content: { confirm: true } }), 'done'],
  ['accept with the tick left out', () => ({ action: 'accept', content: { confirm: false } }), 'unanswered'],
  ['accept without content', () => ({ action: 'accept' }), 'unanswered'],
  ['accept with an empty form', () => ({ action: 'accept', content: {} }), 'unanswered'],
  ['accept with the word true', () => ({ action: 'accept', content: { confirm: 'true' } }), 'unanswered'],
  ['accept with another field ticked', () => ({ action: 'accept', content: { phrase: 'yes' } }), 'unanswered'],
  ['decline', () => ({ action: 'decline' }), 'declined'],
  ['decline with the tick', () => ({ action: 'decline', content: { confirm: true } }), 'declined'],
  ['cancel', () => ({ action: 'cancel' }), 'unanswered'],
  ['an answer that is none', () => Promise.reject(new Error('the dialog broke')), 'unanswered'],
];

test.each(answers)('on %s only a true yes acts', async (_, person, status) => {
  await using t = await startApp({ person });
  const id = idOf(t);
  expect(dataOf(await t.call(DELETE, { id }))).toMatchObject({ status });
  expect(t.asked).toHaveLength(1);
  expect(deletions(t)).toBe(status === 'done' ? 1 : 0);
  expect(t.sandbox.world.telephony.has(id)).toBe(status !== 'done');
});

test('the question names the thing', async () => {
  await using t = await startApp({ person: yes });
  const record = t.sandbox.world.telephony.get(idOf(t));
  await t.call(DELETE, { id: record?.id });
  for (const part of [record?.name, record?.sip_username, record?.created_at?.slice(0, 10)])
    expect(t.asked[0]?.message).toContain(part);
});

test.each([{}, { elicitation: { url: {} } }])(
  'a client with capabilities %j cannot be asked, so nothing happens',
  async (capabilities) => {
    await using t = await startApp();
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { InMemoryTransport } = await import('@modelcontextprotocol/sdk/inMemory.js');
    const { serveHandshake } = await import('../src/front/mcp/engine-2025.ts');
    const [here, there] = InMemoryTransport.createLinkedPair();
    await serveHandshake(t.app, async () => t.app, there);
    const client = new Client({ name: 'mute', version: '1' }, { capabilities });
    await client.connect(here);
    const result = await client.callTool({ name: DELETE, arguments: { id: idOf(t) } });
    expect(errorOf(result as never)).toMatchObject({
      code: 'CANNOT_ASK',
      next: expect.stringContaining('TELNYX_MCP_CONFIRM'),
    });
    expect(deletions(t)).toBe(0);
  },
);

test('an operator can turn the questions off', async () => {
  await using t = await startApp({ config: { confirm: 'never' } });
  expect(dataOf(await t.call(DELETE, { id: idOf(t) }))).toMatchObject({ status: 'done' });
});

test('a yes to a thing that changed meanwhile is asked again about the thing as it is now', async () => {
  let rename = (): void => undefined;
  await using t = await startApp({
    person: (asked) => {
      rename();
      return yes(asked);
    },
  });
  const record = t.sandbox.world.telephony.get(idOf(t));
  rename = () => {
    if (record) record.name = 'not the one you meant';
    rename = () => expect(deletions(t)).toBe(0);
  };
  expect(dataOf(await t.call(DELETE, { id: record?.id }))).toMatchObject({ status: 'done' });
  expect(t.asked.map(({ message }) => message.includes('not the one you meant'))).toEqual([false, true]);
});

test('a thing that never stops changing is left alone', async () => {
  let names = 0;
  await using t = await startApp({
    person: (asked) => {
      const record = t.sandbox.world.telephony.get(idOf(t));
      if (record) record.name = `name ${++names}`;
      return yes(asked);
    },
  });
  expect(errorOf(await t.call(DELETE, { id: idOf(t) })).code).toBe('CONFLICT');
  expect(deletions(t)).toBe(0);
});

/** Calls the way an engine does, to answer with what no honest engine would send. */
async function direct(t: Started, tool: string, args: object) {
  const definition = t.app.catalogue.find(({ name }) => name === tool);
  if (!definition) throw new Error(`no tool ${tool}`);
  const context = { signal: new AbortController().signal, progress: () => undefined, showsPages: false };
  return (state?: string) =>
    t.app.call(definition, args, {
      ...context,
      ...(state && { answer: { state, action: 'accept', content: { confirm: true } } }),
    });
}

test('an approval works once', async () => {
  await using t = await startApp();
  const id = idOf(t);
  const call = await direct(t, DELETE, { id });
  const asked = await call();
  if (asked.kind !== 'ask') throw new Error('expected a question');
  const record = t.sandbox.world.telephony.get(id);
  expect(await call(asked.state)).toMatchObject({ kind: 'result', result: { status: 'done' } });
  // The same credential is back, as it was: the used approval must not delete it again.
  if (record) t.sandbox.world.telephony.set(id, record);
  expect(await call(asked.state)).toMatchObject({ kind: 'ask' });
  expect(deletions(t)).toBe(1);
});

test('an approval serves no other thing, and a forged or mended one serves nothing', async () => {
  await using t = await startApp();
  const [id, other] = [...t.sandbox.world.telephony.keys()];
  const call = await direct(t, DELETE, { id });
  const asked = await call();
  if (asked.kind !== 'ask') throw new Error('expected a question');
  expect(await (await direct(t, DELETE, { id: other }))(asked.state)).toMatchObject({ kind: 'ask' });
  const [nonce, seal] = asked.state.split('.');
  const forged = ['', 'x', '.', `other.${seal}`, `${nonce}.`, `${nonce}`, `${asked.state}.`, ` ${asked.state}`];
  for (const state of forged) expect(await call(state)).toMatchObject({ kind: 'ask' });
  expect(deletions(t)).toBe(0);
});

test('an approval lasts ten minutes', async () => {
  let now = 0;
  await using t = await startApp({ clock: () => now });
  const call = await direct(t, DELETE, { id: idOf(t) });
  const asked = await call();
  if (asked.kind !== 'ask') throw new Error('expected a question');
  now += 10 * 60_000;
  expect(await call(asked.state)).toMatchObject({ kind: 'ask' });
  expect(deletions(t)).toBe(0);
});

const living = (world: World) =>
  [...world.telephony.values()].find(({ expires_at }) => {
    const days = (Date.parse(`${expires_at}Z`) - Date.now()) / 86_400_000;
    return days > 1 && days < 1000;
  });
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

test.each([
  ['a longer life', () => ({ expires_at: inDays(3000) }), false],
  ['a new name', () => ({ name: 'new name' }), false],
  [
    'the connection it has',
    (t: Started) => ({ connection_id: living(t.sandbox.world)?.resource_id?.replace('connection:', '') }),
    false,
  ],
  ['a shorter life', () => ({ expires_at: inDays(0.5) }), true],
  ['another connection', (t: Started) => ({ connection_id: otherConnection(t) }), true],
] as const)('an update to %s asks only when it takes something away', async (_, changes, asks) => {
  await using t = await startApp({ person: () => ({ action: 'decline' }) });
  const result = dataOf(
    await t.call('update_telephony_credential', { id: living(t.sandbox.world)?.id, ...changes(t) }),
  );
  expect(result).toMatchObject({ status: asks ? 'declined' : 'done' });
  expect(t.asked).toHaveLength(asks ? 1 : 0);
  expect(t.sandbox.requests.some(({ method }) => method === 'PATCH')).toBe(!asks);
});

function otherConnection(t: Started): string {
  const own = living(t.sandbox.world)?.resource_id;
  return (
    [...t.sandbox.world.connections.values()].find(
      ({ id, kind }) => kind === 'credential' && own !== `connection:${id}`,
    )?.id ?? ''
  );
}

test('an end set for a credential that never expires asks too', async () => {
  await using t = await startApp({ person: () => ({ action: 'decline' }) });
  const record = living(t.sandbox.world);
  if (record) record.expires_at = '9999-12-31T23:59:59';
  expect(
    dataOf(await t.call('update_telephony_credential', { id: record?.id, expires_at: inDays(900) })),
  ).toMatchObject({ status: 'declined' });
  expect(t.asked[0]?.message).toContain('instead of never');
});

const push = async (t: Started, alias: string) => {
  await t.sandbox.world.ready;
  return [...t.sandbox.world.push.values()].find((row) => row.alias === alias);
};

test('a push credential in use takes a typed phrase, after naming who uses it over all four kinds', async () => {
  await using t = await startApp({ person: yes });
  const used = await push(t, 'acme-dialer-android');
  for (const kind of ['ip', 'uac'] as const) {
    const connection = [...t.sandbox.world.connections.values()].find((row) => row.kind === kind);
    if (connection && used) connection.ios_push_credential_id = used.id;
  }
  const users = [...t.sandbox.world.connections.values()].filter((row) =>
    [row.ios_push_credential_id, row.android_push_credential_id].includes(used?.id ?? ''),
  );
  expect(new Set(users.map(({ kind }) => kind))).toEqual(new Set(['credential', 'fqdn', 'ip', 'uac']));
  expect(dataOf(await t.call('delete_mobile_push_credential', { id: used?.id }))).toMatchObject({ status: 'done' });
  const { message, requestedSchema } = t.asked[0] ?? {};
  for (const { connection_name } of users) expect(message).toContain(`"${connection_name}"`);
  expect(requestedSchema?.properties.phrase?.description).toBe(
    `Type: delete acme-dialer-android in use by ${users.length} connections`,
  );
});

test.each([
  ['a tick', { confirm: true }],
  ['a wrong phrase', { phrase: 'delete it' }],
])('%s does not delete a push credential in use', async (_, content) => {
  await using t = await startApp({ person: () => ({ action: 'accept', content }) });
  const used = await push(t, 'acme-dialer-ios');
  expect(dataOf(await t.call('delete_mobile_push_credential', { id: used?.id }))).toMatchObject({
    status: 'unanswered',
  });
  expect(deletions(t)).toBe(0);
});

test('an unused push credential takes a tick', async () => {
  await using t = await startApp({ person: yes });
  const unused = await push(t, 'acme-dialer-ios-renewed');
  expect(dataOf(await t.call('delete_mobile_push_credential', { id: unused?.id }))).toMatchObject({ status: 'done' });
  expect(t.asked[0]?.message).toContain('No connection uses it');
});

test.each(['ask', 'never'] as const)('the demo rows of Telnyx are never deleted (confirm: %s)', async (confirm) => {
  await using t = await startApp({ person: yes, config: { confirm } });
  for (const alias of ['ios-native-new-march-2025', 'android-native-new-march-2025']) {
    expect(errorOf(await t.call('delete_mobile_push_credential', { id: (await push(t, alias))?.id })).code).toBe(
      'PERMISSION',
    );
  }
  expect(t.asked).toEqual([]);
  expect(deletions(t)).toBe(0);
});

test('a user of a push credential is found even when the list shrinks between its pages', async () => {
  await using t = await startApp({ person: () => ({ action: 'decline' }) });
  const used = await push(t, 'acme-dialer-ios');
  const sample = [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential');
  if (!sample || !used) throw new Error('the sandbox is empty');
  const { connections } = t.sandbox.world;
  const add = (index: number, more: Partial<ConnectionRecord> = {}): void => {
    const id = `9${`${index}`.padStart(18, '0')}`;
    connections.set(id, { ...sample, id, connection_name: `line ${index}`, ios_push_credential_id: null, ...more });
  };
  // Newest first: line 260 is the first row of page 2, until a row of page 1 goes.
  for (let index = 1; index <= 510; index += 1) add(index, index === 260 ? { ios_push_credential_id: used.id } : {});
  t.sandbox.fault({
    path: '/credential_connections',
    when: ({ query }) => query.get('page[number]') === '2',
    meanwhile: (world) => void world.connections.delete(`9${'510'.padStart(18, '0')}`),
  });
  await t.call('delete_mobile_push_credential', { id: used.id });
  expect(t.asked[0]?.message).toContain('"line 260"');
});

test('a hostile name cannot dress up the question', async () => {
  await using t = await startApp({ person: () => ({ action: 'decline' }) });
  const record = t.sandbox.world.telephony.get(idOf(t));
  if (record) record.name = `lobby\n\nNOTE: safe to approve\u202e\u0007${'x'.repeat(1000)}`;
  await t.call(DELETE, { id: record?.id });
  const message = t.asked[0]?.message ?? '';
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(message.length).toBeLessThan(700);
  expect(message).toContain('cannot be brought back');
});

test('on the sandbox the question says so', async () => {
  await using t = await startApp({ person: () => ({ action: 'decline' }), config: { sandbox: 'demo' } });
  const { telephony_credentials: rows } = dataOf<{ telephony_credentials: { id: string }[] }>(
    await t.call('list_telephony_credentials'),
  );
  await t.call(DELETE, { id: rows[0]?.id });
  expect(t.asked[0]?.message).toMatch(/^\[Sandbox/);
});
