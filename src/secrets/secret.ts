import { inspect } from 'node:util';
import { remember } from './redact.ts';

const HIDDEN = '[secret]';

/**
 * A value that will not print itself: not by interpolation, `JSON.stringify`, `console`, `inspect` or
 * `structuredClone`. Wrapping also makes the value known to `redact`, the second net under every output.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    remember(value);
  }

  /** The value itself. Call it only where it leaves for Telnyx, for a hash, or for the place a person chose. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
