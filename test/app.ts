import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { type CallToolResult, ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { serveHandshake } from '../src/front/mcp/engine-2025.ts';
import { type Config, loadConfig } from '../src/host/config.ts';
import { createSession, type Session, type Surroundings } from '../src/host/session.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../src/sandbox/server.ts';
import { type Shape, shapeOf } from './telnyx/reshape.ts';
import { startReshaper } from './telnyx/reshaper.ts';

/** A question as it reached the person. */
interface Asked {
  message: string;
  requestedSchema: { properties: Record<string, { type: string; description?: string }> };
}

/** How the person at the client answers; without one the client does not declare elicitation. */
export type Person = (asked: Asked) => ElicitResult | Promise<ElicitResult>;

export interface Options extends Surroundings {
  person?: Person | undefined;
  /** How long the person takes, in milliseconds by the clock of approvals: a client answers sooner than anyone reads. */
  takes?: number;
  config?: Partial<Config>;
  sandbox?: SandboxOptions;
  /** An account that is there already, and stays. */
  account?: Sandbox;
  /** How much of what Telnyx may send the answers have; that of the suite unless told, and else what the sandbox sends. */
  shape?: Shape | undefined;
  /** The optional fields this test is about: no shape takes them away. */
  reads?: readonly string[];
}

export interface Started extends AsyncDisposable {
  app: Session;
  client: Client;
  sandbox: Sandbox;
  stateDir: string;
  /** What the person was asked, in order. */
  asked: Asked[];
  log: string[];
  call(name: string, args?: Record<string, unknown>): Promise<CallToolResult>;
}

/** A person who says yes to everything, by tick or by phrase. */
export const yes: Person = ({ requestedSchema }) => ({
  action: 'accept',
  content: Object.fromEntries(
    Object.entries(requestedSchema.properties).map(([key, { type, description }]) => [
      key,
      type === 'boolean' ? true : `${description}`.replace('Type: ', ''),
    ]),
  ),
});

const fronts = new Map<Sandbox, { reshaper: ReturnType<typeof startReshaper>; servers: number }>();

/** What reshapes the answers of an account: at one address for all servers on it, since a job is of an address. */
function frontOf(sandbox: Sandbox, options: Parameters<typeof startReshaper>[1]) {
  const front = fronts.get(sandbox) ?? { reshaper: startReshaper(sandbox, options), servers: 0 };
  fronts.set(sandbox, front);
  front.servers += 1;
  return {
    reshaper: front.reshaper,
    async leave() {
      front.servers -= 1;
      if (front.servers > 0) return;
      fronts.delete(sandbox);
      await (await front.reshaper).close();
    },
  };
}

/** No test opens a window on somebody's desktop. */
const noBrowser = () => Promise.reject(new Error('no browser'));

/** Sandbox, server and a real SDK client, joined in memory. */
export async function startApp({
  person,
  takes = 2000,
  clock = () => performance.now(),
  config = {},
  sandbox: options = {},
  account,
  shape = shapeOf(process.env.TELNYX_SHAPE),
  reads = [],
  ...around
}: Options = {}): Promise<Started> {
  const sandbox = account ?? (await startSandbox(options));
  const front = shape && frontOf(sandbox, { shape, reads });
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-test-'));
  const log: string[] = [];
  const env = {
    TELNYX_API_KEY: sandbox.apiKey,
    TELNYX_BASE_URL: ((await front?.reshaper) ?? sandbox).baseUrl,
    TELNYX_MCP_STATE_DIR: stateDir,
  };
  let read = 0;
  const app = createSession(
    { ...loadConfig(['--log-level', 'debug'], env).config, ...config },
    { writeLog: (line) => log.push(line), launch: noBrowser, clock: () => clock() + read, ...around },
  );
  const [here, there] = InMemoryTransport.createLinkedPair();
  const engine = await serveHandshake(app, async () => app, there);
  const asked: Asked[] = [];
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: person ? { elicitation: { form: {} } } : {} },
  );
  if (person) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params as Asked);
      read += takes;
      return person(params as Asked);
    });
  }
  await client.connect(here);
  return {
    app,
    client,
    sandbox,
    stateDir,
    asked,
    log,
    call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as CallToolResult,
    async [Symbol.asyncDispose]() {
      await client.close();
      await engine.close();
      await app.close();
      await front?.leave();
      if (!account) await sandbox.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** The text of a result, as a model without structured content would read it. */
export function textOf(result: CallToolResult): string {
  return result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

/** The structured content of a result, loosely typed for assertions. */
export function dataOf<T = Record<string, unknown>>(result: CallToolResult): T {
  return result.structuredContent as T;
}

export interface ToolFailure {
  code: string;
  message: string;
  next: string;
  http_status?: number;
  telnyx?: Record<string, string>;
  request_id?: string;
  retry_after_seconds?: number;
}

const ERROR = 'error: ';

/** The error of a failed result; throws when the call went well. */
export function errorOf(result: CallToolResult): ToolFailure {
  const text = textOf(result);
  if (!result.isError || !text.startsWith(ERROR)) throw new Error(`expected a failure, got ${text}`);
  return JSON.parse(text.slice(ERROR.length)) as ToolFailure;
}
