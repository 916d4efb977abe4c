import { execFile } from 'node:child_process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type CallToolResult, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { textOf, yes } from '../app.ts';
import { MAIN } from '../process.ts';

const GUARD = new URL('../loopback-only.mjs', import.meta.url).href;
// A call has 20 seconds at the product. One that is not answered by then hangs, and must not keep the run from ending.
const PATIENCE_MS = 90_000;
// What an agent is told when the product has a fault.
const OWN_FAULT = 'Something inside this server failed';

interface Account {
  baseUrl: string;
  apiKey: string;
  /** A folder that is there already: state, home and the files of the person. */
  folder: string;
}

export interface Session extends AsyncDisposable {
  client: Client;
  /** Calls a tool and gives its result, be it an error; throws when the product says that it failed, or nothing at all. */
  call(name: string, args?: object): Promise<CallToolResult>;
  /** The structured content of a call that must go well. */
  must<T>(name: string, args?: object): Promise<T>;
  /** Runs the program's own look at everything, to its end; gives what it printed. */
  doctor(): Promise<string>;
}

/** Starts the built server on an account, with a real client on its stdio and a person who says yes to everything. */
export async function startSession({ baseUrl, apiKey, folder }: Account): Promise<Session> {
  const { PATH = '' } = process.env;
  const node = ['--import', GUARD, MAIN];
  const env = {
    ...{ PATH, HOME: folder, CI: '1', TELNYX_API_KEY: apiKey, TELNYX_BASE_URL: baseUrl },
    ...{ TELNYX_MCP_STATE_DIR: folder, TELNYX_MCP_ALLOW_DIRS: folder },
  };
  const client = new Client({ name: 'prism', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => yes(params as Parameters<typeof yes>[0]));
  await client.connect(new StdioClientTransport({ command: process.execPath, args: node, env, stderr: 'ignore' }));
  const call = async (name: string, args: object = {}): Promise<CallToolResult> => {
    const result = await client.callTool({ name, arguments: { ...args } }, undefined, { timeout: PATIENCE_MS });
    const said = textOf(result as CallToolResult);
    if (said.includes(OWN_FAULT)) throw new Error(`${name}: ${said}`);
    return result as CallToolResult;
  };
  return {
    client,
    call,
    async must<T>(name: string, args: object = {}) {
      const result = await call(name, args);
      if (result.isError) throw new Error(`${name} ${JSON.stringify(args)}: ${textOf(result)}`);
      return result.structuredContent as T;
    },
    doctor: () =>
      new Promise((resolve, reject) => {
        execFile(process.execPath, [...node, 'doctor'], { env, timeout: PATIENCE_MS }, (error, stdout, stderr) =>
          // It ends with another status than 0 when something is amiss; by a signal when it hung.
          error?.signal ? reject(error) : resolve(stdout + stderr),
        );
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
