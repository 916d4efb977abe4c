import { inspect } from 'node:util';
import { UNSEEN } from '../core/text.ts';

const UNPRINTED = '[secret]';

/**
 * A value that will not print itself: not by interpolation, `JSON.stringify`, `console`, `inspect` or
 * `structuredClone`. Wrapping also makes the value known to `redact`, the second net under every output, but for a `local`
 * one: it goes nowhere and so cannot come back, and whoever can have a file wrapped could blank out words with it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string, use: 'sent' | 'local' = 'sent') {
    this.#value = value;
    if (use === 'sent') remember(value);
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

/** What stands in place of a secret. */
export const HIDDEN = '[redacted]';

// Shorter values are common words and numbers: replacing them would wreck honest text.
const SHORTEST = 8;
// What is this long is random, and hidden where only a part of it comes back. Of a shorter one a part may be a word.
const LONG = 32;
const PART = 16;
const STEP = 4;
// The longest key that is taken has half of that. What an API that lies calls a secret must not fill the memory.
const MOST_OF_A_SECRET = 16_384;
// Of a hundred thousand credentials there are half as many.
const MOST_PIECES = 2_000_000;

/** Values of fewer than `LONG` characters, and parts of longer ones. */
const pieces = new Set<string>();
/** The first eight characters of pieces, and which lengths (a bit each) pieces have that begin so. */
const lengths = new Map<string, number>();

/**
 * Makes a secret known to `redact`, without its blanks and the frame of a PEM key, which can come back re-wrapped,
 * escaped or squeezed. Each step is bounded: no set of secrets makes a search longer than its text.
 */
export function remember(value: string): void {
  const bare = value.slice(0, MOST_OF_A_SECRET).replace(/-----[A-Z ]*-----|(?<=[\w+/=-])\\[nr]/g, ' ');
  const text = squeezed(bare)?.text ?? bare;
  if (text.length < SHORTEST || /^[-*]*$/.test(text)) return;
  if (text.length < LONG) {
    learn(text);
    return;
  }
  for (let at = 0; at + PART <= text.length; at += STEP) learn(text.slice(at, at + PART));
  learn(text.slice(-PART));
}

function learn(piece: string): void {
  if (pieces.size >= MOST_PIECES) return;
  const start = piece.slice(0, SHORTEST);
  pieces.add(piece);
  lengths.set(start, (lengths.get(start) ?? 0) | (1 << (piece.length - SHORTEST)));
}

type Span = readonly [from: number, to: number];

/** The text without any secret ever wrapped in this process, and without anything shaped like one, however escaped. */
export function redact(text: string): string {
  let out = '';
  let from = 0;
  for (const [start, end] of merged(secretsIn(text))) {
    out += text.slice(from, start) + HIDDEN;
    from = end;
  }
  return from === 0 ? text : out + text.slice(from);
}

/** Whether `redact` would take something out of the text. */
export const holdsSecret = (text: string): boolean => secretsIn(text).length > 0;

function secretsIn(text: string): Span[] {
  const found = shapesIn(text);
  // Also as it is: an escape that was put before a secret swallows its first characters.
  for (const folded of [squeezed(text), ...unescaped(text)]) {
    const searched = folded?.text ?? text;
    found.push(...within(folded, piecesIn(searched)), ...within(folded, encodedIn(searched)));
  }
  return found;
}

const within = (folded: Folded | undefined, spans: Span[]): Span[] =>
  folded ? spans.map(([from, to]) => [folded.from[from] ?? 0, folded.to[to - 1] ?? 0]) : spans;

/** Where pieces stand; each place of the text is looked at once for each length that there is. */
function piecesIn(text: string): Span[] {
  const found: Span[] = [];
  for (let at = 0; at + SHORTEST <= text.length; at += 1) {
    const known = lengths.get(text.slice(at, at + SHORTEST)) ?? 0;
    for (let length = LONG - 1; known !== 0 && length >= SHORTEST; length -= 1) {
      if ((known & (1 << (length - SHORTEST))) === 0 || !pieces.has(text.slice(at, at + length))) continue;
      found.push([at, at + length]);
      break;
    }
  }
  return found;
}

const IS_TEXT = /^[\t\n\r\x20-\x7e]*$/;

/** Where pieces stand in base64, wherever in a group of four it begins. */
function encodedIn(text: string): Span[] {
  const found: Span[] = [];
  for (const { 0: all, 1: run = '', index } of text.matchAll(/([\w+/-]{11,})={0,2}/g)) {
    for (const skipped of [0, 1, 2, 3]) {
      const bytes = Buffer.from(run.slice(skipped), 'base64').toString('latin1');
      // At the wrong beginning it is no text, whose blanks would be looked for one by one.
      const bare = IS_TEXT.test(bytes) ? squeezed(bytes) : undefined;
      for (const [from, to] of within(bare, piecesIn(bare?.text ?? bytes))) {
        const end = skipped + Math.ceil((to * 4) / 3);
        found.push([index + skipped + Math.floor((from * 4) / 3), index + (end < run.length ? end : all.length)]);
      }
    }
  }
  return found;
}

/** What looks like a secret, should one arrive that was never wrapped. A repetition in them never follows its like. */
const KEY = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
const BEARER = /\bBearer\s{1,8}[\w.~+/=-]{8,}/g;
const DOTTED = /[\w.-]{20,}/g;

function shapesIn(text: string): Span[] {
  const found: Span[] = [];
  for (const shape of [KEY, BEARER])
    for (const { 0: match, index } of text.matchAll(shape)) found.push([index, index + match.length]);
  for (const { 0: run, index } of text.matchAll(DOTTED)) {
    const token = tokenIn(run);
    if (token) found.push([index + token[0], index + token[1]]);
  }
  return found;
}

/** Where a JWT stands in a run of its characters: from the first part that begins like one to the end of the run. */
function tokenIn(run: string): Span | undefined {
  let [start, end] = [0, run.length];
  while (run[end - 1] === '.') end -= 1;
  const parts = run.split('.');
  for (const [n, part] of parts.entries()) {
    const head = part.search(/\beyJ[\w-]{8}/);
    if (head >= 0 && (parts[n + 1]?.length ?? 0) >= 8 && n + 2 < parts.length) return [start + head, end];
    start += part.length + 1;
  }
  return undefined;
}

/** The spans in order, those that overlap or touch as one. */
function merged(spans: Span[]): Span[] {
  const all: Span[] = [];
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last && from <= last[1]) all[all.length - 1] = [last[0], Math.max(last[1], to)];
    else all.push([from, to]);
  }
  return all;
}

/** A JSON value with `redact` applied to every string in it: a secret can hide from a line behind JSON's escapes. */
export function redactDeep<T>(value: T): T;
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactDeep(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactDeep(item)]));
}

/** A text in another form, and which part of the first each of its characters stands for. */
interface Folded {
  text: string;
  from: readonly number[];
  to: readonly number[];
}

/** What a comparison stumbles over and a reader does not see: white space, and what `visible` takes away. */
const BLANK = new RegExp(`[\\s${UNSEEN}]`, 'u');
const BLANKS = new RegExp(BLANK, 'gu');
/** The escapes of URLs, of HTML, and of JSON and the languages that write strings like it, by the sign of each. */
const ESCAPES = {
  '%': '%[\\da-f]{2}',
  '&': '&(?:#\\d{1,7}|#x[\\da-f]{1,6}|amp|lt|gt|quot|apos);',
  '\\': '\\\\(?:u[\\da-f]{4}|u\\{[\\da-f]{1,6}\\}|x[\\da-f]{2}|[^ux])',
};
const pattern = (escapes: readonly string[]): RegExp => new RegExp([BLANK.source, ...escapes].join('|'), 'giu');
const EACH = Object.entries(ESCAPES).map(([sign, one]) => [sign, pattern([one])] as const);
const ALL = pattern(Object.values(ESCAPES));
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const MOST_CODE_POINT = 0x10ffff;

/** The text without blanks; undefined when it has none. */
const squeezed = (text: string): Folded | undefined => fold(text, BLANKS, () => '');

/** The text without blanks, its escapes undone once: those of each language alone, and all of them when it has several. */
function unescaped(text: string): Folded[] {
  const used = EACH.filter(([sign]) => text.includes(sign)).map(([, escapes]) => escapes);
  return (used.length > 1 ? [...used, ALL] : used).flatMap((one) => fold(text, one, meaning) ?? []);
}

function fold(text: string, pattern: RegExp, meant: (found: string) => string): Folded | undefined {
  const [parts, from, to]: [string[], number[], number[]] = [[], [], []];
  let next = 0;
  const copy = (until: number): void => {
    parts.push(text.slice(next, until));
    for (; next < until; next += 1) {
      from.push(next);
      to.push(next + 1);
    }
  };
  for (const { 0: found, index } of text.matchAll(pattern)) {
    copy(index);
    next += found.length;
    const meaning = meant(found);
    parts.push(meaning);
    for (let unit = 0; unit < meaning.length; unit += 1) {
      from.push(index);
      to.push(next);
    }
  }
  if (next === 0) return undefined;
  copy(text.length);
  return { text: parts.join(''), from, to };
}

/** What an escape stands for, or nothing when that is blank. */
function meaning(found: string): string {
  const said = unescapedCharacter(found);
  return BLANK.test(said) ? '' : said;
}

function unescapedCharacter(found: string): string {
  const [sign, kind = ''] = [found[0], found[1]];
  if (sign === '%') return character(found.slice(1), 16);
  if (sign === '&') {
    const name = found.slice(1, -1).toLowerCase();
    if (kind !== '#') return NAMED[name] ?? '';
    return name[1] === 'x' ? character(name.slice(2), 16) : character(name.slice(1), 10);
  }
  if (sign !== '\\') return '';
  if (/[ux]/i.test(kind)) return character(found.slice(2).replace(/[{}]/g, ''), 16);
  return /[bfnrt]/.test(kind) ? '' : found.slice(1);
}

function character(digits: string, base: number): string {
  const code = Number.parseInt(digits, base);
  return code <= MOST_CODE_POINT ? String.fromCodePoint(code) : '';
}
