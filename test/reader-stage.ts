import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../src/secrets/secret.ts';
import { createClient } from '../src/telnyx/client.ts';
import type { Http } from '../src/telnyx/http.ts';
import { Refusals } from '../src/telnyx/refusals.ts';

/** An answer: a status alone, a body that is sent as JSON (a text as it is), or silence. */
export type Given = number | { body: unknown; date?: string } | 'hangs';

export interface Asked {
  path: string;
  query: URLSearchParams;
}

export interface Reading extends AsyncDisposable {
  /** Within the time of one call, until the signal. */
  http(signal?: AbortSignal): Http;
  refusals: Refusals;
  /** In order, tries of the same request included. */
  asked: Asked[];
}

const LIMITS = { requestMs: 1000, callMs: 20_000, recoveryMs: 100 };

/** The real client of what answers as `give` says. */
export async function startReading(give: (asked: Asked) => Given, limits = LIMITS): Promise<Reading> {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(`${request.url}`, 'http://localhost');
    const one = { path: pathname.replace('/v2/', ''), query: searchParams };
    asked.push(one);
    const given = give(one);
    if (given === 'hangs') return;
    if (typeof given === 'number') {
      response.writeHead(given, { 'retry-after': '0' }).end();
      return;
    }
    if (given.date !== undefined) response.setHeader('date', given.date);
    response.end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const open = createClient({
    baseUrl: `http://127.0.0.1:${port}/v2`,
    apiKey: new Secret('KEYtest'),
    version: '1',
    limits,
    log: () => undefined,
  });
  return {
    http: (signal = new AbortController().signal) => open({ signal }),
    refusals: new Refusals(),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
