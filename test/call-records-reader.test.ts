import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { readCalls } from '../src/telnyx/call-records.ts';
import { type Asked, type Given, type Reading, startReading } from './reader-stage.ts';

// Which records are the calls of a credential, and when some may be missing (spec: DetailRecordsSearchResponse).

const NAME = 'gencredAbc123';
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const NOW = Date.parse('2026-11-27T12:00:00Z');
const SINCE = NOW - 3 * DAY;
/** The clock of Telnyx, which agrees. */
const date = new Date(NOW).toUTCString();

afterEach(() => vi.restoreAllMocks());

type Row = Record<string, unknown>;
const iso = (ms: number): string => new Date(ms).toISOString();
const ago = (minutes: number): string => iso(NOW - minutes * MINUTE);
/** A call that many minutes ago, of two minutes. */
const call = (minutes: number, more: Row = {}): Row => ({
  ...{ record_type: 'webrtc', auth_username: NAME, started_at: ago(minutes), finished_at: ago(minutes - 2) },
  ...{ direction: 'outbound', cost: '0.01', currency: 'USD', cld: '+12025550123', ...more },
});

const span = { since: SINCE, now: NOW, stopped: () => false };
const read = ({ http, refusals }: Reading, more: Partial<typeof span> = {}) =>
  readCalls(http(), refusals, NAME, { ...span, ...more });

const pageOf = ({ query }: Asked): number => Number(query.get('page[number]'));
const rangeOf = ({ query }: Asked): string => `${query.get('filter[date_range]')}`;
/** Pages of this week, of which each is an answer or its rows; none in any other range, and none after the last. */
const pages =
  (...given: (Given | Row[])[]) =>
  (asked: Asked): Given => {
    const page = rangeOf(asked) === 'this_week' ? (given[pageOf(asked) - 1] ?? []) : [];
    return Array.isArray(page) ? { body: { data: page }, date } : page;
  };
const page = (data: unknown[], meta?: Row): Given => ({ body: { data, meta }, date });

test('the records of a username are asked for, in two ranges and by pages of 50', async () => {
  await using reading = await startReading(pages());
  await read(reading);
  expect(reading.asked.map(({ path, query }) => [path, Object.fromEntries(query)])).toEqual(
    ['this_week', 'last_week'].map((range) => [
      'detail_records',
      {
        'filter[record_type]': 'webrtc',
        'filter[auth_username]': NAME,
        'filter[date_range]': range,
        'page[number]': '1',
        'page[size]': '50',
      },
    ]),
  );
});

const LEFT_OUT = 0;
const COUNTED = 1;
const UNCLEAR = /^Of some records nobody can tell whose they are, or when they were\.$/;

const records: [title: string, row: unknown, is: number | RegExp][] = [
  ['a call in the time counts', call(60), COUNTED],
  ['a call of another is none', call(60, { auth_username: 'gencredOther' }), LEFT_OUT],
  ['a call of one whose name is a part of this one is none', call(60, { auth_username: 'gencredAbc' }), LEFT_OUT],
  ['a username in other case may be the same', call(60, { auth_username: NAME.toUpperCase() }), UNCLEAR],
  ['an address of the username may be the same', call(60, { auth_username: `sip:${NAME}@sip.telnyx.com` }), UNCLEAR],
  ['a call of nobody may be one', call(60, { auth_username: undefined }), UNCLEAR],
  ['a call of an empty name may be one', call(60, { auth_username: '' }), UNCLEAR],
  ['a row that is no object may be one', 'call', UNCLEAR],
  ['a call without a time may be one', call(60, { started_at: null, finished_at: '' }), UNCLEAR],
  ['a call of the year 9999 may be one', call(60, { started_at: '9999-01-01', finished_at: null }), UNCLEAR],
  ['a call that ends in the year 9999 counts from when it began', call(60, { finished_at: '9999-01-01' }), COUNTED],
  ['a call that has not ended counts', call(60, { finished_at: null }), COUNTED],
  ['a call of which only the end is told counts', call(60, { started_at: 'x' }), COUNTED],
  ['a call that ends before it begins counts', call(60, { finished_at: ago(90) }), COUNTED],
  ['a call that began before the time, and ended in it, counts', call(4321), COUNTED],
  ['a call that ended before the time is none of it', call(4323), LEFT_OUT],
  ['a call that began before the time, and may go on, may be one', call(4330, { finished_at: null }), UNCLEAR],
  ['a call that began days before the time is over', call(4320 + 1445, { finished_at: null }), LEFT_OUT],
];

test.each(records)('%s', async (_, row, is) => {
  await using reading = await startReading(pages([row as Row]));
  const { known } = await read(reading);
  if (typeof is === 'number') expect(known).toEqual({ calls: expect.any(Array), since: SINCE });
  else expect(known?.partly).toMatch(is);
  expect(known?.calls).toHaveLength(is === COUNTED ? 1 : 0);
  for (const { startedAt, endedAt } of known?.calls ?? []) {
    expect(endedAt).toBeGreaterThanOrEqual(startedAt);
    expect(endedAt).toBeLessThanOrEqual(NOW);
  }
});

const costs: [cost: unknown, is: number | null][] = [
  ['0.015', 0.015],
  [0.5, 0.5],
  [0, 0],
  ...['', '  ', '0x10', '1e3', '-1', 'NaN', 'Infinity', '1,5', null, true, [1], { cost: 1 }].map(
    (cost): [unknown, null] => [cost, null],
  ),
];

test.each(costs)('a cost of %j is %j', async (cost, is) => {
  await using reading = await startReading(pages([call(60, { cost })]));
  expect((await read(reading)).known?.calls[0]?.cost).toBe(is);
});

test('what is no number that was called, no currency and no direction is not told', async () => {
  const odd = { cld: '+1202 call me', currency: 'dollars', direction: 'sideways' };
  await using reading = await startReading(pages([call(60, odd)]));
  expect((await read(reading)).known?.calls[0]).toMatchObject({ to: null, currency: null, direction: null });
});

test('calls come the latest first, whatever order they were told in', async () => {
  await using reading = await startReading(pages([call(60), call(5), call(90)]));
  const { calls = [] } = (await read(reading)).known ?? {};
  expect(calls.map(({ startedAt }) => iso(startedAt))).toEqual([ago(5), ago(60), ago(90)]);
});

const full = (from: number): Row[] => Array.from({ length: 50 }, (_, index) => call(from + index));
const SHORT = /more records than it gave/;
const STUCK = /same page of records again/;
const BROKEN = /did not give all pages/;

const logs: [title: string, give: (asked: Asked) => Given, calls: number, partly: RegExp | undefined, asks: number][] =
  [
    ['a log without a word about pages ends with an empty one', pages(full(5), [call(60)]), 51, undefined, 4],
    ['a log of one page that says so needs no other', pages(page([call(5)], { total_pages: 1 })), 1, undefined, 2],
    [
      'no page at all is no word about one that came',
      pages(page(full(5), { total_pages: 0 }), [call(60)]),
      51,
      undefined,
      4,
    ],
    ['a number of pages as a text is none', pages(page(full(5), { total_pages: '1' }), [call(60)]), 51, undefined, 4],
    ['an empty log may have one page', pages(page([], { total_pages: 1, total_results: 0 })), 0, undefined, 2],
    ['an empty page where nine were told is a part', pages(page([], { total_pages: 9 })), 0, SHORT, 2],
    [
      'an empty page where one more was told is a part',
      pages(page(full(5), { total_pages: 2 }), page([], { total_pages: 2 })),
      50,
      SHORT,
      3,
    ],
    [
      'fewer records than were told are a part',
      pages(page([call(5)], { total_pages: 1, total_results: 2 })),
      1,
      SHORT,
      2,
    ],
    [
      'as many records as were told are all',
      pages(page([call(5)], { total_pages: 1, total_results: 1 })),
      1,
      undefined,
      2,
    ],
    ['the same page again is a part', pages(full(5), full(5), full(5)), 50, STUCK, 3],
    [
      'a record that a new one moves to the next page counts once',
      pages(full(5), [call(54), call(55)]),
      51,
      undefined,
      4,
    ],
    ['two records alike on a page are two', pages([call(5), call(5)]), 2, undefined, 3],
    ['a range that is not heeded counts no call twice', () => page([call(5)], { total_pages: 1 }), 1, undefined, 2],
    ...[400, 403, 404, 410, 501].map((status): (typeof logs)[number] => [
      `a second page that is answered with ${status} takes nothing from the first`,
      pages(full(5), status),
      50,
      BROKEN,
      status === 501 ? 6 : 3,
    ]),
    [
      'a second page that is no list takes nothing from the first',
      pages(full(5), { body: { data: 'none' } }),
      50,
      BROKEN,
      3,
    ],
  ];

test.each(logs)('%s', async (_, give, calls, partly, asks) => {
  await using reading = await startReading(give);
  const { known } = await read(reading);
  expect(known?.calls).toHaveLength(calls);
  if (partly) expect(known?.partly).toMatch(partly);
  else expect(known?.partly).toBeUndefined();
  expect(reading.asked).toHaveLength(asks);
});

test('a refused page is no refusal of the operation', async () => {
  let second: Given = 400;
  await using reading = await startReading((asked) => pages(full(5), second)(asked));
  expect((await read(reading)).known?.partly).toMatch(BROKEN);
  second = page([call(60)]);
  const { known } = await read(reading);
  expect(known).toMatchObject({ calls: { length: 51 } });
  expect(known?.partly).toBeUndefined();
});

test('a log that never ends is read for 40 pages a range', async () => {
  await using reading = await startReading((asked) =>
    page([call(pageOf(asked) + (rangeOf(asked) === 'this_week' ? 1 : 99))]),
  );
  const { known } = await read(reading);
  expect(known).toMatchObject({ calls: { length: 80 }, partly: expect.stringMatching(/more records than 40 pages/) });
  expect(reading.asked).toHaveLength(80);
});

test('a log is read no further when there is no time, but for its first page', async () => {
  await using reading = await startReading(pages(full(5), full(60)));
  const { known } = await read(reading, { stopped: () => true });
  expect(known).toMatchObject({ calls: { length: 50 }, partly: expect.stringMatching(/no time/) });
  expect(reading.asked.map(pageOf)).toEqual([1, 1]);
});

test('a row too deep to be compared is one of which nobody can tell', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  await using reading = await startReading(pages({ body: `{"data":[${deep},${JSON.stringify(call(5))}]}`, date }));
  expect((await read(reading)).known).toMatchObject({ calls: { length: 1 }, partly: expect.stringMatching(UNCLEAR) });
});

test('an answer of very many rows is no page', async () => {
  await using reading = await startReading(pages({ body: { data: new Array(300_000).fill(1) }, date }));
  expect((await read(reading)).unknown).toMatch(/data is missing/);
});

test('a key that is not accepted, and a cancellation, are thrown out of any page', async () => {
  await using refused = await startReading(pages(full(5), 401));
  await expect(read(refused)).rejects.toMatchObject({ code: 'AUTHENTICATION' });
  const ending = new AbortController();
  await using hanging = await startReading((asked) => {
    if (pageOf(asked) === 1) return page(full(5));
    ending.abort();
    return 'hangs';
  });
  const asked = readCalls(hanging.http(ending.signal), hanging.refusals, NAME, span);
  await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
});

test.each([400, 403, 404, 410])('2,000 credentials ask once for records that are refused with %i', async (status) => {
  await using reading = await startReading(() => status);
  const http = reading.http();
  for (let index = 0; index < 2000; index += 1) {
    const { unknown } = await readCalls(http, reading.refusals, `${NAME}${index}`, span);
    expect(unknown).toBe(`Telnyx refuses call records to this account or key (${status}).`);
  }
  expect(reading.asked).toHaveLength(1);
});

const clocks: [title: string, aheadMs: number, takesMs: number, startedAt: number][] = [
  ['of a clock seven minutes ahead counts by ours', 7 * MINUTE, 0, NOW - 12 * MINUTE],
  ['of a clock seven minutes behind counts by ours', -7 * MINUTE, 0, NOW + 2 * MINUTE],
  ['of a clock that is seconds ahead counts as it is told', 19_000, 0, NOW - 5 * MINUTE],
  ['that took a minute to be told counts as it is told', MINUTE, MINUTE, NOW - 5 * MINUTE],
];

test.each(clocks)('a call %s', async (_, aheadMs, takesMs, startedAt) => {
  const clock = Date.now;
  const limits = { requestMs: 10 * MINUTE, callMs: 20 * MINUTE, recoveryMs: 100 };
  await using reading = await startReading(() => {
    // A job may wait minutes for its turn.
    if (takesMs > 0) vi.spyOn(Date, 'now').mockImplementation(() => clock() + takesMs);
    return { body: { data: [call(5)], meta: { total_pages: 1 } }, date: new Date(NOW + aheadMs).toUTCString() };
  }, limits);
  expect((await read(reading)).known?.calls[0]?.startedAt).toBe(startedAt);
});

/** An account with calls of several users, and how it pages. */
const accounts = fc.record({
  mine: fc.uniqueArray(fc.integer({ min: 5, max: 6000 }), { maxLength: 80 }),
  others: fc.uniqueArray(fc.integer({ min: 5, max: 6000 }), { maxLength: 80 }),
  largest: fc.integer({ min: 10, max: 50 }),
  meta: fc.constantFrom('all', 'pages', 'none'),
  heedsRange: fc.boolean(),
  heedsName: fc.boolean(),
  /** After so many requests a call of each comes in. */
  comesAfter: fc.integer({ min: 1, max: 8 }),
});

test('of any account, however it pages and what it heeds, the calls are those of the username in the time', async () => {
  const property = fc.asyncProperty(accounts, async (account) => {
    const { mine, others, largest, meta, heedsRange, heedsName, comesAfter } = account;
    const another = { auth_username: 'gencredOther' };
    const all = [...mine.map((minutes) => call(minutes)), ...others.map((minutes) => call(minutes, another))];
    let requests = 0;
    await using reading = await startReading((asked) => {
      requests += 1;
      if (requests === comesAfter) all.push(call(1), call(2, another));
      const isThisWeek = rangeOf(asked) === 'this_week';
      const rows = all
        .filter((row) => !heedsName || row.auth_username === NAME)
        .filter((row) => !heedsRange || `${row.started_at}` >= ago(2 * 1440) === isThisWeek)
        .sort((a, b) => `${b.started_at}`.localeCompare(`${a.started_at}`));
      const total_pages = Math.ceil(rows.length / largest);
      const whole = { total_pages, ...(meta === 'all' && { total_results: rows.length }) };
      const from = (pageOf(asked) - 1) * largest;
      return page(rows.slice(from, from + largest), meta === 'none' ? undefined : whole);
    });
    const { known } = await read(reading);
    const minutes = known?.calls.map((found) => (NOW - found.startedAt) / MINUTE);
    // Whether what comes meanwhile is told depends on when it comes.
    expect(minutes?.filter((each) => each >= 5)).toEqual(mine.filter((each) => each <= 4322).sort((a, b) => a - b));
    expect(known?.partly).toBeUndefined();
  });
  await fc.assert(property, { numRuns: 60 });
});
