import type { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { App } from '../app.ts';
import type { About } from './about.ts';
import { Channel } from './channel.ts';
import type { Engine } from './engine.ts';
import { greetingTo } from './greeting.ts';
import { type Message, Wire } from './wire.ts';

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

// An SDK drops a request whose fields are not of the protocol's types, without an answer.
const LONGER_THAN_A_CALL_MS = 30_000;

interface Served {
  engine: Engine;
  channel: Channel;
  /** A probing client has asked only what the server speaks, and may still open with `initialize`. */
  era: 'handshake' | 'stateless' | 'probing';
}

interface Server extends About {
  /** The app, made for the first request that needs it. */
  app(): Promise<App>;
}

/**
 * Serves one client on a pair of streams. Its first message tells which protocol generation it speaks; only that engine
 * is loaded, and an `initialize` is answered before it is. A message that claims a version in its `_meta` is of 2026-07-28
 * or later, any other is older.
 */
export function serveStdio(server: Server, input: Readable, output: Writable): Engine {
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
    served.channel.deliver(message);
  }

  async function openHandshake(message: Message): Promise<Served> {
    const channel = new Channel(wire);
    const greeting = greetingTo(message, server);
    if (greeting) {
      await wire.send(greeting);
      channel.answered(message);
    }
    const { serveHandshake } = await import('./handshake.ts');
    return { engine: await serveHandshake(server, server.app, channel), channel, era: 'handshake' };
  }

  async function openStateless(): Promise<Served> {
    const { serveStateless } = await import('./stateless.ts');
    const channel = new Channel(wire);
    return { engine: serveStateless(await server.app(), channel), channel, era: 'probing' };
  }

  const tell = async (): Promise<void> => {
    await server.app().then(
      ({ log }) => log('error', 'a message could not be handed on'),
      () => undefined,
    );
  };

  return {
    async drain() {
      await queue;
      // An SDK takes a while to hand on what it was given, and to send what came of it; a cancelled call has no answer.
      const answered = Promise.all([served?.channel.settled(), served?.engine.drain()]);
      await Promise.race([answered, setTimeout(LONGER_THAN_A_CALL_MS, undefined, { ref: false })]);
    },
    close: async () => served?.engine.close(),
  };
}

const claimsVersion = ({ params }: Message): boolean => params?._meta?.[VERSION_KEY] !== undefined;
