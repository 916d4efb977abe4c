import type { Node } from 'jsonc-parser';

/** How a text of JSON is laid out. */
export interface Style {
  /** One step of indentation. */
  unit: string;
  eol: string;
}

export const isOneLine = (text: string): boolean => !/[\r\n]/.test(text);

/** Takes a text and its parsed top; gives the layout to go on with. */
export function styleOf(text: string, root: Node): Style {
  const first = root.children?.[0];
  const indent = first && !isOneLine(text.slice(0, first.offset)) ? indentOf(text, first.offset) : '';
  return { unit: indent.slice(0, 10) || '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

/** The white space that the line of `offset` begins with. */
export function indentOf(text: string, offset: number): string {
  let from = offset;
  while (from > 0 && text[from - 1] !== '\n') from -= 1;
  return /^[ \t]*/.exec(text.slice(from, offset))?.[0] ?? '';
}

/** A value as JSON: over several lines below `indent`, or on one, where a list may have spaces. */
export function printed(value: unknown, flat: 'spaced' | 'tight' | false, indent: string, style: Style): string {
  if (flat === 'spaced' && Array.isArray(value)) return `[${value.map((one) => JSON.stringify(one)).join(', ')}]`;
  if (flat === 'tight' || typeof value !== 'object') return JSON.stringify(value);
  return JSON.stringify(value, null, style.unit).replaceAll('\n', `${style.eol}${indent}`);
}
