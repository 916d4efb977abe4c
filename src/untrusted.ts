/**
 * Invisible and steering characters: controls, line and paragraph separators, zero-width and bidirectional marks, and
 * the tag block that can hide text from a person while a model reads it.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u{E0000}-\u{E0FFF}]+/gu;

/** Most names by far, known at a glance. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** A text with every run of characters that nobody sees replaced by a space, so that it can steer no terminal. */
export const visible = (text: string): string => text.replace(UNSEEN, ' ');

/**
 * A string from outside as one visible line of at most `max` characters. Names, aliases and error texts come from
 * whoever can write to the account, and go on to a model and to the person who approves a deletion.
 */
export function oneLine(text: string, max = 255): string {
  if (text.length <= max && PLAIN.test(text)) return text;
  const line = visible(text).replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}
