import { type Node, type ParseError, parseTree } from 'jsonc-parser';
import { Unfit } from './destination.ts';

/** What stands at the top level of a JSON text by its names; what is no text as it is written. Throws `Unfit`. */
export const readJson = (text: string): Map<string, string> =>
  new Map(
    propertiesOf(text).map(({ key, value: { type, value, offset, length } }) => [
      key,
      type === 'string' ? String(value) : text.slice(offset, offset + length),
    ]),
  );

/**
 * A JSON text with these texts at its top level: in place where their names stand, behind the last one where they do not.
 * All else stays byte for byte. Throws `Unfit` for what is no object, and for a name that is there twice.
 */
export function mergeJson(text: string, values: Record<string, string>): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  let merged = text.trim() === '' ? `{${end}}${end}` : text;
  for (const [key, value] of Object.entries(values)) merged = set(merged, key, JSON.stringify(value), end);
  return merged;
}

function set(text: string, key: string, value: string, end: string): string {
  const all = propertiesOf(text);
  const [found, ...others] = all.filter((property) => property.key === key);
  if (others.length > 0) throw new Unfit(`${key} is in it more than once`);
  const put = (from: number, to: number, what: string) => text.slice(0, from) + what + text.slice(to);
  if (found) return put(found.value.offset, found.value.offset + found.value.length, value);
  const last = all.at(-1)?.value;
  const open = text.indexOf('{', objectIn(text).offset) + 1;
  const entry = `${JSON.stringify(key)}: ${value}`;
  const line = `${end}${/^[ \t]+(?=["/])/m.exec(text)?.[0] ?? '  '}${entry}`;
  if (!last) return put(open, open, /^[ \t]*\r?\n/.test(text.slice(open)) ? line : line + end);
  const at = last.offset + last.length;
  // An object on one line stays on it.
  return put(at, at, `,${text.slice(open, at).includes('\n') ? line : ` ${entry}`}`);
}

function objectIn(text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || root?.type !== 'object') throw new Unfit('it does not hold a JSON object');
  return root;
}

function propertiesOf(text: string): { key: string; value: Node }[] {
  if (text.trim() === '') return [];
  return (objectIn(text).children ?? []).map(({ children: [name, value] = [] }) => {
    if (!name || !value) throw new Unfit('it does not hold a JSON object');
    return { key: String(name.value), value };
  });
}
