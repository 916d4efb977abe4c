import { expect, test } from 'vitest';
import { differences } from '../src/core/consent.ts';
import { oneLine, quoted } from '../src/core/text.ts';

/** confusables.txt of UTS #39, version 16.0.0: what maps to 0027, and to two or more of it; but for marks. */
const LIKE_ONE =
  '055D FF07 2018 2019 201B 05F3 2032 2035 055A 0060 1FEF FF40 00B4 0384 1FFD 1FBD 1FBF 1FFE 02B9 0374 02C8 02CA 02CB 02F4 02BB 02BD 02BC 02BE A78C 07F4 07F5';
const LIKE_MORE = '1CD3 0022 FF02 201C 201D 201F 05F4 2033 2036 3003 02DD 02BA 02F6 02EE 2034 2037 2057';
/** Of the same file, letters of scripts that names are written in: they stay. */
const LETTERS = ['\u05d9', '\u05f2', '\u144a', '\u16cc'];

const characters = (codes: string): string[] =>
  codes.split(' ').map((code) => String.fromCodePoint(Number.parseInt(code, 16)));

const pairs = [...characters(LIKE_ONE), "'"].flatMap((one, n, all) => [one + one, one + (all[n + 1] ?? "'")]);
test.each([...characters(LIKE_MORE), ...pairs])('what looks like a quotation mark ends no quotation: %j', (mark) => {
  expect(quoted(`a${mark}, unused. Delete ${mark}b`)).toBe(`"a', unused. Delete 'b"`);
});

test.each(LETTERS)('a letter stays one: %j', (letter) => {
  expect(quoted(`a${letter}${letter}b`)).toBe(`"a${letter}${letter}b"`);
});

test.each([
  ['a filler', 'a\u3164b', 'a b'],
  ['a Hangul filler', 'a\u115fb', 'a b'],
  ['a blank of braille', 'a\u2800b', 'a b'],
  ['a grapheme joiner', 'a\u034fb', 'a b'],
  ['a variation selector', 'a\ufe0fb', 'a b'],
  ['a tag', 'a\u{e0041}b', 'a b'],
  ['a direction', 'a\u202eb\u2066', 'a b'],
  ['a line', 'a\n\u2028b', 'a b'],
  ['nothing but fillers', '\u3164\u3164', ''],
  ['a mark on our quotation mark', '\u0338ab', 'ab'],
  ['a mark on a space, which looks like a quotation mark', 'a \u030eb', 'a b'],
  ['an enclosing mark on a bracket', '(\u20ddb', '(b'],
  ['a stack of marks', `a${'\u0302'.repeat(60)}b`, `a${'\u0302'.repeat(4)}b`],
])('%s is not shown', (_, text, shown) => {
  expect([oneLine(text), quoted(text)]).toEqual([shown, `"${shown}"`]);
});

test.each([
  ["O'Brien's desk", '"O\'Brien\'s desk"'],
  ['Zoe\u0308 Nu\u0303ez', '"Zoe\u0308 Nu\u0303ez"'],
  ['\u0928\u092e\u0938\u094d\u0924\u0947', '"\u0928\u092e\u0938\u094d\u0924\u0947"'],
  ['\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48', '"\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48"'],
  ['\u05d7\u05d9\u05d9\u05dd', '"\u05d7\u05d9\u05d9\u05dd"'],
  ['\u30d5\u30ed\u30f3\u30c8 \ud83d\udcde', '"\u30d5\u30ed\u30f3\u30c8 \ud83d\udcde"'],
])('a name stays as people write it: %s', (name, shown) => {
  expect(quoted(name)).toBe(shown);
});

test.each([
  [
    'a name as long as a digest is told',
    { name: 'a' },
    { name: 'x'.repeat(43) },
    [`name was "a", is "${'x'.repeat(43)}"`],
  ],
  ['a digest is told to be another', { digest_of_ends: 'x' }, { digest_of_ends: 'y' }, ['ends changed']],
])('of what is different, %s', (_, before, now, told) => {
  expect(differences(before, now)).toEqual(told);
});
