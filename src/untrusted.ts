/**
 * Invisible and steering characters: controls, line and paragraph separators, zero-width and bidirectional marks, and
 * the tag block that can hide text from a person while a model reads it.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u{E0000}-\u{E0FFF}]+/gu;

/** Most names by far, known at a glance. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** A text with every run of characters that nobody sees replaced by a space, so that it can steer no terminal. */
export const visible = (text: string): string => text.replace(UNSEEN, ' ');

/** What could end a quotation, or begin one. */
const MARKS = '"\\u00ab\\u00bb\\u2018-\\u201f\\u2032-\\u203a\\u275b-\\u275e\\u300c-\\u300f\\u301d-\\u301f\\uff02';
const QUOTES = new RegExp(`['${MARKS}]{2,}|[${MARKS}]`, 'gu');

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
  const line = visible(text).replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}
