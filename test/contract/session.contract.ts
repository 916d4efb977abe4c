import { EventEmitter, once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listingOf } from '../../src/front/mcp/listing.ts';
import { prompts as own } from '../../src/prompts/index.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { catalogue } from '../../src/tools/index.ts';
import { errorOf, textOf } from '../app.ts';
import { callsOfEveryTool, play } from '../every-tool.ts';
import { appleMaterial, serviceAccount } from '../material.ts';
import { CLIENTS, connect, type Elicit, type Session } from './clients.ts';

const yes: Elicit = (_, properties) => ({
  action: 'accept',
  content: Object.fromEntries(
    Object.entries(properties).map(([key, { type, description }]) => [
      key,
      type === 'boolean' ? true : `${description}`.replace('Type: ', ''),
    ]),
  ),
});

/** A person who says no; sooner than this a client has said it by itself. */
const refuses =
  (action: 'decline' | 'cancel'): Elicit =>
  async () => {
    await sleep(400);
    return { action };
  };

/** The JSON of a resource that was read. */
const jsonOf = <T>(contents: unknown): T => JSON.parse((contents as { text: string }[])[0]?.text ?? '') as T;

describe.each(CLIENTS)('with the client %s', (kind) => {
  let sandbox: Sandbox;
  let session: Session;
  let person: Elicit;
  let asked: string[];

  beforeAll(async () => {
    sandbox = await startSandbox();
    await sandbox.world.ready;
    session = await connect(kind, sandbox, (message, properties) => {
      asked.push(message);
      return person(message, properties);
    });
    person = yes;
    asked = [];
  });
  afterAll(async () => {
    await session[Symbol.asyncDispose]();
    await sandbox.close();
  });

  const someone = (): string =>
    [...sandbox.world.telephony.values()].find((row) => !sandbox.world.isExpired(row))?.id ?? '';
  const pushNamed = (alias: string): string =>
    [...sandbox.world.push.values()].find((row) => row.alias === alias)?.id ?? '';

  test('the newest protocol both speak is used, and the server introduces itself', () => {
    expect(session.version).toBe(kind === 'v1' || kind === 'v2 legacy' ? '2025-11-25' : '2026-07-28');
    expect(session.serverName).toBe('telnyx-credentials-mcp');
    expect(session.instructions).toContain('Secrets never appear here');
  });

  test('the same tools are listed, word for word', async () => {
    expect(await session.listTools()).toEqual(catalogue.map(listingOf));
  });

  test('every tool works', async () => {
    const { certificate, key } = await appleMaterial();
    const folder = await mkdtemp(join(tmpdir(), 'telnyx-mcp-material-'));
    const calls = callsOfEveryTool(sandbox, { certificate, key, account: serviceAccount() }, folder);
    await play(calls, async (name, args) => {
      const result = await session.call(name, args);
      expect(result.isError, `${name}: ${textOf(result)}`).toBeFalsy();
      expect(result.structuredContent).toBeTypeOf('object');
      expect(textOf(result)).toMatch(/\w/);
      return result.structuredContent;
    });
  });

  test.each([
    ['accepted', yes, 'done'],
    ['accepted without the tick', () => ({ action: 'accept', content: { confirm: false } }), 'unanswered'],
    ['declined', refuses('decline'), 'declined'],
    ['cancelled', refuses('cancel'), 'unanswered'],
  ] as [string, Elicit, string][])('a question that is %s', async (_, answer, status) => {
    const id = someone();
    person = answer;
    asked = [];
    expect((await session.call('delete_telephony_credential', { id })).structuredContent).toMatchObject({ status });
    expect(asked).toHaveLength(1);
    expect(sandbox.world.telephony.has(id)).toBe(status !== 'done');
  });

  test.each(['decline', 'cancel'] as const)('a client that says %s by itself has asked nobody', async (action) => {
    const id = someone();
    person = () => ({ action });
    asked = [];
    expect(errorOf(await session.call('delete_telephony_credential', { id })).code).toBe('CANNOT_ASK');
    expect(asked).toHaveLength(1);
    expect(sandbox.world.telephony.has(id)).toBe(true);
  });

  test('a question about a thing that changed meanwhile is asked again', async () => {
    const record = sandbox.world.telephony.get(someone());
    asked = [];
    person = (message, properties) => {
      if (record) record.name = 'renamed meanwhile';
      return yes(message, properties);
    };
    expect((await session.call('delete_telephony_credential', { id: record?.id })).structuredContent).toMatchObject({
      status: 'done',
    });
    expect(asked.map((message) => message.includes('renamed meanwhile'))).toEqual([false, true]);
  });

  test('a client without elicitation is told so by a result, and nothing happens', async () => {
    await using mute = await connect(kind, sandbox);
    const id = someone();
    expect(errorOf(await mute.call('delete_telephony_credential', { id }))).toMatchObject({ code: 'CANNOT_ASK' });
    expect(sandbox.world.telephony.has(id)).toBe(true);
  });

  test('progress is told, growing', async () => {
    person = refuses('decline');
    const told: number[] = [];
    await session.call(
      'delete_mobile_push_credential',
      { id: pushNamed('acme-dialer-ios-renewed') },
      { onprogress: ({ progress }) => told.push(progress) },
    );
    // The last ones may be dropped by a client that has the result already.
    expect(told[0]).toBe(1);
    // A question that comes back as a result makes two requests of a call, each with progress of its own.
    if (session.version === '2025-11-25') expect(told).toEqual([...new Set(told)].sort((x, y) => x - y));
  });

  test('a cancelled call ends, and the server goes on', async () => {
    sandbox.fault({ method: 'GET', path: '/telephony_credentials', hang: 'before' });
    const seen = sandbox.requests.length;
    const cancel = new AbortController();
    const call = session.call('list_telephony_credentials', {}, { signal: cancel.signal });
    while (sandbox.requests.length === seen) await sleep(5);
    cancel.abort();
    await expect(call).rejects.toThrow();
    expect((await session.call('list_connections')).isError).toBeFalsy();
  });

  test('resources are listed, read, and refused when there are none', async () => {
    expect(await session.listResources()).toEqual([
      expect.objectContaining({ uri: 'telnyx://health', name: 'health' }),
      expect.objectContaining({ uri: 'telnyx://rotations', name: 'rotations' }),
      expect.objectContaining({ uri: 'fixture://greeting', name: 'greeting' }),
    ]);
    expect(await session.listTemplates()).toEqual([
      expect.objectContaining({ uriTemplate: 'telnyx://rotations/{id}', name: 'rotation' }),
      expect.objectContaining({ uriTemplate: 'fixture://items/{id}', name: 'item' }),
    ]);
    expect(await session.read('fixture://greeting')).toEqual([
      { uri: 'fixture://greeting', mimeType: 'text/plain', text: 'hello' },
    ]);
    expect(await session.read('fixture://items/banana')).toEqual([expect.objectContaining({ text: 'item banana' })]);
    const missing = ['fixture://nothing', 'fixture://items/', 'fixture://items/a/../b', 'telnyx://rotations/none'];
    for (const uri of missing) await expect(session.read(uri)).rejects.toThrow(/not found/i);
  });

  test('rotations are read as resources, and their ids completed', async () => {
    await session.call('rotate_telephony_credential', { id: someone() });
    const { rotations } = jsonOf<{ rotations: { id: string }[] }>(await session.read('telnyx://rotations'));
    const [rotation] = rotations;
    expect(jsonOf(await session.read(`telnyx://rotations/${rotation?.id}`))).toEqual(rotation);
    const ref = { type: 'ref/resource' as const, uri: 'telnyx://rotations/{id}' };
    expect((await session.complete(ref, 'id', `${rotation?.id}`.slice(0, -2))).values).toEqual([rotation?.id]);
  });

  test('prompts are listed, filled in, and refused when an argument is missing', async () => {
    expect(await session.listPrompts()).toEqual([
      ...own.map(({ name }) => expect.objectContaining({ name })),
      expect.objectContaining({
        name: 'greet',
        arguments: [expect.objectContaining({ name: 'who', required: true }), expect.anything()],
      }),
    ]);
    const { messages } = await session.getPrompt('greet', { who: 'Ada' });
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Greet Ada warmly.' } }]);
    for (const {
      name,
      script,
      arguments: [blank],
    } of own) {
      const args = { [blank?.name ?? '']: 'the kiosk' };
      expect((await session.getPrompt(name, args)).messages).toEqual([
        { role: 'user', content: { type: 'text', text: script(args) } },
      ]);
    }
    await expect(session.getPrompt('greet', {})).rejects.toThrow(/who is missing/);
    await expect(session.getPrompt('shout', {})).rejects.toThrow(/Unknown prompt/);
  });

  test('arguments are completed', async () => {
    expect((await session.complete({ type: 'ref/prompt', name: 'greet' }, 'who', 'ap')).values).toEqual([
      'apple',
      'apricot',
    ]);
    expect((await session.complete({ type: 'ref/prompt', name: 'greet' }, 'how', 'ap')).values).toEqual([]);
    expect((await session.complete({ type: 'ref/resource', uri: 'fixture://items/{id}' }, 'id', 'b')).values).toEqual([
      'banana',
    ]);
  });

  test('errors are results an agent can read; an unknown tool is an error of the protocol', async () => {
    expect(errorOf(await session.call('get_telephony_credential', { id: '../x' })).code).toBe('BAD_INPUT');
    expect(errorOf(await session.call('get_telephony_credential', { id: 'none' })).code).toBe('NOT_FOUND');
    await expect(session.call('no_such_tool')).rejects.toMatchObject({ code: -32602 });
  });
});

test('while a person takes their time there is progress, which makes a client wait on', async () => {
  const kinds = ['v1', 'v2 legacy'] as const;
  const deleted = kinds.map(async (kind) => {
    await using sandbox = await startSandbox();
    const progress = new EventEmitter();
    await using session = await connect(kind, sandbox, async (message, properties) => {
      // More than once: a client waits anew after each.
      for (let seen = 0; seen < 2; seen += 1) await once(progress, 'seen');
      return yes(message, properties);
    });
    const [id] = [...sandbox.world.telephony.keys()];
    const patience = { resetTimeoutOnProgress: true, onprogress: () => void progress.emit('seen') };
    return (await session.call('delete_telephony_credential', { id }, patience)).structuredContent?.status;
  });
  expect(await Promise.all(deleted)).toEqual(['done', 'done']);
});
