import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { serveStdio } from '../src/front/mcp/stdio.ts';
import { loadConfig } from '../src/host/config.ts';
import { createSession } from '../src/host/session.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import type { Row } from './figures.ts';

interface Message {
  id: number;
  method?: string;
  params?: { requestedSchema: { properties: Record<string, { description?: string }> } };
  result?: { isError?: boolean; content: unknown };
}

/** How many files of ours a call runs: those in which a function was executed after start-up. */
export async function modules(folder: string): Promise<Row[]> {
  await using sandbox = await startSandbox();
  await sandbox.world.ready;
  const client = await serve(sandbox, join(folder, 'modules'));
  const inspector = new Session();
  inspector.connect();
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const rows: Row[] = [];
  for (const { what, most, name, args } of calls(sandbox, folder)) {
    await inspector.post('Profiler.takePreciseCoverage');
    const { result } = await client.request('tools/call', { name, arguments: args });
    if (result?.isError !== undefined) throw new Error(`${what}: ${JSON.stringify(result.content)}`);
    const { result: scripts } = await inspector.post('Profiler.takePreciseCoverage');
    const files = scripts
      .filter(({ url, functions }) => isOurs(url) && functions.some(wasCalled))
      .map(({ url }) => url);
    if (process.env.BENCH_LARGE)
      console.log(
        `${what}\n  ${files
          .map((url) => url.replace(SRC, ''))
          .sort()
          .join('\n  ')}`,
      );
    const bar = `at most ${most}: ${files.length <= most ? 'met' : 'MISSED'}`;
    rows.push({ what: `files run by ${what}`, ours: `${files.length}`, against: '-', ratio: '-', bar });
  }
  inspector.disconnect();
  await client.close();
  return rows;
}

const SRC = new URL('../src/', import.meta.url).href;
const isOurs = (url: string): boolean => url.startsWith(SRC) && !url.startsWith(`${SRC}sandbox/`);

/** The function without a name that begins at 0 is the module itself, which runs when it is loaded. */
const wasCalled = ({
  functionName,
  ranges: [range],
}: {
  functionName: string;
  ranges: { startOffset: number; count: number }[];
}) => range !== undefined && range.count > 0 && !(functionName === '' && range.startOffset === 0);

function calls({ world }: Sandbox, folder: string) {
  const living = [...world.telephony.values()].filter((row) => !world.isExpired(row));
  const [read, doomed, rotated, ...others] = living.map(({ id }) => id);
  const push = [...world.push.values()].find(({ type, alias }) => type === 'android' && alias.startsWith('acme'));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const file = join(folder, 'service-account.json');
  const account = {
    ...{ type: 'service_account', project_id: 'acme-dialer', private_key_id: 'a'.repeat(40), client_id: '1' },
    ...{ client_email: 'push@acme-dialer.iam.gserviceaccount.com', token_uri: 'https://oauth2.googleapis.com/token' },
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  writeFileSync(file, JSON.stringify(account));
  const fleet = others.slice(0, 3).flatMap((id) => world.telephony.get(id) ?? []);
  for (const row of fleet) row.name = 'of the fleet';
  return [
    { what: 'a read', most: 30, name: 'get_telephony_credential', args: { id: read } },
    { what: 'a deletion', most: 32, name: 'delete_telephony_credential', args: { id: doomed } },
    { what: 'a rotation', most: 45, name: 'rotate_telephony_credential', args: { id: rotated, overlap: '1h' } },
    {
      what: 'a push rotation',
      most: 45,
      name: 'rotate_mobile_push_credential',
      args: { id: push?.id, service_account_file: file },
    },
    {
      what: 'a fleet of 3',
      most: 48,
      name: 'rotate_telephony_credentials',
      args: { name: 'of the fleet', overlap: '1h' },
    },
  ];
}

/** A session on streams in memory, whose person says yes. */
async function serve({ baseUrl, apiKey }: Sandbox, stateDir: string) {
  const env = { TELNYX_API_KEY: apiKey, TELNYX_BASE_URL: baseUrl, TELNYX_MCP_STATE_DIR: stateDir };
  const session = createSession(loadConfig([], env).config);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const engine = serveStdio({ session: async () => session, sandbox: false }, input, output);
  const waiting = new Map<number, (message: Message) => void>();
  const send = (message: object): void => void input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  createInterface({ input: output }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    if (message.method !== 'elicitation/create') return waiting.get(message.id)?.(message);
    const { properties = {} } = message.params?.requestedSchema ?? {};
    const content = properties.phrase
      ? { phrase: `${properties.phrase.description}`.replace('Type: ', '') }
      : { confirm: true };
    return send({ id: message.id, result: { action: 'accept', content } });
  });
  let id = 0;
  const request = (method: string, params: object): Promise<Message> => {
    id += 1;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    send({ id, method, params });
    return answer;
  };
  const clientInfo = { name: 'bench', version: '1' };
  await request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: { form: {} } },
    clientInfo,
  });
  send({ method: 'notifications/initialized' });
  await request('tools/list', {});
  return {
    request,
    async close() {
      await engine.close();
      await session.close();
    },
  };
}
