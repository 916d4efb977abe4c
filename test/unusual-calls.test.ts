import { expect, test } from 'vitest';
import type { Call } from '../src/telnyx/call-records.ts';
import { loadCountries } from '../src/tools/countries.ts';
import { unusualCalls } from '../src/tools/unusual-calls.ts';

const SINCE = Date.parse('2026-10-01T00:00:00Z');
const RECENT = Date.parse('2026-11-24T12:00:00Z');
const US = '+12125550100';
const CUBA = '+5371234567';

/** A call out at a time of ISO 8601 without its zone. */
const call = (at: string, to: string | null = US, direction: Call['direction'] = 'outbound'): Call => {
  const startedAt = Date.parse(`${at}Z`);
  return { startedAt, endedAt: startedAt + 60_000, direction, to, cost: null, currency: null };
};
/** Calls that begin one after the other, some seconds apart. */
const many = (number: number, from: string, seconds = 60, to = US): Call[] =>
  Array.from({ length: number }, (_, index) =>
    call(new Date(Date.parse(`${from}Z`) + index * seconds * 1000).toISOString().slice(0, -1), to),
  );
/** Office hours: a call at 9, 10 … 16 h UTC of some days. */
const office = (days: number): Call[] =>
  Array.from({ length: days }, (_, day) => `2026-11-${`${day + 1}`.padStart(2, '0')}`).flatMap((date) =>
    [9, 10, 11, 12, 13, 14, 15, 16].map((hour) => call(`${date}T${`${hour}`.padStart(2, '0')}:20:00`)),
  );
const before = [call('2026-11-01T09:00:00')];

const cases: [title: string, calls: Call[], says: string[]][] = [
  ['no call at all is nothing unusual', [], []],
  ['calls of before alone are nothing unusual', before, []],
  ['more of the same is nothing unusual', [...before, call('2026-11-25T09:00:00')], []],
  [
    'without calls before there is nothing to compare with, and that is said instead',
    many(40, '2026-11-26T02:00:00', 60, CUBA),
    [
      'There was no call from 2026-10-01 00:00 UTC to 2026-11-24 12:00 UTC that the 40 calls since 2026-11-24 12:00 UTC could be compared with.',
    ],
  ],
  [
    'a country that was never called before is named, with how often and since when',
    [...before, call('2026-11-26T02:14:00', CUBA), call('2026-11-26T02:13:00', CUBA)],
    ['2 calls to Cuba (CU), which was never called before; the first 2026-11-26 02:13 UTC.'],
  ],
  [
    'a country that was called before is not new',
    [...before, call('2026-11-02T09:00:00', CUBA), call('2026-11-26T02:13:00', CUBA)],
    [],
  ],
  [
    'countries that share a calling code are told apart',
    [...before, call('2026-11-25T09:00:00', '+18765550100'), call('2026-11-25T09:00:00', '+14165550100')],
    [
      '1 call to Jamaica (JM), which was never called before; the first 2026-11-25 09:00 UTC.',
      '1 call to Canada (CA), which was never called before; the first 2026-11-25 09:00 UTC.',
    ],
  ],
  [
    'a satellite is of no country, and new all the same',
    [...before, call('2026-11-25T09:00:00', '+881612345678')],
    ['1 call to numbers of no country (+881), which was never called before; the first 2026-11-25 09:00 UTC.'],
  ],
  [
    'who calls in is of no country that is called, and what is no number of any neither',
    [
      ...before,
      call('2026-11-25T09:00:00', CUBA, 'inbound'),
      ...['1001', 'sip:x@sip.telnyx.com', '5371234567', '+53', '0053', '*67#', '+53-712-34567'].map((to) =>
        call('2026-11-25T09:00:00', to),
      ),
      call('2026-11-25T09:00:00', null),
    ],
    [],
  ],
  [
    'of many new countries the five most called are named, and the others counted',
    [
      ...before,
      ...[
        '+5371234567',
        '+2526123456',
        '+37322212345',
        '+261201234567',
        '+3545812345',
        '+6799123456',
        '+4930123456',
      ].flatMap((to, index) => many(7 - index, '2026-11-25T09:00:00', 7200, to)),
    ],
    [
      ...['Cuba (CU)', 'Somalia (SO)', 'Moldova (MD)', 'Madagascar (MG)', 'Iceland (IS)'].map((name, index) =>
        expect.stringContaining(`${7 - index} calls to ${name}`),
      ),
      'Calls to 2 more countries that were never called before.',
    ],
  ],
  [
    'an hour with more than three times the calls of any before is a burst, also across full hours',
    [...many(3, '2026-11-01T09:50:00', 600), ...many(10, '2026-11-25T09:40:00', 300)],
    ['10 calls within an hour from 2026-11-25 09:40 UTC; before, an hour had 3 at the most.'],
  ],
  ['three times as many are none', [...many(4, '2026-11-01T09:00:00'), ...many(12, '2026-11-25T09:00:00')], []],
  ['nine calls are none, however quiet it was', [...before, ...many(9, '2026-11-25T09:00:00')], []],
  ['calls that are an hour apart are none', [...before, ...many(12, '2026-11-25T00:00:00', 3600)], []],
  [
    'hours at which nobody called before are told, by the day of UTC',
    [...office(10), call('2026-11-25T03:59:00'), call('2026-11-26T02:00:00'), call('2026-11-26T10:00:00')],
    ['2 calls at hours of the day (UTC) at which there was none before, of 80: 02, 03.'],
  ],
  ['forty-eight calls before say nothing of hours', [...office(6), call('2026-11-25T03:59:00')], []],
  [
    'calls of four days before say nothing of hours, however many',
    [...office(4), ...office(4), call('2026-11-25T03:59:00')],
    [],
  ],
];

test.each(cases)('%s', async (_, calls, says) => {
  const found = unusualCalls(calls, { recentFrom: RECENT, since: SINCE }, await loadCountries());
  expect(found).toEqual(says);
});
