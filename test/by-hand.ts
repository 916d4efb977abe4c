import { PassThrough } from 'node:stream';
import { serveStdio } from '../src/mcp/stdio.ts';
import { type Options, type Started, startApp } from './app.ts';

const VERSION = '2026-07-28';

interface Response {
  result?: {
    resultType?: string;
    requestState?: string;
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
    inputRequests?: Record<string, { params: { message: string } }>;
  };
  error?: { code: number };
}

export interface ByHand extends AsyncDisposable {
  t: Started;
  request(method: string, params?: object, capabilities?: object): Promise<Response>;
}

/** Speaks protocol 2026-07-28 to a server by hand, so that it can be told what no honest client would say. */
export async function startStateless(options: Options = {}): Promise<ByHand> {
  const t = await startApp(options);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const engine = serveStdio(t.app, input, output);
  const waiting = new Map<number, (response: Response) => void>();
  let held = '';
  output.on('data', (chunk: Buffer) => {
    const lines = (held + chunk.toString()).split('\n');
    held = lines.pop() ?? '';
    for (const message of lines.map((line) => JSON.parse(line) as { id: number } & Response))
      waiting.get(message.id)?.(message);
  });
  let id = 0;
  return {
    t,
    request: (method, params = {}, capabilities = { elicitation: { form: {} } }) => {
      id += 1;
      const meta = {
        'io.modelcontextprotocol/protocolVersion': VERSION,
        'io.modelcontextprotocol/clientInfo': { name: 'by hand', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': capabilities,
      };
      const answer = new Promise<Response>((resolve) => waiting.set(id, resolve));
      input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } })}\n`);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await engine.close();
      await t[Symbol.asyncDispose]();
    },
  };
}
