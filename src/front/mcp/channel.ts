import type { Message, Wire } from './wire.ts';

/**
 * What an engine is connected to: it writes through to the wire, and gets the messages the opener hands on. Closing it
 * leaves the wire open, so that a probing engine can make way for another.
 */
export class Channel {
  onmessage?: (message: object) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly #wire: Wire;
  readonly #unanswered = new Set<string | number>();
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
    this.#unanswered.delete(id as string | number);
    this.#answered();
  }

  /** Has the engine's answer to this request dropped: the client has it already. */
  answered({ id }: Message): void {
    this.#greeted = id;
  }

  deliver(message: Message): void {
    if (message.method !== undefined && message.id !== undefined) this.#unanswered.add(message.id);
    this.onmessage?.(message);
    // A request that was cancelled gets no answer.
    if (message.method === 'notifications/cancelled') this.#settle(message.params?.requestId);
  }

  /** Resolves when every request handed on has its answer written, or was cancelled. */
  async settled(): Promise<void> {
    while (this.#unanswered.size > 0) {
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
