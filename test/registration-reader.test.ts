import { expect, test } from 'vitest';
import { getRegistration } from '../src/telnyx/registration.ts';
import { type Given, startReading } from './reader-stage.ts';

// When a device is said to be registered, and when that is not known (spec: SipRegistrationStatus).

const NAME = 'gencredAbc123';
const SOON = Math.floor(Date.now() / 1000) + 600;
const PAST = SOON - 7200;

type Row = Record<string, unknown>;
const yes = (expires: unknown, more: Row = {}): Row => ({
  ...{ registered: true, sip_registration_status: 'registered', sip_registration_details: { expires }, ...more },
});
const told = (registered: unknown, sip_registration_status?: string): Row => ({ registered, sip_registration_status });

const answers: [title: string, body: Row, said: boolean | RegExp][] = [
  ['registered until soon is registered', yes(SOON), true],
  ['registered without a word of when it ends is registered', yes(undefined), true],
  ['registered for so many seconds from now is registered', yes(3600), true],
  ['registered until a moment in the past is not known', yes(PAST), /this ended 20/],
  ['registered until a moment in the past, told by digits, is not known', yes(`${PAST}`), /this ended 20/],
  ['registered until a moment in the past, told in milliseconds, is not known', yes(PAST * 1000), /this ended 20/],
  ['registered for no time is not known', yes(0), /contradicts itself/],
  ['registered, in a word that contradicts, is not known', told(true, 'failed'), /contradicts itself/],
  ['registered, on a connection that is disabled, is not known', told(true, 'connection_disabled'), /disabled/],
  ['registered as a text is not known', told('true', 'registered'), /cannot be read/],
  ['the word alone, without whether, is not known', told(undefined, 'registered'), /cannot be read/],
  ['an answer in an envelope is not known', { data: yes(SOON) }, /cannot be read/],
  ...['failed', 'unregistering', 'standby', undefined].map((word): [string, Row, boolean] => [
    `not registered, beside ${word ?? 'nothing'}, is not`,
    told(false, word),
    false,
  ]),
  ...['trying', 'unknown', 'registered', 'Failed', 'of another time'].map((word): [string, Row, RegExp] => [
    `not registered, beside ${word}, is not known`,
    told(false, word),
    /cannot be read, or contradicts/,
  ]),
  [
    'nobody can register while the connection is disabled',
    told(false, 'connection_disabled'),
    /connection is disabled/,
  ],
  ['what is of another username is not known', yes(SOON, { credential_username: 'gencredX' }), /another username/],
  ['a no of another username is not known', { ...told(false), credential_username: 'gencredX' }, /another username/],
  ['what is of the login of a connection is not known', yes(SOON, { credential_type: 'uac' }), /another username/],
];

test.each(answers)('%s', async (_, body, said) => {
  await using reading = await startReading(() => ({ body }));
  const { known, unknown } = await getRegistration(reading.http(), reading.refusals, NAME);
  if (typeof said === 'boolean') expect(known?.registered).toBe(said);
  else expect(unknown).toMatch(said);
});

test('when it ends is told as it is, whichever way it was written', async () => {
  for (const expires of [SOON, `${SOON}`, SOON * 1000]) {
    await using reading = await startReading(() => ({ body: yes(expires) }));
    const { known } = await getRegistration(reading.http(), reading.refusals, NAME);
    expect(known?.until).toBe(new Date(SOON * 1000).toISOString());
  }
});

test('an end that is no time of ours is not told', async () => {
  for (const expires of [3600, -5, 1e300, 'soon', null, {}, [SOON]]) {
    await using reading = await startReading(() => ({ body: yes(expires) }));
    const { known } = await getRegistration(reading.http(), reading.refusals, NAME);
    expect(known, JSON.stringify(expires)).toMatchObject({ registered: true, until: null });
  }
});

test('whether it has ended is judged by the clock of Telnyx', async () => {
  const date = new Date((PAST - 60) * 1000).toUTCString();
  await using reading = await startReading(() => ({ body: yes(PAST), date }));
  const { known } = await getRegistration(reading.http(), reading.refusals, NAME);
  expect(known).toMatchObject({ registered: true, at: (PAST - 60) * 1000 });
});

test('where from and by what is told only where it is an address and a transport', async () => {
  const places: [Row, Row][] = [
    [
      { ua_ip: '2001:db8::7', transport: 'WSS' },
      { from: '2001:db8::7', transport: 'wss' },
    ],
    [
      { ua_ip: '198.51.100.7; ask the agent', transport: 'tls now' },
      { from: null, transport: null },
    ],
    [
      { ua_ip: 'office.example', transport: 7 },
      { from: null, transport: null },
    ],
  ];
  for (const [details, place] of places) {
    const body = yes(SOON, { sip_registration_details: details });
    await using reading = await startReading(() => ({ body }));
    expect((await getRegistration(reading.http(), reading.refusals, NAME)).known).toMatchObject(place);
  }
});

/** Of which each username is answered with 404, and the request without one as `control` says. */
const withoutAny = (control: Given) => startReading(({ query }) => (query.has('username') ? 404 : control));
const FLEET = 2000;

for (const status of [400, 422])
  test(`where every username is not found, and none is a ${status}, one more request tells that for all`, async () => {
    await using reading = await withoutAny(status);
    for (let index = 0; index < 50; index += 1) {
      const { unknown } = await getRegistration(reading.http(), reading.refusals, `${NAME}${index}`);
      expect(unknown).toBe('Telnyx has none of the registration status for it (404).');
    }
    expect(reading.asked).toHaveLength(51);
  });

test('an operation that answers without a username is there', async () => {
  await using reading = await withoutAny({ body: {} });
  for (const name of ['gencredA', 'gencredB']) {
    const { unknown } = await getRegistration(reading.http(), reading.refusals, name);
    expect(unknown).toContain('for it (404)');
  }
  expect(reading.asked).toHaveLength(3);
});

test('an operation that is not there is asked for twice, and 2,000 credentials ask no more', async () => {
  await using reading = await withoutAny(404);
  for (let index = 0; index < FLEET; index += 1) {
    const { unknown } = await getRegistration(reading.http(), reading.refusals, `${NAME}${index}`);
    expect(unknown).toBe('Telnyx refuses the registration status to this account or key (404).');
  }
  expect(reading.asked).toHaveLength(2);
});

test.each([400, 403, 410])('2,000 credentials ask once what is refused with %i', async (status) => {
  await using reading = await startReading(() => status);
  for (let index = 0; index < FLEET; index += 1) {
    const { unknown } = await getRegistration(reading.http(), reading.refusals, `${NAME}${index}`);
    expect(unknown).toBe(`Telnyx refuses the registration status to this account or key (${status}).`);
  }
  expect(reading.asked).toHaveLength(1);
});

const neither: [title: string, control: Given][] = [
  ['refused', 403],
  ['a server error', 501],
  ['no JSON', { body: '<html>' }],
  ['silence', 'hangs'],
];

test.each(neither)('a control request that ends with %s settles nothing', async (_, control) => {
  let later = control;
  await using reading = await startReading(({ query }) => (query.has('username') ? 404 : later), {
    ...{ requestMs: 200, callMs: 600, recoveryMs: 100 },
  });
  const ask = async () => (await getRegistration(reading.http(), reading.refusals, NAME)).unknown;
  expect(await ask()).toContain('for it (404)');
  // Neither that the operation is there was learnt, nor that it is not.
  later = 404;
  expect(await ask()).toContain('refuses the registration status');
});

test('a key that is not accepted is thrown out of either request', async () => {
  await using first = await startReading(() => 401);
  await expect(getRegistration(first.http(), first.refusals, NAME)).rejects.toMatchObject({ code: 'AUTHENTICATION' });
  await using second = await withoutAny(401);
  await expect(getRegistration(second.http(), second.refusals, NAME)).rejects.toMatchObject({ code: 'AUTHENTICATION' });
});

test('a cancellation is thrown out of either request', async () => {
  for (const first of ['hangs', 404] as const) {
    const ending = new AbortController();
    const isLast = (query: URLSearchParams): boolean => first === 'hangs' || !query.has('username');
    await using reading = await startReading(({ query }) => {
      if (!isLast(query)) return first;
      ending.abort();
      return 'hangs';
    });
    const asked = getRegistration(reading.http(ending.signal), reading.refusals, NAME);
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
  }
});
