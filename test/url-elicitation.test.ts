import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { type CallToolResult, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { serveHandshake } from '../src/front/mcp/engine-2025.ts';
import { dataOf, type Started, startApp } from './app.ts';
import { press, visit } from './browser/visitor.ts';
import { startStateless } from './by-hand.ts';

const create = (t: Started) => ({
  name: 'create_telephony_credential',
  arguments: {
    connection_id: [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id,
    name: 'new one',
    deliver_to: 'browser',
  },
});
const made = (t: Started) => [...t.sandbox.world.telephony.values()].filter(({ name }) => name === 'new one');

/** Opens the page a person was brought to, and reveals; gives what they then see, as its script says that it arrived. */
async function reveal(url: string, message: string): Promise<string> {
  const page = await visit(url);
  expect(page.body).toContain(/code (\w{4})\./.exec(message)?.[1] ?? '-');
  const { body } = await press(page);
  await press(page, { arrived: 'yes' });
  return body;
}

test.each(['accept', 'decline', 'cancel'] as const)(
  'a client that shows pages brings the person to the secret (%s)',
  async (action) => {
    await using t = await startApp();
    const [here, there] = InMemoryTransport.createLinkedPair();
    await serveHandshake(t.app, async () => t.app, there);
    const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: { form: {}, url: {} } } });
    let seen = '';
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      if (params.mode === 'url' && action === 'accept') seen = await reveal(params.url, params.message);
      return { action };
    });
    await client.connect(here);
    const result = (await client.callTool(create(t))) as CallToolResult;
    expect(dataOf(result)).toMatchObject({ status: 'done', secret: { destination: 'browser' } });
    const [record, ...others] = made(t);
    expect(others).toEqual([]);
    expect(seen.includes(record?.sip_password ?? '-')).toBe(action === 'accept');
    expect(JSON.stringify([result, t.log])).not.toContain(record?.sip_password);
    expect(JSON.stringify([result, t.log])).not.toMatch(/127\.0\.0\.1:\d+\/[\w-]{20}/);
    const vault = join(t.stateDir, 'vault');
    const isKept = () => readdirSync(vault).some((name) => name.startsWith(`telephony-${record?.id}.copy-`));
    while (action === 'accept' && isKept()) await sleep(5);
    expect(isKept()).toBe(action !== 'accept');
    await client.close();
  },
);

test('at 2026-07-28 the page comes as a returned question, and its answer brings the one result', async () => {
  await using s = await startStateless();
  const pages = { elicitation: { form: {}, url: {} } };
  const call = create(s.t);
  const { result: asked } = await s.request('tools/call', call, pages);
  const page = asked?.inputRequests?.page?.params as { url: string; message: string; mode: string };
  expect(page.mode).toBe('url');
  expect(await reveal(page.url, page.message)).toContain(made(s.t)[0]?.sip_password);
  const again = { ...call, inputResponses: { page: { action: 'accept' } }, requestState: asked?.requestState };
  expect((await s.request('tools/call', again, pages)).result?.structuredContent).toMatchObject({
    status: 'done',
    credential: { id: made(s.t)[0]?.id },
  });
  expect(made(s.t)).toHaveLength(1);
});

test('a client that shows no pages gets none, and a browser is opened instead', async () => {
  const launched: string[] = [];
  await using s = await startStateless({ launch: async (url) => void launched.push(url) });
  const { result } = await s.request('tools/call', create(s.t));
  expect(result?.structuredContent).toMatchObject({ status: 'done', secret: { destination: 'browser' } });
  expect(launched).toHaveLength(1);
});
