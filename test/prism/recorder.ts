import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { operationOf } from '../telnyx/spec.ts';
import { undeclaredKeys } from './document.ts';

/** What Prism holds against a request or its answer, and what it does not look at in a query. */
export interface Violation {
  /** Whose fault it is; `prism` when it could give no answer at all. */
  of: 'request' | 'response' | 'prism';
  says: string;
}

export interface Exchange {
  /** As the specification names it; undefined when it has no such operation. */
  operation: string | undefined;
  /** Method and target, as sent. */
  target: string;
  authorized: boolean;
  status: number;
  violations: readonly Violation[];
}

export interface Recorder extends AsyncDisposable {
  url: string;
  /** Where all is passed on to. A rotation is of an address: one that stays while what is behind it changes. */
  to: string;
  /** All that came through, oldest first. */
  exchanges: readonly Exchange[];
}

interface Reported {
  location: string[];
  severity: string;
  message: string;
}

const told = (location: readonly string[], { severity, message }: Reported): string =>
  `${location.join('.')}: ${message}${severity === 'Error' ? '' : ` (${severity})`}`;

/** What the header says that Prism sets on an answer of others. It is cut when it is long, and then no JSON. */
function fromHeader(header: string): Violation[] {
  if (!header.startsWith('[')) return [{ of: 'request', says: header.slice(0, 500) }];
  return (JSON.parse(header) as Reported[]).map((one) => {
    const [of, ...location] = one.location;
    return { of: of === 'response' ? 'response' : 'request', says: told(location, one) };
  });
}

/** What stands in an answer of Prism's own, which it gives where the specification declares none for such a request. */
function fromProblem(status: number, body: Buffer): Violation[] {
  const problem = JSON.parse(body.toString()) as { type?: string; detail?: string; validation?: Reported[] };
  const of = status < 500 ? 'request' : 'prism';
  const whole = { of, says: `${problem.type} ${problem.detail}` } as const;
  return problem.validation?.map((one) => ({ of, says: told(one.location, one) })) ?? [whole];
}

/** Prism looks for the parameters that are declared and takes no notice of others: a misspelt filter would go unseen. */
const strange = (operation: string | undefined, search: string): Violation[] =>
  undeclaredKeys(operation ?? '', new URLSearchParams(search)).map((key) => ({
    of: 'request',
    says: `query: ${key} is not declared`,
  }));

/** Passes one request on, and its answer back; gives what there is to tell of it. */
async function pass(incoming: IncomingMessage, outgoing: ServerResponse, to: string) {
  const { method = '', url = '', headers } = incoming;
  const onward = request(`${to}${url}`, { method, headers: { ...headers, host: new URL(to).host }, agent: false });
  onward.end(await buffer(incoming));
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  const body = await buffer(answer);
  const { statusCode: status = 0, headers: answered } = answer;
  outgoing.writeHead(status, answered).end(body);
  const header = answered['sl-violations'];
  const own = answered['content-type']?.startsWith('application/problem+json');
  return {
    status,
    violations: [...(header ? fromHeader(String(header)) : []), ...(own ? fromProblem(status, body) : [])],
  };
}

/**
 * Starts a server that passes everything on to Prism and its answers back as they are; gives where it listens and what it
 * saw. Prism says what it holds against an exchange on its answer, which the product has no reason to look for.
 */
export async function startRecorder(to: string): Promise<Recorder> {
  const exchanges: Exchange[] = [];
  const recorder = { to };
  const server = createServer(async (incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const [path = '', search = ''] = url.split(/\?(.*)/s);
    const operation = operationOf(method, path);
    const seen = { operation, target: `${method} ${url}`, authorized: headers.authorization !== undefined };
    try {
      const { status, violations } = await pass(incoming, outgoing, recorder.to);
      exchanges.push({ ...seen, status, violations: [...violations, ...strange(operation, search)] });
    } catch (error) {
      // A client that gave up is no fault of anyone's; all else is Prism's.
      const says = error instanceof Error ? error.message : String(error);
      if (!incoming.socket.destroyed) exchanges.push({ ...seen, status: 0, violations: [{ of: 'prism', says }] });
      outgoing.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(recorder, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  });
}
