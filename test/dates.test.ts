import { expect, test } from 'vitest';
import { expiryFromTelnyx, fromTelnyx, parseInstant } from '../src/telnyx/dates.ts';

test.each([
  ['2020-06-18T21:32:38', '2020-06-18T21:32:38.000Z'],
  ['2020-06-18T21:32:38.000Z', '2020-06-18T21:32:38.000Z'],
  ['2020-06-18 21:32:38.917732Z', '2020-06-18T21:32:38.917Z'],
  ['2021-03-26T17:51:59.588408Z', '2021-03-26T17:51:59.588Z'],
  ['2027-01-01T10:00:00+02:00', '2027-01-01T08:00:00.000Z'],
  ['2027-01-01T10:00-0000', '2027-01-01T10:00:00.000Z'],
  ['2027-01-01', '2027-01-01T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
])('%s is %s', (text, iso) => {
  expect(fromTelnyx(text)).toBe(iso);
});

test.each([
  '',
  'tomorrow',
  '2027-02-29',
  '2027-02-31T00:00:00Z',
  '2027-13-01',
  '2027-00-10',
  '2027-01-00',
  '2027-01-01T25:00',
  '2027-01-01T10:00:00+99:99',
  '1700000000',
  '2027-1-1',
  '2027-01-01T10:00:00Z; DROP',
])('%j is no date', (text) => {
  expect(parseInstant(text)).toBeUndefined();
});

test.each([
  ['an absent expiry', null, null],
  ['year 9999', '9999-12-31T23:59:59', null],
  ['the default far in the future', '2042-06-18T21:32:38', null],
  ['a chosen day far in the future', '2042-06-19T21:32:38', '2042-06-19T21:32:38.000Z'],
  ['a chosen day soon', '2021-06-18T21:32:38', '2021-06-18T21:32:38.000Z'],
])('%s is never, or its day', (_, expiresAt, expected) => {
  expect(expiryFromTelnyx(expiresAt, '2020-06-18T21:32:38')).toBe(expected);
});
