import { Agent, get } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { serveHandshake } from '../src/front/mcp/engine-2025.ts';
import { loadConfig } from '../src/host/config.ts';
import { createSession } from '../src/host/session.ts';
import { compare, interleave, median, ms, type Row } from './figures.ts';
import { type Account, launchSandbox } from './processes.ts';

const CREDENTIALS = 5000;
const BLOCKS = 16;
const CALLS = 40;

/** What the server adds to one request: parsing, checking, wrapping, rendering, redacting, and the protocol at both ends. */
export async function perCall(stateDir: string): Promise<Row[]> {
  await using sandbox = await launchSandbox(CREDENTIALS, 0);
  const agent = new Agent({ keepAlive: true });
  const [id = ''] = await firstIds(sandbox, agent);
  const app = createSession(
    loadConfig([], {
      TELNYX_API_KEY: sandbox.apiKey,
      TELNYX_BASE_URL: sandbox.baseUrl,
      TELNYX_MCP_STATE_DIR: stateDir,
    }).config,
  );
  const [here, there] = InMemoryTransport.createLinkedPair();
  const engine = await serveHandshake(app, async () => app, there);
  const client = new Client({ name: 'bench', version: '0' });
  await client.connect(here);

  const contestants = {
    ours: () =>
      block(id, async () => {
        const { structuredContent } = await client.callTool({ name: 'get_telephony_credential', arguments: { id } });
        return structuredContent as { id: string };
      }),
    plain: () => block(id, async () => (await getJson<{ id: string }>(sandbox, `/${id}`, agent)).data),
  };
  await interleave(contestants, 3);
  const blocks = await interleave(contestants, BLOCKS);
  await client.close();
  await engine.close();
  await app.close();
  agent.destroy();

  const added = median(blocks.map(({ ours, plain }) => ours - plain));
  const row = compare({
    what: `get_telephony_credential, median of ${BLOCKS} × ${CALLS} calls`,
    ours: blocks.map(({ ours }) => ours),
    against: 'node:http GET + JSON.parse',
    theirs: blocks.map(({ plain }) => plain),
    format: ms,
  });
  return [{ ...row, ours: `${row.ours} (+${ms(added)})` }];
}

/** The median time of one call in a block of them. */
async function block(id: string, call: () => Promise<{ id: string }>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < CALLS; count += 1) {
    const started = performance.now();
    const answer = await call();
    times.push(performance.now() - started);
    if (answer.id !== id) throw new Error('another credential than the one asked for');
  }
  return median(times);
}

async function firstIds(account: Account, agent: Agent): Promise<string[]> {
  const { data } = await getJson<{ id: string }[]>(account, '?page[size]=1', agent);
  return data.map(({ id }) => id);
}

function getJson<Data>({ baseUrl, apiKey }: Account, rest: string, agent: Agent): Promise<{ data: Data }> {
  const headers = { authorization: `Bearer ${apiKey}` };
  return new Promise((resolve, reject) => {
    const request = get(`${baseUrl}/telephony_credentials${rest}`, { agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text) as { data: Data }));
    });
    request.on('error', reject);
  });
}
