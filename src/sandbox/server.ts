import { once } from 'node:events';
import { createServer } from 'node:http';
import { exchange } from './exchange.ts';
import { type Fault, Faults } from './faults.ts';
import { alphanumerics, hex, secretBytes } from './random.ts';
import { Gateway, type RateLimit } from './rate-limit.ts';
import { refuse } from './replies.ts';
import { seedWorld } from './seed.ts';
import { type SeenRequest, send } from './wire.ts';
import type { World } from './world.ts';

export interface SandboxOptions {
  /** How many telephony credentials the account has; about 30 unless told. */
  credentials?: number;
  apiKey?: string;
  now?: () => Date;
  latencyMs?: number;
  /** Whether answers carry fields that were seen on the wire and that the spec does not declare; not unless told. */
  undeclared?: boolean;
  /** None unless told. */
  rateLimit?: RateLimit;
  port?: number;
}

export interface Sandbox extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v2` */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly world: World;
  /** Every request received, oldest first, the last 10,000 of them. */
  readonly requests: readonly SeenRequest[];
  /** How long each answer waits, in milliseconds; may be changed at any time. */
  latencyMs: number;
  /** How many requests are let through; may be changed at any time. */
  rateLimit: RateLimit | undefined;
  /** How many requests were let through, and how many answered 429 for the rate limit. */
  readonly allowed: number;
  readonly refused: number;
  /** Queues a fault: the first one that is due for a request is used up by it. */
  fault(fault: Fault): void;
  clearFaults(): void;
  /** Ends open sockets too, hanging answers included. */
  close(): Promise<void>;
}

const REMEMBERED = 10_000;
const KEEP_ALIVE_MS = 60_000;

/** Starts a Telnyx look-alike on loopback, with an account to play with; secrets in it are random. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const apiKey = options.apiKey ?? `KEY${hex(secretBytes, 16).toUpperCase()}_${alphanumerics(secretBytes, 22)}`;
  const world = seedWorld(options.now ?? (() => new Date()), options.credentials, options.undeclared);
  const faults = new Faults();
  const gateway = new Gateway();
  const requests: SeenRequest[] = [];

  const server = createServer((incoming, outgoing) => {
    exchange(incoming, outgoing, house).catch((error: unknown) => {
      // A client that gave up; nobody is left to answer.
      if (outgoing.destroyed || outgoing.headersSent) return;
      const { reply } = refuse(500, '10007', { detail: String(error) });
      outgoing.setHeader('date', world.now().toUTCString());
      send(outgoing, reply).catch(() => outgoing.destroy());
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;

  const sandbox: Sandbox = {
    baseUrl: `http://127.0.0.1:${port}/v2`,
    apiKey,
    world,
    requests,
    latencyMs: options.latencyMs ?? 0,
    rateLimit: options.rateLimit,
    get allowed() {
      return gateway.allowed;
    },
    get refused() {
      return gateway.refused;
    },
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
  const house = {
    apiKey,
    world,
    faults,
    latencyMs: () => sandbox.latencyMs,
    // The real clock, not the account's: a test may have stopped that one.
    pass: () => gateway.take(sandbox.rateLimit, Date.now()),
    remember: (request: SeenRequest) => {
      requests.push(request);
      if (requests.length > REMEMBERED) requests.shift();
    },
  };
  return sandbox;
}
