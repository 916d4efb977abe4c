import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeJson, readJson } from '../src/secrets/json-text.ts';

const OURS = { TELNYX_SIP_USERNAME: 'gencred7', TELNYX_SIP_PASSWORD: 'p"\\\u2028w' };

test.each([
  ['numbers of nineteen digits', '{"id": 1293384261075731499}'],
  ['numbers that are none for JavaScript', '{"a": 1e999, "b": -0, "c": 1.0}'],
  ['comments', '{\n  // mine\n  "a": 1, /* why */\n  "b": [1, 2] // last\n}\n'],
  ['a last comma', '{\n  "a": 1,\n}\n'],
  ['line ends of Windows', '{\r\n\t"a": 1\r\n}\r\n'],
  ['no line ends', '{"a":1,"b":{"TELNYX_SIP_PASSWORD":"theirs"}}'],
  ['names that are there twice', '{"a": 1, "a": 2}'],
  ['escapes', '{"\\u0061": "\\u00e9\\/"}'],
  ['an empty object', '{}'],
  ['an empty object over lines', '{\n}\n'],
])('in a .json file %s stay as they are', (_, text) => {
  const merged = mergeJson(text, OURS);
  expect(Object.fromEntries(readJson(merged))).toMatchObject(OURS);
  expect(isInOnePiece(text, merged)).toBe(true);
  if (!/\/[/*]|,\s*\}/.test(text)) expect(JSON.parse(merged)).toMatchObject(OURS);
  if (text.includes('\r\n')) expect(merged.replaceAll('\r\n', '')).not.toContain('\n');
});

/** Whether a text is there whole, but that something stands at one place in it. */
function isInOnePiece(text: string, merged: string): boolean {
  let same = 0;
  while (same < text.length && text[same] === merged[same]) same += 1;
  return merged.endsWith(text.slice(same));
}

test.each([
  ['an array', '[]'],
  ['a text', '"x"'],
  ['something after the object', '{} x'],
  ['an object that does not end', '{"a": 1'],
  ['our name twice', '{"TELNYX_SIP_PASSWORD": 1, "TELNYX_SIP_PASSWORD": 2}'],
])('%s is refused', (_, text) => {
  expect(() => mergeJson(text, OURS)).toThrow(/JSON object|more than once/);
});

test('whatever a .json file holds, all but our names is there byte for byte afterwards, and our values read back', () => {
  const name = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('TELNYX_SIP_PASSWORD', 'b'));
  const object = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
  const indent = fc.constantFrom(undefined, 1, 4, '\t');
  fc.assert(
    fc.property(object, indent, fc.constantFrom('\n', '\r\n'), (value, space, end) => {
      const text = JSON.stringify(value, null, space).replaceAll('\n', end);
      const merged = mergeJson(text, OURS);
      expect(JSON.parse(merged)).toEqual({ ...JSON.parse(text), ...OURS });
      expect(mergeJson(merged, OURS)).toBe(merged);
      if (!Object.keys(value).some((key) => Object.hasOwn(OURS, key))) expect(isInOnePiece(text, merged)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
