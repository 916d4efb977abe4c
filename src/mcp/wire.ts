import type { Readable, Writable } from 'node:stream';

/** A JSON-RPC message as far as the opener needs to know it. */
export interface Message {
  jsonrpc: '2.0';
  id?: string | number;
  method?: string;
  params?: { [key: string]: unknown; _meta?: Record<string, unknown> };
}

const MOST_BYTES = 10 * 1024 * 1024;
const NEWLINE = 0x0a;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const RELATED_TASK = 'io.modelcontextprotocol/related-task';

/**
 * JSON-RPC over a pair of streams, a message a line. Lines that are no message are answered with an error and forgotten:
 * broken JSON, batches (gone from MCP since 2025-06-18), lines over 10 MB, of which no more than that is ever held.
 */
export class Wire {
  readonly #output: Writable;
  readonly #onMessage: (message: Message) => void;
  #held: Buffer[] = [];
  #size = 0;

  constructor(input: Readable, output: Writable, onMessage: (message: Message) => void) {
    this.#output = output;
    this.#onMessage = onMessage;
    input.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** Resolves when the message is written, or cannot be. */
  send(message: object): Promise<void> {
    return new Promise((resolve) => {
      this.#output.write(`${JSON.stringify(message)}\n`, () => resolve());
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
    if (size > MOST_BYTES) this.#refuse(INVALID_REQUEST, 'The message is too large.');
    else if (line !== '') this.#read(line);
  }

  #read(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#refuse(PARSE_ERROR, 'The line is not JSON.');
      return;
    }
    const known = messageIn(message);
    if (known) this.#onMessage(known);
    else this.#refuse(INVALID_REQUEST, 'The line is not one JSON-RPC 2.0 message of MCP.', requestIdIn(message));
  }

  #refuse(code: number, message: string, id?: Message['id']): void {
    void this.send({ jsonrpc: '2.0', ...(id !== undefined && { id }), error: { code, message } });
  }
}

/**
 * The message of a line, without members that JSON-RPC does not know. Undefined where there is none, or one that the SDKs
 * would drop without an answer, so that a client waited for ever.
 */
function messageIn(value: unknown): Message | undefined {
  if (!isObject(value) || value.jsonrpc !== '2.0') return undefined;
  const { id, method, params, result, error } = value;
  if (id !== undefined && !isId(id)) return undefined;
  if (method === undefined)
    return id !== undefined && (result ?? error) !== undefined ? (value as unknown as Message) : undefined;
  if (typeof method !== 'string' || (params !== undefined && !(isObject(params) && isMeta(params._meta))))
    return undefined;
  return { jsonrpc: '2.0', ...(id !== undefined && { id }), method, ...(params !== undefined && { params }) };
}

/** What whoever sent a request that is none waits for an answer to. */
const requestIdIn = (value: unknown): Message['id'] =>
  isObject(value) && typeof value.method === 'string' && isId(value.id) ? value.id : undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is string | number => typeof value === 'string' || Number.isSafeInteger(value);

function isMeta(meta: unknown): boolean {
  if (meta === undefined) return true;
  if (!isObject(meta)) return false;
  const { progressToken, [RELATED_TASK]: task } = meta;
  return (progressToken === undefined || isId(progressToken)) && (task === undefined || isTask(task));
}

const isTask = (task: unknown): boolean => isObject(task) && typeof task.taskId === 'string';
