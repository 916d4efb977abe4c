import { inspect } from 'node:util';

const UNPRINTED = '[secret]';

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
    return UNPRINTED;
  }

  toJSON(): string {
    return UNPRINTED;
  }

  [inspect.custom](): string {
    return UNPRINTED;
  }
}

const HIDDEN = '[redacted]';

// Shorter values are common words and numbers: replacing them would wreck honest text.
const SHORTEST = 8;

// Known pieces by their first eight characters, so that one pass over a text finds any of tens of thousands of them.
const pieces = new Map<string, string[]>();

/** Secrets recognised by their look, should one arrive that was never wrapped: PEM keys, JWTs, bearer headers. */
const SHAPES = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\bBearer\s+[\w.~+/=-]{8,}/g,
];

/** Makes a secret known to `redact`, line by line, since a PEM key can come back re-wrapped, escaped or squeezed. */
export function remember(value: string): void {
  for (const piece of value.split(/\s+|\\n/)) {
    if (piece.length < SHORTEST || /^(-+|\*+|-----.*)$/.test(piece)) continue;
    const start = piece.slice(0, SHORTEST);
    const known = pieces.get(start);
    if (!known) pieces.set(start, [piece]);
    else if (!known.includes(piece)) known.push(piece);
    // The longest first: a piece must not stop a longer one from being hidden whole.
    known?.sort((a, b) => b.length - a.length);
  }
}

/** The text without any secret ever wrapped in this process, and without anything shaped like one. */
export function redact(text: string): string {
  let shaped = text;
  for (const shape of SHAPES) shaped = shaped.replace(shape, HIDDEN);
  let out = '';
  let from = 0;
  for (let at = 0; at + SHORTEST <= shaped.length; ) {
    const piece = pieces.get(shaped.slice(at, at + SHORTEST))?.find((known) => shaped.startsWith(known, at));
    if (piece === undefined) {
      at += 1;
      continue;
    }
    out += shaped.slice(from, at) + HIDDEN;
    at += piece.length;
    from = at;
  }
  return from === 0 ? shaped : out + shaped.slice(from);
}

/** A JSON value with `redact` applied to every string in it: a secret can hide from a line behind JSON's escapes. */
export function redactDeep<T>(value: T): T;
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactDeep(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactDeep(item)]));
}
