import { isDeepStrictEqual } from 'node:util';
import * as jsonc from 'jsonc-parser';

/** How a text of JSON is laid out. */
interface Style {
  /** One step of indentation. */
  unit: string;
  eol: string;
}

const isOneLine = (text: string): boolean => !/[\r\n]/.test(text);

/** Takes a text and its parsed top; gives the layout to go on with. */
function styleOf(text: string, root: jsonc.Node): Style {
  const first = root.children?.[0];
  const indent = first && !isOneLine(text.slice(0, first.offset)) ? indentOf(text, first.offset) : '';
  return { unit: indent.slice(0, 10) || '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

/** The white space that the line of `offset` begins with. */
function indentOf(text: string, offset: number): string {
  let from = offset;
  while (from > 0 && text[from - 1] !== '\n') from -= 1;
  return /^[ \t]*/.exec(text.slice(from, offset))?.[0] ?? '';
}

/** A value as JSON: over several lines below `indent`, or on one, where a list may have spaces. */
function printed(value: unknown, flat: 'spaced' | 'tight' | false, indent: string, style: Style): string {
  if (flat === 'spaced' && Array.isArray(value)) return `[${value.map((one) => JSON.stringify(one)).join(', ')}]`;
  if (flat === 'tight' || typeof value !== 'object') return JSON.stringify(value);
  return JSON.stringify(value, null, style.unit).replaceAll('\n', `${style.eol}${indent}`);
}

type Path = readonly (string | number)[];

/** A value put at a path, or taken away when undefined; a path that ends in 0 puts it first in a list. */
export interface Change {
  path: Path;
  value: unknown;
}

const OPTIONS = { allowTrailingComma: true };

/** Takes JSON with comments and trailing commas; gives its value. Throws SyntaxError, which quotes nothing, for anything else. */
export function readJson(text: string): unknown {
  const errors: jsonc.ParseError[] = [];
  const value: unknown = jsonc.parse(text, errors, OPTIONS);
  if (errors.length > 0) throw new SyntaxError('not JSON');
  return value;
}

/**
 * Takes a text of JSON with an object at its top, and a change; gives the text with nothing else touched: comments,
 * layout and line ends stay. Throws SyntaxError when the outcome would not be just that, as where a name stands twice.
 *
 * `modify` of jsonc-parser loses comments beside what it removes, and adding and removing do not give back the same bytes.
 */
export function changed(text: string, { path, value }: Change): string {
  const root = jsonc.parseTree(text, [], OPTIONS);
  if (!root) throw new SyntaxError('not JSON');
  const edits = value === undefined ? removal(text, root, path) : addition(text, root, path, value);
  const after = jsonc.applyEdits(text, edits);
  if (!isDeepStrictEqual(readJson(after), replaced(readJson(text), path, value))) {
    throw new SyntaxError('not JSON that can be changed in one place');
  }
  return after;
}

function addition(text: string, root: jsonc.Node, path: Path, value: unknown): jsonc.Edit[] {
  const style = styleOf(text, root);
  const present = path.at(-1) === 0 ? undefined : jsonc.findNodeAtLocation(root, [...path]);
  if (present) {
    const { offset, length } = present;
    const flat = isOneLine(text.slice(offset, offset + length));
    return [{ offset, length, content: printed(value, flat && 'spaced', indentOf(text, offset), style) }];
  }
  let depth = path.length - 1;
  while (depth > 0 && !jsonc.findNodeAtLocation(root, path.slice(0, depth))) depth -= 1;
  const container = jsonc.findNodeAtLocation(root, path.slice(0, depth)) ?? root;
  const wrapped = path
    .slice(depth + 1)
    .reduceRight<unknown>((inner, key) => (typeof key === 'number' ? [inner] : { [key]: inner }), value);
  return [insertion(text, container, path[depth], wrapped, style, container === root)];
}

/** First in its container, so that not a comma or comment of the others has to move. */
function insertion(
  text: string,
  container: jsonc.Node,
  key: string | number | undefined,
  value: unknown,
  style: Style,
  atTop: boolean,
): jsonc.Edit {
  const item = (flat: 'tight' | false, indent: string): string =>
    `${typeof key === 'string' ? `${JSON.stringify(key)}:${flat ? '' : ' '}` : ''}${printed(value, flat, indent, style)}`;
  const open = container.offset + 1;
  const close = container.offset + container.length - 1;
  const first = container.children?.[0];
  if (first) {
    const between = text.slice(open, first.offset);
    if (isOneLine(between)) {
      const lead = /^[ \t]*/.exec(between)?.[0] ?? '';
      return { offset: open, length: 0, content: `${lead}${item('tight', '')},` };
    }
    // A comment on the line of the bracket is about what it opens.
    const about = /^[ \t]*(\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*(?=\r?\n))/.exec(between)?.[0].length ?? 0;
    const indent = indentOf(text, first.offset);
    return { offset: open + about, length: 0, content: `${style.eol}${indent}${item(false, indent)},` };
  }
  if (!atTop && isOneLine(text.trim())) return { offset: close, length: 0, content: item('tight', '') };
  const base = indentOf(text, container.offset);
  const at = open + text.slice(open, close).trimEnd().length;
  const indent = base + style.unit;
  const content = `${style.eol}${indent}${item(false, indent)}${style.eol}${base}`;
  return { offset: at, length: close - at, content };
}

function removal(text: string, root: jsonc.Node, path: Path): jsonc.Edit[] {
  const node = jsonc.findNodeAtLocation(root, [...path]);
  const item = node?.parent?.type === 'property' ? node.parent : node;
  const siblings = item?.parent?.children;
  if (!item?.parent || !siblings) return [];
  const end = item.offset + item.length;
  const comma = commaAfter(text, end);
  const until = comma === undefined ? end : comma + 1;
  const open = item.parent.offset + 1;
  const close = item.parent.offset + item.parent.length - 1;
  const alone = siblings.length === 1;
  if (alone && (text.slice(open, item.offset) + text.slice(until, close)).trim() === '') {
    return [{ offset: open, length: close - open, content: '' }];
  }
  const before = siblings[siblings.indexOf(item) - 1];
  const theirs = comma === undefined && before ? commaAfter(text, before.offset + before.length) : undefined;
  return [...(theirs === undefined ? [] : [{ offset: theirs, length: 1, content: '' }]), gap(text, item.offset, until)];
}

/** The piece from `start` to `end` with the white space before it; of a line that goes on, only the piece. */
function gap(text: string, start: number, end: number): jsonc.Edit {
  let from = start;
  while (from > 0 && /[ \t]/.test(text[from - 1] ?? '')) from -= 1;
  if (text[from - 1] !== '\n') return { offset: from, length: end - from, content: '' };
  const rest = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
  if (!/[\r\n]/.test(text[end + rest] ?? '\n')) return { offset: start, length: end + rest - start, content: '' };
  from -= text[from - 2] === '\r' ? 2 : 1;
  return { offset: from, length: end - from, content: '' };
}

function commaAfter(text: string, offset: number): number | undefined {
  const scanner = jsonc.createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',' ? scanner.getTokenOffset() : undefined;
}

/** The value as it should be after a change. */
function replaced(whole: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const list = Array.isArray(whole) ? whole : [];
    return value === undefined ? list.filter((_, at) => at !== key) : [value, ...list];
  }
  const { [key]: inner, ...others } = (whole ?? {}) as Record<string, unknown>;
  const now = replaced(inner, rest, value);
  return now === undefined ? others : { ...others, [key]: now };
}
