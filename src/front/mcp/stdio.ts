import type { Readable, Writable } from 'node:stream';
import type { Session } from '../../host/session.ts';
import { type About, CAPABILITIES, instructionsFor, serverInfo } from './about.ts';
import { Channel } from './channel.ts';
import type { Engine } from './engine.ts';
import { INVALID_REQUEST, type Message, Wire } from './wire.ts';

/** The versions that open with `initialize`, as the engine for them knows them. */
export const HANDSHAKE_VERSIONS: readonly unknown[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];

/**
 * The answer to an `initialize` that leaves nothing to judge, the same that the engine will give: the client goes on while
 * that loads. Undefined for any other message, whose answer has to wait.
 */
export function greetingTo({ id, method, params }: Message, about: About): object | undefined {
  const { protocolVersion, capabilities, clientInfo } = params ?? {};
  const plain =
    method === 'initialize' &&
    id !== undefined &&
    HANDSHAKE_VERSIONS.includes(protocolVersion) &&
    isObject(capabilities) &&
    Object.values(capabilities).every(isObject) &&
    isObject(clientInfo) &&
    typeof clientInfo.name === 'string' &&
    typeof clientInfo.version === 'string';
  if (!plain) return undefined;
  const result = {
    protocolVersion,
    capabilities: CAPABILITIES,
    serverInfo: serverInfo(about),
    instructions: instructionsFor(about),
  };
  return { jsonrpc: '2.0', id, result };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

interface Served {
  engine: Engine;
  channel: Channel;
  /** A probing client has asked only what the server speaks, and may still open with `initialize`. */
  era: 'handshake' | 'stateless' | 'probing';
}

interface Server extends About {
  /** The session, made for the first request that needs it. */
  session(): Promise<Session>;
}

/**
 * Serves one client on a pair of streams. Its first message tells which protocol generation it speaks; only that engine
 * is loaded, and an `initialize` is answered before it is. A message that claims a version in its `_meta` is of 2026-07-28
 * or later, any other is older.
 */
export function serveStdio(server: Server, input: Readable, output: Writable): Pick<Engine, 'drain' | 'close'> {
  const wire = new Wire(input, output, (message) => {
    // In order, although an engine takes a while to load.
    queue = queue.then(() => handOn(message)).catch(tell);
  });
  let queue = Promise.resolve();
  let served: Served | undefined;

  async function handOn(message: Message): Promise<void> {
    if (served?.era === 'probing' && !claimsVersion(message)) {
      await served.channel.settled();
      await served.engine.close();
      served = undefined;
    }
    served ??= claimsVersion(message) ? await openStateless() : await openHandshake(message);
    if (served.era === 'probing' && message.method !== 'server/discover') served.era = 'stateless';
    const { id, method } = message;
    if (id === undefined || method === undefined || served.engine.takes(message)) served.channel.deliver(message);
    else
      await wire.send({ jsonrpc: '2.0', id, error: { code: INVALID_REQUEST, message: 'This is no request of MCP.' } });
  }

  async function openHandshake(message: Message): Promise<Served> {
    const channel = new Channel(wire);
    const greeting = greetingTo(message, server);
    if (greeting) {
      await wire.send(greeting);
      channel.answered(message);
    }
    const { serveHandshake } = await import('./handshake.ts');
    return { engine: await serveHandshake(server, server.session, channel), channel, era: 'handshake' };
  }

  async function openStateless(): Promise<Served> {
    const { serveStateless } = await import('./stateless.ts');
    const channel = new Channel(wire);
    return { engine: serveStateless(await server.session(), channel), channel, era: 'probing' };
  }

  const tell = async (): Promise<void> => {
    await server.session().then(
      ({ log }) => log('error', 'a message could not be handed on'),
      () => undefined,
    );
  };

  return {
    async drain() {
      await queue;
      // An SDK takes a while to hand on what it was given, and to send what came of it; a cancelled call has no answer.
      await Promise.all([served?.channel.settled(), served?.engine.drain()]);
    },
    close: async () => served?.engine.close(),
  };
}

const claimsVersion = ({ params }: Message): boolean => params?._meta?.[VERSION_KEY] !== undefined;
