import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** An address that no key in the keychain of whoever runs this is for. */
export const NOBODY = 'http://127.0.0.1:9/v2';
const GUARD = new URL('./loopback-only.mjs', import.meta.url).href;

interface Message {
  id?: number | string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: unknown };
}

export interface ServerProcess extends AsyncDisposable {
  child: ChildProcessWithoutNullStreams;
  stateDir: string;
  /** Every byte the server wrote. */
  stdout(): string;
  stderr(): string;
  send(line: string): void;
  request(method: string, params?: object): Promise<Message>;
  call(name: string, args?: object, meta?: object): Promise<Record<string, unknown>>;
  /** Resolves with the exit status. */
  exited: Promise<number | null>;
}

/** The built server as a real process, spoken to line by line, so that nothing it writes goes unseen. */
export async function startProcess({
  args = [],
  env = {},
  elicit,
  initialize = true,
  imports = [],
  fileBlocks,
  within = [],
}: {
  args?: string[];
  env?: Record<string, string>;
  /** What a person says to a question; undefined for one who does not answer. */
  elicit?: (params: unknown) => object | undefined;
  initialize?: boolean;
  /** Modules loaded before the server. */
  imports?: string[];
  /** The largest file it may write, in blocks of 512 bytes: a full disk, as far as a process can tell. */
  fileBlocks?: number;
  /** A command that runs the server, such as one that puts it into a namespace. */
  within?: readonly string[];
} = {}): Promise<ServerProcess> {
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-process-'));
  const { PATH = '', HOME = '' } = process.env;
  const modules = [GUARD, ...imports].flatMap((module) => ['--import', module]);
  const node = [...within, process.execPath, ...modules, MAIN, ...args];
  const limited = ['sh', '-c', `ulimit -f ${fileBlocks}; exec "$@"`, 'sh', ...node];
  const [command = '', ...rest] = fileBlocks === undefined ? node : limited;
  const child = spawn(command, rest, {
    env: { PATH, HOME, CI: '1', TELNYX_BASE_URL: NOBODY, TELNYX_MCP_STATE_DIR: stateDir, ...env },
  });
  const written = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => (written.stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text) => (written.stdout += text));
  child.stdin.on('error', () => undefined);
  const waiting = new Map<number, (message: Message) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    if (message.method === 'elicitation/create') {
      const result = elicit ? elicit(message.params) : { action: 'cancel' };
      if (result) send(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
    } else if (typeof message.id === 'number') waiting.get(message.id)?.(message);
  });
  // Not 'exit': what it wrote last may be read only after that.
  const exited = once(child, 'close').then(([status]) => status as number | null);
  let lastId = 0;
  const send = (line: string): void => void child.stdin.write(`${line}\n`);
  const request = (method: string, params: object = {}): Promise<Message> => {
    const id = ++lastId;
    send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    return Promise.race([
      answer,
      exited.then((status) => Promise.reject(new Error(`server exited with ${status}: ${written.stderr}`))),
    ]);
  };
  if (initialize) {
    const capabilities = elicit ? { elicitation: { form: {} } } : {};
    await request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: { name: 'test', version: '1' },
    });
    send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  }
  return {
    child,
    stateDir,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    send,
    request,
    exited,
    call: async (name, args = {}, meta) => {
      const { result, error } = await request('tools/call', { name, arguments: args, ...(meta && { _meta: meta }) });
      if (!result) throw new Error(JSON.stringify(error));
      return result;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
