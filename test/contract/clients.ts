import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as Client2, type ClientOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type CallToolResult, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Sandbox } from '../../src/sandbox/server.ts';

/** The clients there are: both SDKs, and the second in each way it can open a connection. */
export const CLIENTS = ['v1', 'v2 legacy', 'v2 auto', 'v2 pinned to 2026-07-28'] as const;
export type ClientKind = (typeof CLIENTS)[number];

export type Elicit = (
  message: string,
  properties: Record<string, { type: string; description?: string | undefined }>,
) => Said | Promise<Said>;

/** Not an interface: the SDKs want to know of every other field. */
type Said = {
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, string | boolean>;
};

interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { progress: number }) => void;
  timeout?: number;
  resetTimeoutOnProgress?: boolean;
}

/** What a session does, whichever client it is done with. */
export interface Session extends AsyncDisposable {
  version: string | undefined;
  serverName: string | undefined;
  instructions: string | undefined;
  listTools(): Promise<{ name: string; inputSchema: object; outputSchema?: object | undefined }[]>;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallToolResult>;
  listResources(): Promise<{ uri: string; name: string }[]>;
  listTemplates(): Promise<{ uriTemplate: string; name: string }[]>;
  read(uri: string): Promise<unknown>;
  listPrompts(): Promise<{ name: string; arguments?: object[] | undefined }[]>;
  getPrompt(name: string, args: Record<string, string>): Promise<{ messages: object[] }>;
  complete(
    ref: { type: 'ref/prompt'; name: string } | { type: 'ref/resource'; uri: string },
    name: string,
    value: string,
  ): Promise<{ values: string[] }>;
}

const SERVER = fileURLToPath(new URL('./server.mjs', import.meta.url));
const GUARD = new URL('../loopback-only.mjs', import.meta.url).href;

/** Starts the server as a child process on the given sandbox and connects a client; `elicit` undefined declares none. */
export async function connect(kind: ClientKind, sandbox: Sandbox, elicit?: Elicit): Promise<Session> {
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-contract-'));
  const env = {
    PATH: process.env.PATH ?? '',
    // No test opens a window on somebody's desktop.
    CI: '1',
    TELNYX_API_KEY: sandbox.apiKey,
    TELNYX_BASE_URL: sandbox.baseUrl,
    TELNYX_MCP_STATE_DIR: stateDir,
  };
  const server = { command: process.execPath, args: ['--import', GUARD, SERVER], env, stderr: 'ignore' as const };
  const session = await (kind === 'v1' ? connect1(server, elicit) : connect2(server, kind, elicit));
  return {
    ...session,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

type Server = ConstructorParameters<typeof Stdio1>[0];
const INFO = { name: 'contract', version: '1' };

async function connect1(server: Server, elicit: Elicit | undefined): Promise<Session> {
  const client = new Client1(INFO, { capabilities: elicit ? { elicitation: {} } : {} });
  if (elicit)
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) =>
      elicit(params.message, 'requestedSchema' in params ? params.requestedSchema.properties : {}),
    );
  await client.connect(new Stdio1(server));
  return {
    version: '2025-11-25',
    serverName: client.getServerVersion()?.name,
    instructions: client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    call: async (name, args = {}, options = {}) =>
      (await client.callTool({ name, arguments: args }, undefined, options)) as CallToolResult,
    listResources: async () => (await client.listResources()).resources,
    listTemplates: async () => (await client.listResourceTemplates()).resourceTemplates,
    read: async (uri) => (await client.readResource({ uri })).contents,
    listPrompts: async () => (await client.listPrompts()).prompts,
    getPrompt: (name, args) => client.getPrompt({ name, arguments: args }),
    complete: async (ref, name, value) => (await client.complete({ ref, argument: { name, value } })).completion,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connect2(server: Server, kind: ClientKind, elicit: Elicit | undefined): Promise<Session> {
  const mode = kind === 'v2 legacy' ? 'legacy' : kind === 'v2 auto' ? 'auto' : { pin: '2026-07-28' };
  const options: ClientOptions = {
    capabilities: elicit ? { elicitation: { form: {} } } : {},
    versionNegotiation: { mode },
  };
  const client = new Client2(INFO, options);
  if (elicit)
    client.setRequestHandler('elicitation/create', async ({ params }) =>
      elicit(params.message, 'requestedSchema' in params ? params.requestedSchema.properties : {}),
    );
  await client.connect(new Stdio2(server));
  return {
    version: client.getNegotiatedProtocolVersion(),
    serverName: client.getServerVersion()?.name,
    instructions: client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    call: async (name, args = {}, options = {}) =>
      (await client.callTool({ name, arguments: args }, options)) as CallToolResult,
    listResources: async () => (await client.listResources()).resources,
    listTemplates: async () => (await client.listResourceTemplates()).resourceTemplates,
    read: async (uri) => (await client.readResource({ uri })).contents,
    listPrompts: async () => (await client.listPrompts()).prompts,
    getPrompt: (name, args) => client.getPrompt({ name, arguments: args }),
    complete: async (ref, name, value) => (await client.complete({ ref, argument: { name, value } })).completion,
    [Symbol.asyncDispose]: () => client.close(),
  };
}
