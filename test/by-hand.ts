import { PassThrough } from 'node:stream';
import { serveStdio } from '../src/front/mcp/stdio.ts';
import { type Options, type Started, startApp } from './app.ts';

/** What a request at protocol 2026-07-28 says of itself. */
export const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'by hand', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
};

interface Response {
  result?: {
    resultType?: string;
    requestState?: string;
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
    inputRequests?: Record<string, { params: { message: string } }>;
    tools?: unknown[];
  };
  error?: { code: number; data?: unknown };
}

/** The opener and its engines on streams in memory, spoken to line by line, as no honest client would. */
export interface ByHand extends AsyncDisposable {
  t: Started;
  input: PassThrough;
  /** Everything the server wrote. */
  stdout(): string;
  send(line: string): void;
  request(method: string, params?: object): Promise<Response>;
}

export async function startByHand(options: Options = {}): Promise<ByHand> {
  const t = await startApp(options);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const engine = serveStdio({ session: async () => t.app, sandbox: t.app.sandbox }, input, output);
  const waiting = new Map<number, (response: Response) => void>();
  let written = '';
  let read = 0;
  output.setEncoding('utf8').on('data', (text: string) => {
    written += text;
    for (let end = written.indexOf('\n', read); end >= 0; end = written.indexOf('\n', read)) {
      const message = JSON.parse(written.slice(read, end)) as { id: number } & Response;
      read = end + 1;
      waiting.get(message.id)?.(message);
    }
  });
  let id = 0;
  const send = (line: string): void => void input.write(`${line}\n`);
  return {
    t,
    input,
    stdout: () => written,
    send,
    request(method, params = {}) {
      id += 1;
      const answer = new Promise<Response>((resolve) => waiting.set(id, resolve));
      send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await engine.close();
      await t[Symbol.asyncDispose]();
    },
  };
}

/** The same, with every request at protocol 2026-07-28; `capabilities` replaces what the client says it can. */
export async function startStateless(options: Options = {}) {
  const byHand = await startByHand(options);
  return {
    ...byHand,
    request(method: string, params: object = {}, capabilities?: object): Promise<Response> {
      const meta = { ...MODERN, ...(capabilities && { 'io.modelcontextprotocol/clientCapabilities': capabilities }) };
      return byHand.request(method, { ...params, _meta: meta });
    },
  };
}
