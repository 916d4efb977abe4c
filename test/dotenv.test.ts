import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeDotenv } from '../src/secrets/dotenv.ts';

const OURS = { TELNYX_SIP_USERNAME: 'gencred7', TELNYX_SIP_PASSWORD: 'p%40ss,w/o+rd==' };

/** What the text becomes, or why it may not. */
function merged(text: string, values: Record<string, string> = OURS): { text: string } | { why: string } {
  try {
    return { text: mergeDotenv(text, values) };
  } catch (error) {
    return { why: error instanceof Error ? error.message : '' };
  }
}

const bash = (...args: string[]) =>
  spawnSync('bash', ['--noprofile', '--norc', '-c', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '' },
  });

/** What a real bash has under these names after `source`; undefined when it complains. */
function sourced(text: string, names: readonly string[]): Record<string, string> | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-bash-'));
  try {
    writeFileSync(join(folder, 'env'), text);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of bash.
    const script = 'set -e; source "$0"; for name; do printf "%s\\0" "${!name-}"; done';
    const { status, stdout, stderr } = bash(script, join(folder, 'env'), ...names);
    if (status !== 0 || stderr !== '') return undefined;
    const values = stdout.split('\0');
    return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each([
  [
    'a name of ours inside of a value over several lines is part of that value',
    'A="x\nTELNYX_SIP_PASSWORD=old\ny"\n',
    'A',
  ],
  ['a name of ours inside of single quotation marks, too', "A='x\nexport TELNYX_SIP_PASSWORD=old\ny'\n", 'A'],
  ['a value with an escaped quotation mark goes on after it', 'A="x\\"\nTELNYX_SIP_PASSWORD=old\n"\nB=1\n', 'A'],
])('%s', (_, text, key) => {
  const result = merged(text);
  if (!('text' in result)) throw new Error(result.why);
  expect(result.text.startsWith(text)).toBe(true);
  expect(parse(result.text)).toEqual({ ...parse(text), ...OURS });
  expect(sourced(result.text, [key])).toEqual(sourced(text, [key]));
});

test.each([
  ['an open quotation mark', 'A="x\nTELNYX_SIP_PASSWORD=old\nB="y\n'],
  ['apostrophes that bash takes for quotation marks', "A=O'Brien\nTELNYX_SIP_PASSWORD=old\nB=it's\n"],
  ['a line that bash joins with the next', 'A=x\\\nTELNYX_SIP_PASSWORD=old\n'],
  ['lines that end by a carriage return alone', 'A=1\rB=2\r'],
  ['a name behind a blank that is one for some', '\u00a0FOO:\n'],
  ['a name behind a form feed', 'A=1\n\fFOO: \n'],
  ['a separator that some take for the end of a line', 'A=1\u2028TELNYX_SIP_PASSWORD=old\n'],
])('where readers would take the lines for different things nothing is written: %s', (_, text) => {
  expect(merged(text)).toEqual({ why: expect.stringMatching(/differently|disagree/) });
});

test.each([
  ['in place of the value alone', 'TELNYX_SIP_PASSWORD="old" # mine\nA=1 # theirs\n'],
  ['every time the name is there', 'TELNYX_SIP_PASSWORD=a\nB=1\nTELNYX_SIP_PASSWORD=b\n'],
  ['where it is written as in YAML', 'TELNYX_SIP_PASSWORD: old\n'],
  ['behind export', '  export TELNYX_SIP_PASSWORD=old\n'],
])('a value is put %s', (_, text) => {
  const result = merged(text);
  if (!('text' in result)) throw new Error(result.why);
  expect(parse(result.text)).toEqual({ ...parse(text), ...OURS });
  expect(sourced(result.text, Object.keys(OURS))).toEqual(OURS);
  for (const comment of text.match(/#.*/g) ?? []) expect(result.text).toContain(comment);
});

/** The lines of `docker --env-file`, by its own documentation: no quotation marks, the rest of a line as it is. */
const inDocker = (text: string): [string, string][] =>
  text
    .split(/\r?\n/)
    .filter((line) => /^\s*[^#\s=][^\s=]*=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')).trimStart(), line.slice(line.indexOf('=') + 1)]);

test('what is written reads back alike in dotenv, docker and bash', () => {
  const result = merged('# c\nTELNYX_SIP_PASSWORD=old # note\nA=1\n');
  if (!('text' in result)) throw new Error(result.why);
  expect(parse(result.text)).toMatchObject(OURS);
  expect(Object.fromEntries(inDocker(result.text))).toMatchObject(OURS);
  expect(sourced(result.text, Object.keys(OURS))).toEqual(OURS);
});

const piece = fc.oneof(
  fc.constantFrom(
    'A=',
    'B =',
    'export C=',
    'D: ',
    'TELNYX_SIP_PASSWORD=',
    'export TELNYX_SIP_USERNAME = ',
    '\nTELNYX_SIP_PASSWORD',
  ),
  fc.constantFrom(
    '"',
    "'",
    '`',
    '\\',
    '\\"',
    "\\'",
    '#',
    ' # ',
    '=',
    ' ',
    '\t',
    '\n',
    '\r\n',
    '\n\n',
    '$',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of bash.
    '${A}',
    '$(',
    ')',
  ),
  fc.constantFrom('x', 'word', '1', '\u00e9', '\u0439', '\ud83d\udcde', '%', ',', '~', ';', '&', 'if', 'set -a'),
);
const texts = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));

test('whatever a .env file holds, what dotenv read there before it reads there afterwards, and our values beside', () => {
  let written = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const result = merged(text);
      if (!('text' in result)) return;
      written += 1;
      expect(parse(result.text)).toEqual({ ...parse(text), ...OURS });
      // Without the lines that our names stand in, and what is moved above them, all is there byte for byte.
      const rest = (whole: string) =>
        whole.split(/\r?\n/).filter((line) => line.trim() !== '' && !/TELNYX_SIP_|#/.test(line));
      if (!text.includes('TELNYX_SIP_')) expect(result.text.startsWith(text)).toBe(true);
      else expect(rest(text)).toEqual(expect.arrayContaining(rest(result.text)));
    }),
    { numRuns: 3000 },
  );
  expect(written).toBeGreaterThan(1000);
});

test('whatever a .env file holds, what a real bash read there before it reads there afterwards, and our values beside', () => {
  const names = ['A', 'B', 'C', 'D'];
  fc.assert(
    fc.property(texts, (text) => {
      const [before, result] = [sourced(text, names), merged(text)];
      // Carriage returns are a part of values there, commands run, and what it refused before it may refuse.
      if (!before || !('text' in result) || /\r|\$[(#]|`|&|;|if|set/.test(text)) return;
      expect(sourced(result.text, [...names, ...Object.keys(OURS)])).toEqual({ ...before, ...OURS });
    }),
    { numRuns: 150 },
  );
});
