import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface Account {
  baseUrl: string;
  apiKey: string;
}

interface Answer {
  id?: number;
  result?: unknown;
  error?: { message: string };
}

export interface Process extends AsyncDisposable {
  readonly pid: number;
  /** The next line of its stdout. */
  line(): Promise<string>;
  send(message: object): void;
  kill(): void;
}

const LEAVING_MS = 10_000;

/**
 * A Node process with the given script and nothing of this shell's settings that could change what it does. Its stderr is
 * shown unless told, or goes to an open file.
 */
export function launch(
  script: URL,
  args: readonly (string | number)[] = [],
  env: Record<string, string> = {},
  stderr: 'inherit' | 'ignore' | number = 'inherit',
): Process {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TELNYX_|NODE_)/.test(name));
  const child = spawn(process.execPath, [fileURLToPath(script), ...args.map(String)], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['pipe', 'pipe', stderr],
  });
  const { stdin, stdout } = child as ChildProcessByStdio<Writable, Readable, null>;
  // One that is gone is noticed by what it does not answer.
  stdin.on('error', () => undefined);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? -1,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${script.pathname.split('/').pop()} ended before it answered`);
      return value;
    },
    send: (message) => void stdin.write(`${JSON.stringify(message)}\n`),
    kill: () => void child.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      stdin.end();
      // Not every server leaves with its client.
      const limit = setTimeout(() => child.kill('SIGKILL'), LEAVING_MS);
      await exited;
      clearTimeout(limit);
    },
  };
}

/** The sandbox in a process of its own: inside this one it would slow down whoever is measured. */
export async function launchSandbox(credentials: number, latencyMs: number): Promise<Account & AsyncDisposable> {
  const sandbox = launch(new URL('./sandbox-process.js', import.meta.url), [credentials, latencyMs]);
  return {
    ...(JSON.parse(await sandbox.line()) as Account),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
}

let lastId = 0;

/** Asks an MCP server on stdio, one request at a time. */
export async function ask(server: Process, method: string, params: object = {}): Promise<unknown> {
  const id = ++lastId;
  server.send({ jsonrpc: '2.0', id, method, params });
  for (;;) {
    const answer = JSON.parse(await server.line()) as Answer;
    if (answer.id !== id) continue;
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }
}

const clientInfo = { name: 'bench', version: '0' };

/** The first half of the handshake, which a server must answer; `listTools` and `ping` send the other. */
export function initialize(server: Process): Promise<unknown> {
  return ask(server, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
}

export function listTools(server: Process): Promise<unknown> {
  server.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return ask(server, 'tools/list');
}

/** Ends the handshake and waits until whatever answers requests is there. */
export function ping(server: Process): Promise<unknown> {
  server.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return ask(server, 'ping');
}

// Only Linux tells the peak of another process.
export const memoryKind = process.platform === 'linux' ? 'peak, VmHWM' : 'present resident size, ps';

/** Megabytes of memory of a running process. */
export function memoryOf({ pid }: Process): number {
  const kilobytes =
    process.platform === 'linux'
      ? /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
  return Number(kilobytes) / 1024;
}
