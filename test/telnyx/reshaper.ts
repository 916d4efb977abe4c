import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Sandbox } from '../../src/sandbox/server.ts';
import { reshape, type Wanted } from './reshape.ts';

export interface Reshaper extends AsyncDisposable {
  /** As the sandbox's, at another port. */
  readonly baseUrl: string;
  close(): Promise<void>;
}

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const text = (value: string | string[] | undefined) => [value ?? ''].flat().join(', ');

function reshaped(method: string, path: string, { status, headers, body }: Reply, wanted: Wanted): Buffer {
  if (!text(headers['content-type']).startsWith('application/json')) return body;
  const zipped = headers['content-encoding'] === 'gzip';
  let parsed: unknown;
  try {
    parsed = JSON.parse((zipped ? gunzipSync(body) : body).toString());
  } catch {
    // A fault that cut it in half, or made it no JSON at all: that is what the test is about.
    return body;
  }
  const bytes = Buffer.from(JSON.stringify(reshape(method, path, status, parsed, wanted)));
  return zipped ? gzipSync(bytes, { level: 1 }) : bytes;
}

/** Sends a request on; a connection that breaks on one side breaks on the other, and what hangs there hangs here. */
async function forward(incoming: IncomingMessage, outgoing: ServerResponse, to: URL, wanted: Wanted): Promise<void> {
  const method = incoming.method ?? 'GET';
  const target = incoming.url ?? '/';
  const body = await buffer(incoming);
  const onward = request({ host: to.hostname, port: to.port, method, path: target, headers: incoming.headers });
  outgoing.on('close', () => onward.destroy());
  onward.end(body);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  const reply = { status: answer.statusCode ?? 500, headers: answer.headers, body: await buffer(answer) };
  const path = target.replace(/\?.*$/s, '').replace(/^\/v2/, '');
  const sent = reshaped(method, path, reply, wanted);
  outgoing.sendDate = false;
  const changed = sent === reply.body ? {} : { 'content-length': String(sent.length) };
  const { connection: _, 'keep-alive': __, ...headers } = reply.headers;
  outgoing.writeHead(reply.status, { ...headers, ...changed });
  outgoing.end(sent);
}

/** Puts a server before a sandbox that has its answers in another shape, and ends with it; it keeps nothing itself. */
export async function startReshaper(sandbox: Sandbox, wanted: Wanted): Promise<Reshaper> {
  const to = new URL(sandbox.baseUrl);
  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing, to, wanted).catch(() => incoming.socket.resetAndDestroy());
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  // Where the account is gone, a connection must be refused and not broken: only the one is sure to have done nothing.
  const end = sandbox.close;
  sandbox.close = async () => {
    await close();
    await end();
  };
  return { baseUrl: `http://127.0.0.1:${port}/v2`, close, [Symbol.asyncDispose]: close };
}
