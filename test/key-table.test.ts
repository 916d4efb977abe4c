import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseInstant, parseTime } from '../src/telnyx/dates.ts';
import { bitsOf, uuidOf } from '../src/telnyx/key-bits.ts';
import { KeyTable } from '../src/telnyx/key-table.ts';

test('it keeps as many texts as a Set, and the numbers to each', () => {
  const table = new KeyTable(2);
  const uuids = Array.from({ length: 3000 }, () => randomUUID() as string);
  const [some = ''] = uuids;
  const near = [
    some.toUpperCase(),
    some.slice(1),
    `${some}0`,
    some.replaceAll('-', '_'),
    '',
    '\0',
    '\u{1f4a9}',
    'ÿ'.repeat(36),
  ];
  const texts = [...uuids, ...near, ...Array.from({ length: 3000 }, (_, index) => `name ${index}`)];
  const places = texts.map((text, index) => {
    const place = table.place(text);
    table.set(place, 0, index);
    table.set(place, 1, 0xffff_ffff - index);
    return place;
  });
  expect(places).toEqual(texts.map((_, index) => index));
  expect(table.size).toBe(texts.length);
  const again = texts.map((text) => table.place(text));
  expect(again.map((place) => [place, table.get(place, 0), table.get(place, 1)])).toEqual(
    texts.map((_, index) => [index, index, 0xffff_ffff - index]),
  );
});

test('a UUID comes back from its bits, and nothing else is taken for one', () => {
  const bits = new Uint32Array(4);
  for (const uuid of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff', randomUUID()]) {
    expect(bitsOf(uuid, bits)).toBe(true);
    expect(uuidOf([...bits])).toBe(uuid);
    expect(bitsOf(uuid.replace(/.$/, 'F'), bits)).toBe(false);
    expect(bitsOf(uuid.replace('-', '0'), bits)).toBe(false);
  }
});

test.each([
  '2024-02-28T00:00:00',
  '2024-02-29T23:59:59',
  '2023-02-29T00:00:00',
  '2023-13-01T00:00:00',
  '2023-00-10T00:00:00',
  '2023-01-00T00:00:00',
  '2023-12-28T24:00:00',
  '2023-12-28T23:60:00',
  '2023-12-28T23:59:59Z',
  '2023-12-28T23:59:59.123456Z',
  '2023-12-28 23:59:59+02:00',
  '0099-01-01T00:00:00',
  '9999-12-28T23:59:59',
  '2023-12-28',
  'never',
])('the quick way to read %s gives what the slow one gives', (text) => {
  expect(parseTime(text)).toBe(parseInstant(text)?.getTime());
});
