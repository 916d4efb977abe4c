import { Unfit } from './destination.ts';

/**
 * One assignment as the `dotenv` of npm takes it: a value between quotation marks of one kind may run over lines, any other
 * ends at its line or at a `#`.
 */
const ASSIGNMENT =
  /^([ \t]*(?:export[ \t]+)?)([\w.-]+)(?:[ \t]*=|:(?=[ \t]))[ \t]*(?:("(?:\\"|[^"])*"|'(?:\\'|[^'])*'|`(?:\\`|[^`])*`)[ \t]*|([^#\r\n]*))(#[^\r\n]*)?$/gm;

/** What ends a line for some readers and not for others: odd characters, and for dotenv a line break before a value. */
const ODD_BREAKS =
  /\r(?!\n)|[\u2028\u2029\0]|^[ \t]*[^\S \t\r\n]|^[ \t]*=|^[ \t]*(?:export\s+)?[\w.-]+:\r?$|[=:][ \t]*\r?\n(?:[ \t]*\r?\n)*[ \t]*['"`]/m;

/**
 * A value that `dotenv`, `docker --env-file` and bash read alike without quotation marks; with them, docker would take the
 * marks for a part of it. Bash puts a home folder in place of a `~` that begins a word.
 */
const PLAIN = /^[\w.+/@%,:=-]+$/;

/** The values of a dotenv text by their names; of one that is there twice the last, as its readers take it. */
export const readDotenv = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(ASSIGNMENT)].map(([, , key = '', quoted, bare = '']) => [
      key,
      quoted?.slice(1, -1) ?? bare.trim(),
    ]),
  );

/**
 * A dotenv text with these values: in place where their names stand, at the end where they do not. All else stays byte for
 * byte, but that a comment behind a value of ours goes to a line above, since docker takes it for a part of the value. Throws
 * `Unfit` when `dotenv`, docker and bash, as far as they could read the text before, would not all read it and the values so.
 */
export function mergeDotenv(text: string, values: Record<string, string>): string {
  if (ODD_BREAKS.test(text)) throw new Unfit('it has line breaks that its readers disagree about');
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const missing = new Map(Object.entries(values));
  for (const [name, value] of missing) {
    if (!PLAIN.test(value))
      throw new Unfit(`the value of ${name} has characters that dotenv, docker and bash read differently`);
  }
  const replaced = text.replace(ASSIGNMENT, (line, before: string, key: string, _, bare = '', comment?: string) => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value === undefined) return line;
    // For bash there is more on this line than the value.
    if (!/^[^\s;&|<>()`\\'"]*$/.test(bare.trim())) throw new Unfit(`what it has under ${key} is read differently`);
    missing.delete(key);
    return `${comment === undefined ? '' : `${comment}${end}`}${before}${key}=${value}`;
  });
  const gap = replaced === '' || replaced.endsWith('\n') ? '' : end;
  const added = [...missing].map(([key, value]) => `${key}=${value}${end}`).join('');
  const merged = added === '' ? replaced : replaced + gap + added;
  for (const read of [readDotenv, readDocker, readBash]) {
    const [before, after] = [read(text), read(merged)];
    if (!before || (after && isSame(new Map([...before, ...Object.entries(values)]), after))) continue;
    throw new Unfit('dotenv, docker and bash read its quotation marks or line breaks differently');
  }
  return merged;
}

const isSame = (one: Map<string, string>, other: Map<string, string>): boolean =>
  one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);

/** What `docker --env-file` reads of a text; undefined when it refuses it. It knows no quotation marks and no `export`. */
function readDocker(text: string): Map<string, string> | undefined {
  const read = new Map<string, string>();
  for (const line of text.split(/\r?\n/).map((each) => each.trimStart())) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/.exec(line) ?? [];
    if (line === '' || line.startsWith('#')) continue;
    if (name === '' || /\s/.test(name)) return undefined;
    if (value !== undefined) read.set(name, value);
  }
  return read;
}

/** A word of bash, quotations and variables as they are written (bash manual, "Quoting"); a command in it is not known. */
const WORD = /(?:[^\s'"\\$`&;|<>()]|\$(?=[\w{])|'[^']*'|"(?:[^"\\$`]|\$(?!\()|\\[\s\S])*"|\\(?:[\s\S]|$))*/y;
const BEGIN = /(?:[ \t\n]|#[^\n]*)*(?:export[ \t]+)?/y;
const NAME = /([A-Za-z_]\w*)=/y;
const END = /[ \t]*(?:[ \t]#[^\n]*)?(?:\n|$)/y;

/** What bash reads of a text by `source`; undefined when that is more than assignments. */
function readBash(text: string): Map<string, string> | undefined {
  // It takes the carriage return for a part of the value.
  if (text.includes('\r')) return undefined;
  const read = new Map<string, string>();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (take(BEGIN); at < text.length; take(BEGIN)) {
    const [, name] = take(NAME) ?? [];
    const [word] = (name !== undefined && take(WORD)) || [];
    if (name === undefined || word === undefined || !take(END)) return undefined;
    // Compared with itself alone, so its quotation marks may stay.
    read.set(name, word);
  }
  return read;
}
