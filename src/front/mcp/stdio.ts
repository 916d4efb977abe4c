import type { Readable, Writable } from 'node:stream';
import { isRecord } from '../../core/basics.ts';
import type { Session } from '../../host/session.ts';
import { type About, CAPABILITIES, type Engine, instructionsFor, serverInfo } from './engine.ts';
import { INVALID_PARAMS, INVALID_REQUEST, type Message, readLine, refusalOf } from './message.ts';

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
    isRecord(capabilities) &&
    Object.values(capabilities).every(isRecord) &&
    isRecord(clientInfo) &&
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
    // An answer or a notification says nothing of who opens.
    if (!served && (message.id === undefined || message.method === undefined)) return;
    if (served?.era === 'probing' && !claimsVersion(message)) {
      await served.channel.settled();
      await served.engine.close();
      served = undefined;
    }
    served ??= claimsVersion(message) ? await openStateless() : await openHandshake(message);
    if (served.era === 'probing' && message.method !== 'server/discover') served.era = 'stateless';
    const refusal = refusalBy(served.engine, message);
    if (!refusal) served.channel.deliver(message);
    else if (!served.channel.hasAnswer(message)) await wire.write(refusal);
  }

  async function openHandshake(message: Message): Promise<Served> {
    const channel = new Channel(wire);
    const greeting = greetingTo(message, server);
    if (greeting) {
      await wire.send(greeting);
      channel.answered(message);
    }
    const { serveHandshake } = await import('./engine-2025.ts');
    return { engine: await serveHandshake(server, server.session, channel), channel, era: 'handshake' };
  }

  async function openStateless(): Promise<Served> {
    const { serveStateless } = await import('./engine-2026.ts');
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

/** What both engines answer, and an SDK refuses for its params under the code of a fault of its own. */
const METHODS: readonly string[] = [
  'initialize',
  ...['tools/list', 'tools/call', 'prompts/list', 'prompts/get', 'completion/complete'],
  ...['resources/list', 'resources/templates/list', 'resources/read'],
];

/** The line that refuses a request which an engine would drop, or explain in the words of its schemas. */
function refusalBy({ takes, fits }: Engine, message: Message): string | undefined {
  const { id, method } = message;
  if (id === undefined || method === undefined) return undefined;
  if (!takes(message)) return refusalOf(INVALID_REQUEST, 'This is no request of MCP.', JSON.stringify(id));
  if (!METHODS.includes(method) || fits(message)) return undefined;
  return refusalOf(INVALID_PARAMS, `The params are not those of ${method}.`, JSON.stringify(id));
}

const claimsVersion = ({ params }: Message): boolean => params?._meta?.[VERSION_KEY] !== undefined;

const MOST_BYTES = 10 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * JSON-RPC over a pair of streams, a message a line. Lines that are no message are answered with an error and forgotten:
 * broken JSON, batches (gone from MCP since 2025-06-18), lines over 10 MB, of which no more than that is ever held.
 */
class Wire {
  readonly #output: Writable;
  readonly #onMessage: (message: Message) => void;
  #held: Buffer[] = [];
  #size = 0;

  constructor(input: Readable, output: Writable, onMessage: (message: Message) => void) {
    this.#output = output;
    this.#onMessage = onMessage;
    input.on('data', (chunk: Buffer) => this.#take(chunk));
    // The last line may come without its newline.
    input.on('end', () => this.#endLine());
  }

  /** Resolves when the message is written, or cannot be. */
  send(message: object): Promise<void> {
    return this.write(JSON.stringify(message));
  }

  /** The same for a message that is a line already. */
  write(line: string): Promise<void> {
    return new Promise((resolve) => {
      this.#output.write(`${line}\n`, () => resolve());
    });
  }

  #take(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  #hold(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > MOST_BYTES) this.#held = [];
    else if (part.length > 0) this.#held.push(part);
  }

  #endLine(): void {
    const [size, line] = [this.#size, Buffer.concat(this.#held).toString('utf8').trim()];
    this.#held = [];
    this.#size = 0;
    if (size > MOST_BYTES) void this.write(refusalOf(INVALID_REQUEST, 'The message is too large.'));
    else if (line !== '') this.#read(line);
  }

  #read(line: string): void {
    const { message, refusal } = readLine(line);
    if (refusal) void this.write(refusal);
    if (message) this.#onMessage(message);
  }
}

/**
 * What an engine is connected to: it writes through to the wire, and gets the messages the opener hands on. Closing it
 * leaves the wire open, so that a probing engine can make way for another.
 */
class Channel {
  onmessage?: (message: object) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly #wire: Wire;
  /** The ids of requests; a client may use one again. */
  readonly #unanswered: unknown[] = [];
  #answered: () => void = () => undefined;
  #closed = false;
  #greeted: string | number | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  async send(message: object): Promise<void> {
    if (this.#closed) return;
    if ('id' in message && !('method' in message) && message.id === this.#greeted) this.#greeted = undefined;
    else await this.#wire.send(message);
    if ('id' in message && !('method' in message)) this.#settle(message.id);
  }

  #settle(id: unknown): void {
    const at = this.#unanswered.indexOf(id);
    if (at >= 0) this.#unanswered.splice(at, 1);
    this.#answered();
  }

  /** Has the engine's answer to this request dropped: the client has it already. */
  answered({ id }: Message): void {
    this.#greeted = id;
  }

  /** Whether the client has the answer to this request already; the engine is not going to see it. */
  hasAnswer({ id }: Message): boolean {
    const has = id !== undefined && id === this.#greeted;
    if (has) this.#greeted = undefined;
    return has;
  }

  deliver(message: Message): void {
    if (message.method !== undefined && message.id !== undefined) this.#unanswered.push(message.id);
    this.onmessage?.(message);
    // A request that was cancelled gets no answer.
    if (message.method === 'notifications/cancelled') this.#settle(message.params?.requestId);
  }

  /** Resolves when every request handed on has its answer written, or was cancelled. */
  async settled(): Promise<void> {
    while (this.#unanswered.length > 0) {
      await new Promise<void>((resolve) => {
        this.#answered = resolve;
      });
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.onclose?.();
  }
}
