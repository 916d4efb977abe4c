import { isRecord } from './basics.ts';

/**
 * Invisible and steering characters: controls, line and paragraph separators, zero-width and bidirectional marks, fillers,
 * and the tag block that can hide text from a person while a model reads it. The inside of a class, with the flag u.
 */
export const UNSEEN =
  '\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u2800\\u{E0000}-\\u{E0FFF}';
const RUNS_UNSEEN = new RegExp(`[${UNSEEN}]+`, 'gu');

/** Combining marks with no letter to stand on, which would change the character before them, as our quotation mark. */
const STRAY_MARKS = /(?<![\p{L}\p{N}\p{M}])\p{M}+/gu;

/** More marks than a letter has in any language (UTS #39 5.4): a stack of them covers the lines around it. */
const STACKED_MARKS = /(?<=\p{M}{4})\p{M}+/gu;

/** Most names by far, known at a glance. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** A text with every run of characters that nobody sees replaced by a space, so that it can steer no terminal. */
export const visible = (text: string): string => text.replace(RUNS_UNSEEN, ' ');

// What UTS #39 takes for one or for two apostrophes, and ornaments; but for letters, which names are written with.
const LIKE_ONE =
  '`\\u00b4\\u02b9\\u02bb-\\u02be\\u02c8\\u02ca\\u02cb\\u02f4\\u0374\\u0384\\u055a\\u055d\\u05f3\\u07f4\\u07f5\\u1fbd\\u1fbf\\u1fef\\u1ffd\\u1ffe\\u2032\\u2035\\ua78c\\uff40';
const LIKE_TWO =
  '\\u02ba\\u02dd\\u02ee\\u02f6\\u05f4\\u1cd3\\u2033\\u2034\\u2036\\u2037\\u2057\\u275b-\\u275e\\u3003\\u{1f676}-\\u{1f678}';

/** What could end a quotation, or begin one. */
const QUOTES = new RegExp(`[\\p{Quotation_Mark}${LIKE_ONE}${LIKE_TWO}]{2,}|[\\p{Quotation_Mark}${LIKE_TWO}]`, 'gu');

/** A string from outside between quotes, which it cannot end: nothing in it passes for the sentence around it. */
export const quoted = (text: string, max?: number): string => `"${oneLine(text, max).replace(QUOTES, "'")}"`;

/** The same, without quotes for what is one plain word. */
export const plainly = (text: string): string => (/^[\w.@+-]{1,128}$/.test(text) ? text : quoted(text));

/**
 * A string from outside as one visible line of at most `max` characters. Names, aliases and error texts come from
 * whoever can write to the account, and go on to a model and to the person who approves a deletion.
 */
export function oneLine(text: string, max = 255): string {
  if (text.length <= max && PLAIN.test(text)) return text;
  const line = visible(text).replace(STRAY_MARKS, '').replace(STACKED_MARKS, '').replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}

type Row = Record<string, unknown>;

/** A result as short text: `key: value` lines, objects indented, lists as a line per row under their columns' names. */
export function render(result: Row): string {
  return Object.entries(result)
    .map(([key, value]) => {
      if (isRows(value)) return table(key, value);
      return isRecord(value) ? `${key}:\n${render(value).replace(/^/gm, '  ')}` : `${key}: ${cell(value)}`;
    })
    .join('\n');
}

function table(key: string, rows: Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(' | '));
  return [`${key} (${rows.length})`, ...(rows.length > 0 ? [columns.join(' | ')] : []), ...lines].join('\n');
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value ?? null) ?? '');
}

const isRows = (value: unknown): value is Row[] => Array.isArray(value) && value.every(isRecord);

/** A number with its word, in the plural where that is right. */
export const count = (number: number, [one, many]: readonly [string, string]): string =>
  `${number} ${number === 1 ? one : many}`;
