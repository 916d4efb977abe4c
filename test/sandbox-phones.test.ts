import Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../src/sandbox/dates.ts';
import { Phone } from '../src/sandbox/phones.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import type { Optional } from '../src/sandbox/world.ts';
import { answerSchema, complaints, namedSchema } from './telnyx/spec.ts';

// A Sunday.
const START = Date.parse('2026-11-22T09:30:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let at: number;
let sandbox: Sandbox;
let telnyx: Telnyx;
/** The phone on the desk, the one in the pocket, and the logins of two credentials that nobody else uses. */
let desk: Phone;
let pocket: Phone;
let login: string;
let other: string;
let id: string;

beforeEach(async () => {
  at = START;
  sandbox = await startSandbox({ now: () => new Date(at) });
  telnyx = new Telnyx({ apiKey: sandbox.apiKey, baseURL: sandbox.baseUrl, maxRetries: 0 });
  const made = [await create('desk'), await create('pocket')];
  [login = '', other = ''] = made.map(({ sip_username }) => sip_username ?? '');
  id = made[0]?.id ?? '';
  desk = new Phone(sandbox.world, { ip: '198.51.100.7', port: 5062, transport: 'TLS', number: '+15555550107' });
  pocket = new Phone(sandbox.world, { ip: '203.0.113.9' });
});
afterEach(() => sandbox.close());

const pass = (ms: number): void => {
  at += ms;
};

async function create(name: string) {
  const { data } = await telnyx.telephonyCredentials.create({ connection_id: connection(), name });
  return data ?? {};
}

const connection = () => [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id ?? '';

interface Status {
  registered: boolean;
  sip_registration_status: string;
  sip_registration_details?: { expires: number; ua_ip: string };
  [field: string]: unknown;
}

/** As the documentation has it asked. The SDK has it no more. */
function status(username: string): Promise<Status> {
  const query = { credential_type: 'telephony_credential', username };
  return telnyx.get<Status>('/sip_registration_status', { query });
}

/** From where a login is registered, and for how many more seconds; `no` when it is not. */
async function seen(username = login): Promise<string> {
  const { registered, sip_registration_details: details } = await status(username);
  return registered ? `${details?.ua_ip} ${(details?.expires ?? 0) - at / SECOND}` : 'no';
}

describe('a phone', () => {
  test('that is registered is told of with where it is, until when and on what connection', async () => {
    desk.register(login);
    pass(100 * SECOND);
    expect(await status(login)).toEqual({
      registered: true,
      sip_registration_status: 'registered',
      credential_type: 'telephony_credential',
      credential_username: login,
      connection_id: connection(),
      connection_name: sandbox.world.connections.get(connection())?.connection_name,
      sip_registration_details: {
        expires: START / SECOND + 600,
        ua_ip: '198.51.100.7',
        ua_port: 5062,
        transport: 'TLS',
        last_modified: new Date(START).toISOString(),
      },
    });
  });

  test('that never registered stands by, and nothing is told of where it could be', async () => {
    expect(await status(login)).toEqual({
      registered: false,
      sip_registration_status: 'standby',
      credential_type: 'telephony_credential',
      credential_username: login,
      connection_id: connection(),
      connection_name: expect.any(String),
    });
  });

  const weekdays = (now: Date) => now.getUTCDay() % 6 !== 0;

  /** What happens, and what is told of both logins after it: from where, and for how many seconds more. */
  const lives: [title: string, happens: () => void, seen: string, ofTheOther?: string][] = [
    ['registers, and is told of at once', () => desk.register(login), '198.51.100.7 600'],
    [
      'stays for days, and registers again when half of its time is over',
      () => {
        desk.register(login);
        pass(9 * DAY + 299 * SECOND);
      },
      '198.51.100.7 301',
    ],
    [
      'says that it goes, and is gone at once',
      () => {
        desk.register(login);
        pass(HOUR);
        desk.leave({ unregisters: true });
      },
      'no',
    ],
    [
      'is gone without a word, and is told of as long as its registration lasts',
      () => {
        desk.register(login);
        pass(100 * SECOND);
        desk.leave({ unregisters: false });
        pass(499 * SECOND);
      },
      '198.51.100.7 1',
    ],
    [
      'is gone without a word, and so is its registration when its time is over',
      () => {
        desk.register(login);
        pass(100 * SECOND);
        desk.leave({ unregisters: false });
        pass(500 * SECOND);
      },
      'no',
    ],
    [
      'comes back after it was gone',
      () => {
        desk.register(login);
        desk.leave({ unregisters: true });
        pass(DAY);
        desk.register(login);
      },
      '198.51.100.7 600',
    ],
    [
      'registers twice with one login, and is gone as one',
      () => {
        desk.register(login);
        pass(MINUTE);
        desk.register(login);
        desk.leave({ unregisters: true });
        pass(DAY);
      },
      'no',
    ],
    [
      'moves to another login, and is told of there and no longer here',
      () => {
        desk.register(login);
        pass(DAY);
        desk.moveTo(other);
        pass(MINUTE);
      },
      'no',
      '198.51.100.7 540',
    ],
    [
      'registers with two logins and is told of with both',
      () => {
        desk.register(login);
        desk.register(other);
      },
      '198.51.100.7 600',
      '198.51.100.7 600',
    ],
    [
      'registers where another one is, and wins',
      () => {
        desk.register(login);
        pass(MINUTE);
        pocket.register(login);
        pass(MINUTE);
      },
      '203.0.113.9 540',
    ],
    [
      'is told of again when it has registered again after another one, which stays, too',
      () => {
        desk.register(login);
        pass(MINUTE);
        pocket.register(login);
        pass(245 * SECOND);
      },
      '198.51.100.7 595',
    ],
    [
      'moves away from a login that another one stays on, and nobody is told of at once',
      () => {
        desk.register(login);
        pass(MINUTE);
        pocket.register(login);
        pass(MINUTE);
        pocket.moveTo(other);
        pass(MINUTE);
      },
      'no',
      '203.0.113.9 540',
    ],
    [
      'stays on a login that another one moved away from, and is told of when it registers again',
      () => {
        desk.register(login);
        pass(MINUTE);
        pocket.register(login);
        pass(MINUTE);
        pocket.moveTo(other);
        pass(DAY);
      },
      '198.51.100.7 480',
      '203.0.113.9 600',
    ],
    [
      'says that it goes after another one has won, which is told of all the same',
      () => {
        desk.register(login);
        pass(MINUTE);
        pocket.register(login);
        desk.leave({ unregisters: true });
      },
      '203.0.113.9 600',
    ],
    [
      'is switched off for the weekend, and is not told of on Sunday',
      () => {
        new Phone(sandbox.world, { ip: '198.51.100.8', isOn: weekdays }).register(login);
        pass(10 * HOUR);
      },
      'no',
    ],
    [
      'is switched off for the weekend, and is told of on Monday',
      () => {
        new Phone(sandbox.world, { ip: '198.51.100.8', isOn: weekdays }).register(login);
        pass(DAY);
      },
      '198.51.100.8 600',
    ],
    [
      'is switched off at midnight, and is told of as long as its registration lasts',
      () => {
        new Phone(sandbox.world, { ip: '198.51.100.8', isOn: weekdays }).register(login);
        pass(5 * DAY + 14.5 * HOUR + 290 * SECOND);
      },
      '198.51.100.8 10',
    ],
  ];

  test.each(lives)('%s', async (_, happens, first, second = 'no') => {
    happens();
    expect([await seen(login), await seen(other)]).toEqual([first, second]);
  });

  test('registers nobody with a credential that has expired, however long it would last', async () => {
    await telnyx.telephonyCredentials.update(id, { expires_at: new Date(START + MINUTE).toISOString() });
    desk.register(login);
    pass(59 * SECOND);
    expect(await seen()).toBe('198.51.100.7 541');
    pass(SECOND);
    expect(await status(login)).toMatchObject({ registered: false, sip_registration_status: 'standby' });
  });

  test('is not told of when its credential is deleted: nobody knows that username', async () => {
    desk.register(login);
    await telnyx.telephonyCredentials.delete(id);
    await expect(status(login)).rejects.toThrow(Telnyx.NotFoundError);
  });
});

interface Rows {
  data: Record<string, unknown>[];
  meta: Record<string, number>;
}

/** Call records of a range of dates, as the official client asks for them. */
async function records(range: string, more: Record<string, unknown> = {}, page: object = {}): Promise<Rows> {
  const filter = { record_type: 'webrtc', date_range: range, auth_username: login, ...more };
  return telnyx.get('/detail_records', { query: { filter, page } });
}

describe('a call', () => {
  test('is told with who called whom, from when until when, and what it cost', async () => {
    desk.register(login);
    desk.call({ with: '+12025550123', seconds: 90 });
    desk.call({ with: '+12025550124', direction: 'inbound', seconds: 30, at: new Date(START - HOUR) });
    const call = {
      record_type: 'webrtc',
      connection_id: connection(),
      auth_username: login,
      currency: 'USD',
    };
    expect((await records('today')).data).toEqual([
      {
        ...call,
        ...{ direction: 'outbound', cli: '+15555550107', cld: '+12025550123', cost: '0.0120' },
        ...{ started_at: '2026-11-22T09:28:30.000Z', finished_at: '2026-11-22T09:30:00.000Z' },
      },
      {
        ...call,
        ...{ direction: 'inbound', cli: '+12025550124', cld: '+15555550107', cost: '0.0060' },
        ...{ started_at: '2026-11-22T08:30:00.000Z', finished_at: '2026-11-22T08:30:30.000Z' },
      },
    ]);
  });

  // Now is Sunday 2026-11-22. Days are those of UTC, and weeks begin on Monday.
  const calls = [
    '2026-10-01T00:00:00Z',
    '2026-10-31T23:59:59Z',
    '2026-11-01T00:00:00Z',
    '2026-11-08T23:59:59Z',
    '2026-11-09T00:00:00Z',
    '2026-11-15T23:59:59Z',
    '2026-11-16T00:00:00Z',
    '2026-11-20T23:59:59Z',
    '2026-11-21T00:00:00Z',
    '2026-11-21T23:59:59Z',
    '2026-11-22T00:00:00Z',
    '2026-11-22T23:59:59Z',
    '2026-11-23T00:00:00Z',
    '2026-11-29T23:59:59Z',
    '2026-11-30T00:00:00Z',
    '2026-12-31T23:59:59Z',
  ];

  test.each([
    ['yesterday', 'the day before', '11-21', '11-21'],
    ['today', 'this day', '11-22', '11-22'],
    ['tomorrow', 'the day after', '11-23', '11-23'],
    ['last_week', 'Monday to Sunday', '11-09', '11-15'],
    ['this_week', 'Monday to today', '11-16', '11-22'],
    ['next_week', 'Monday to Sunday', '11-23', '11-29'],
    ['last_month', 'the whole of October', '10-01', '10-31'],
    ['this_month', 'the whole of November', '11-01', '11-30'],
    ['next_month', 'the whole of December', '12-01', '12-31'],
  ])('is in the range %s when it began in it: %s, the latest first', async (range, _, from, until) => {
    for (const time of calls) desk.call({ with: '+12025550123', at: new Date(time) }, login);
    const inside = calls.filter((time) => time.slice(5, 10) >= from && time.slice(5, 10) <= until);
    expect(inside).not.toHaveLength(0);
    const { data } = await records(range);
    expect(data.map(({ started_at }) => Date.parse(`${started_at}`))).toEqual(inside.reverse().map(Date.parse));
  });

  test.each([
    ['on the last day of a year', '2026-12-31T23:59:59Z', 'next_month', '2027-01-31T23:59:59Z'],
    ['on the first day of a year', '2027-01-01T00:00:00Z', 'last_month', '2026-12-01T00:00:00Z'],
    ['on a Monday', '2026-11-23T00:00:00Z', 'this_week', '2026-11-29T23:59:59Z'],
    ['on the last day of a long month', '2027-03-31T12:00:00Z', 'last_month', '2027-02-28T12:00:00Z'],
  ])('is found %s', async (_, now, range, time) => {
    at = Date.parse(now);
    desk.call({ with: '+12025550123', at: new Date(time) }, login);
    expect((await records(range)).data).toHaveLength(1);
  });

  test('is one of its login alone', async () => {
    desk.call({ with: '+12025550123' }, login);
    pocket.call({ with: '+12025550123' }, other);
    expect((await records('today')).data.map((row) => row.auth_username)).toEqual([login]);
    expect((await records('today', { auth_username: 'gencredNobody' })).data).toEqual([]);
    expect((await records('today', { record_type: 'sip-trunking' })).data).toEqual([]);
    const everyone = (await records('today', { auth_username: undefined })).data.map((row) => row.auth_username);
    expect(everyone).toEqual(expect.arrayContaining([login, other]));
  });

  test('that has long been over is told of, with its login gone', async () => {
    desk.call({ with: '+12025550123' }, login);
    await telnyx.telephonyCredentials.delete(id);
    pass(2 * DAY);
    expect((await records('last_week')).data).toHaveLength(1);
  });

  test('is on pages of 20 unless told, and of 50 at most', async () => {
    const times = Array.from({ length: 51 }, (_, index) => START - index * MINUTE);
    for (const time of times.toReversed()) desk.call({ with: '+12025550123', at: new Date(time) }, login);
    expect((await records('today')).meta).toEqual({
      page_number: 1,
      page_size: 20,
      total_pages: 3,
      total_results: 51,
    });
    const [first, second] = [
      await records('today', {}, { size: 50 }),
      await records('today', {}, { size: 50, number: 2 }),
    ];
    expect([first.data.length, second.data.length]).toEqual([50, 1]);
    expect(second.meta).toEqual({ page_number: 2, page_size: 50, total_pages: 2, total_results: 51 });
    expect([...first.data, ...second.data].map(({ started_at }) => Date.parse(`${started_at}`))).toEqual(times);
  });

  test('is paged through by the official client itself', async () => {
    for (let index = 0; index < 51; index += 1) desk.call({ with: `+1202555${index}` }, login);
    const filter = { record_type: 'webrtc', date_range: 'today', auth_username: login } as const;
    const numbers: unknown[] = [];
    const pages = telnyx.detailRecords.list({ filter, 'page[size]': 50 });
    for await (const row of pages) numbers.push('cld' in row ? row.cld : undefined);
    expect(new Set(numbers).size).toBe(51);
  });
});

describe('the audit log', () => {
  const events = async (query: Parameters<typeof telnyx.auditEvents.list>[0] = {}) =>
    (await telnyx.auditEvents.list(query)).data;

  test('tells who changed what of a credential when, values included', async () => {
    pass(HOUR);
    await telnyx.telephonyCredentials.update(id, { name: 'renamed' });
    const [event] = await events();
    expect(event).toMatchObject({
      record_type: 'credential',
      resource_id: id,
      change_made_by: 'account_owner',
      change_type: 'update',
      user_id: sandbox.world.userId,
      created_at: new Date(START + HOUR).toISOString(),
    });
    expect(event?.changes?.toSorted((a, b) => `${a.field}`.localeCompare(`${b.field}`))).toEqual([
      { field: 'name', from: 'desk', to: 'renamed' },
      { field: 'updated_at', from: '2026-11-22T09:30:00.000Z', to: '2026-11-22T10:30:00.000Z' },
    ]);
  });

  test('tells passwords when a credential is made and when it is deleted', async () => {
    const { data } = await telnyx.telephonyCredentials.retrieve(id);
    await telnyx.telephonyCredentials.delete(id);
    const own = (await events()).filter(({ resource_id }) => resource_id === id);
    const passwords = own.map(({ change_type, changes }) => [
      change_type,
      changes?.find(({ field }) => field === 'sip_password'),
    ]);
    expect(passwords).toEqual([
      ['delete', { field: 'sip_password', from: data?.sip_password, to: null }],
      ['create', { field: 'sip_password', from: null, to: data?.sip_password }],
    ]);
  });

  test('tells nothing of what was refused', async () => {
    const told = (await events()).length;
    await expect(telnyx.telephonyCredentials.update(id, { connection_id: '1' })).rejects.toThrow();
    await expect(telnyx.telephonyCredentials.delete('none')).rejects.toThrow();
    expect(await events()).toHaveLength(told);
  });

  test('is cut by time and told in either order, 20 rows a page', async () => {
    for (let day = 1; day <= 25; day += 1) {
      pass(DAY);
      await telnyx.telephonyCredentials.update(id, { name: `day ${day}` });
    }
    const days = (rows: Awaited<ReturnType<typeof events>>) =>
      rows.map(({ created_at }) => (Date.parse(`${created_at}`) - START) / DAY);
    const on = (day: number) => new Date(START + day * DAY).toISOString();
    expect(days(await events())).toEqual(Array.from({ length: 20 }, (_, index) => 25 - index));
    const filter = { created_after: on(20), created_before: on(24) };
    expect(days(await events({ filter }))).toEqual([23, 22, 21]);
    expect(days(await events({ filter, sort: 'asc' }))).toEqual([21, 22, 23]);
    expect(days(await events({ filter, 'page[size]': 2, 'page[number]': 2 }))).toEqual([21]);
  });
});

test('an outbound voice profile is the one that connections name', async () => {
  const { data } = await telnyx.credentialConnections.retrieve(connection());
  const profile = data?.outbound?.outbound_voice_profile_id ?? '';
  expect((await telnyx.outboundVoiceProfiles.retrieve(profile)).data).toMatchObject({
    id: profile,
    enabled: true,
    daily_spend_limit: expect.stringMatching(/^\d+\.\d\d$/),
    whitelisted_destinations: expect.arrayContaining(['US']),
  });
  await expect(telnyx.outboundVoiceProfiles.retrieve('1')).rejects.toThrow(Telnyx.NotFoundError);
});

async function answer(path: string) {
  const headers = { authorization: `Bearer ${sandbox.apiKey}` };
  const response = await fetch(`${sandbox.baseUrl}${path}`, { headers });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe('an account may be refused', () => {
  const asked: [Optional, () => string][] = [
    [
      'sip_registration_status',
      () => `/sip_registration_status?credential_type=telephony_credential&username=${login}`,
    ],
    ['detail_records', () => '/detail_records?filter[record_type]=webrtc'],
    ['audit_events', () => '/audit_events'],
    ['outbound_voice_profiles', () => `/outbound_voice_profiles/${[...sandbox.world.voiceProfiles.keys()][0]}`],
  ];

  test.each(asked.flatMap(([operation, path]) => [400, 403, 404, 410].map((code) => [operation, code, path] as const)))(
    '%s with %i, and nothing else',
    async (operation, code, path) => {
      sandbox.world.refuses.set(operation, code);
      const refused = await answer(path());
      expect(refused).toMatchObject({ status: code, body: { errors: [{ code: expect.stringMatching(/^\d{5}$/) }] } });
      if (code === 404) expect(refused).toEqual(await answer('/nowhere'));
      const schema = answerSchema('GET', path().split('?')[0] ?? '', code) ?? namedSchema('ErrorResponse');
      expect(complaints(schema, refused.body)).toEqual([]);
      const rest = asked.filter(([name]) => name !== operation);
      const others = await Promise.all(rest.map(async ([, url]) => (await answer(url())).status));
      expect(others).toEqual([200, 200, 200]);
      sandbox.world.refuses.clear();
      expect((await answer(path())).status).toBe(200);
    },
  );
});

describe('the phones of the demo account', () => {
  test('are on about a third of its living credentials, and stay', async () => {
    const living = [...sandbox.world.telephony.values()].filter((record) => !sandbox.world.isExpired(record));
    const on = async () => {
      const states = await Promise.all(living.map(({ sip_username }) => seen(sip_username)));
      return states.filter((state) => state !== 'no');
    };
    const first = await on();
    expect(first.length / living.length).toBeGreaterThan(0.2);
    expect(first.length / living.length).toBeLessThan(0.5);
    // Addresses for documentation, RFC 5737.
    expect(first.filter((state) => !/^(198\.51\.100|203\.0\.113)\.\d+ \d+$/.test(state))).toEqual([]);
    pass(HOUR);
    expect(await on()).toHaveLength(first.length);
  });

  test('have called in the last three weeks, none before its credential was there or after now', () => {
    const { calls, telephony } = sandbox.world;
    const made = new Map([...telephony.values()].map((row) => [row.sip_username, instant(row.created_at)]));
    expect(calls.length).toBeGreaterThan(20);
    for (const { auth_username, started_at, finished_at } of calls) {
      expect(Date.parse(started_at)).toBeGreaterThanOrEqual(made.get(auth_username) ?? Number.POSITIVE_INFINITY);
      expect(Date.parse(started_at)).toBeGreaterThan(START - 21 * DAY);
      expect(Date.parse(finished_at)).toBeLessThanOrEqual(START);
    }
  });

  test('are few, however many credentials there are, and the same in every run', async () => {
    await using large = await startSandbox({ credentials: 20_000, now: () => new Date(START) });
    expect(large.world.calls.length).toBeLessThan(400);
    await using again = await startSandbox({ now: () => new Date(START) });
    expect(again.world.calls).toEqual(sandbox.world.calls);
    const places = ({ world }: Sandbox) => [...world.registrations].map(([name, [first]]) => [name, first?.device.ip]);
    expect(places(again)).toEqual(places(sandbox));
  });
});
