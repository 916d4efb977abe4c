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
export const INVALID_REQUEST = -32600;

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
    if (isMessage(message)) this.#onMessage(message);
    else this.#refuse(INVALID_REQUEST, 'The line is not one JSON-RPC 2.0 message.');
  }

  #refuse(code: number, message: string): void {
    void this.send({ jsonrpc: '2.0', error: { code, message } });
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null || !('jsonrpc' in value) || value.jsonrpc !== '2.0') return false;
  const { method, params, id, ...rest } = value as Record<string, unknown>;
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') return false;
  if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params))) return false;
  return typeof method === 'string' || (id !== undefined && ('result' in rest || 'error' in rest));
}
