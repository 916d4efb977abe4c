import { UNSEEN } from '../core/text.ts';

/** A text in another form, and which part of the first each of its characters stands for. */
export interface Folded {
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
export const squeezed = (text: string): Folded | undefined => fold(text, BLANKS, () => '');

/** The text without blanks, its escapes undone once: those of each language alone, and all of them when it has several. */
export function unescaped(text: string): Folded[] {
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
