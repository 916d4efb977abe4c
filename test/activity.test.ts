import { expect, test } from 'vitest';
import { type Account, ago, CANARY, days, notRegistered, registered, Stage } from './activity-stage.ts';
import { dataOf, errorOf } from './app.ts';

interface Activity {
  id: string;
  sip_username: string | null;
  registered: string;
  calls?: { number: number };
  changes?: { fields: string[] }[];
  changes_in_all?: number;
  unknown: string[];
}

const NOTHING: Required<Pick<Account, 'registration' | 'calls' | 'changes'>> = {
  registration: notRegistered,
  calls: [],
  changes: [],
};
const NONE_TOLD = expect.stringMatching(/^No change is told\. Whether Telnyx logs .* is not documented/);
const NO_CALLS = { since: ago(days(7)), number: 0, inbound: 0, outbound: 0, minutes: 0, last_at: null };

async function seen(stage: Stage, args: object = {}): Promise<Activity> {
  return dataOf<Activity>(await stage.app.call('get_credential_activity', { id: stage.id, ...args }));
}

const cases: [title: string, account: (stage: Stage) => Account, expected: object][] = [
  [
    'a credential that nobody uses is not registered, and has no call',
    () => NOTHING,
    { registered: 'no', calls: NO_CALLS, changes: [], changes_in_all: 0, unknown: [NONE_TOLD] },
  ],
  [
    'a device that is registered shows from where, how and until when',
    () => ({ ...NOTHING, registration: registered() }),
    {
      registered: 'yes',
      registered_from: '198.51.100.7',
      transport: 'tls',
      registered_until: '2026-11-27T13:05:00.000Z',
      calls: NO_CALLS,
      changes: [],
      changes_in_all: 0,
      unknown: [NONE_TOLD],
    },
  ],
  [
    'what a registration says of itself beside the documentation is left out',
    () => ({
      ...NOTHING,
      registration: registered({}, { ua_ip: `198.51.100.7; ${CANARY}`, transport: CANARY, expires: CANARY }),
    }),
    { registered: 'yes', registered_from: null, transport: null, registered_until: null },
  ],
  [
    'calls are counted by their direction, with minutes, cost and the last of them',
    (stage) => ({
      ...NOTHING,
      calls: [
        stage.call(90),
        stage.call(30, { direction: 'inbound', finished_at: ago(29.5) }),
        stage.call(60, { direction: CANARY, cost: 1.2, currency: 'EUR' }),
      ],
    }),
    {
      calls: { number: 3, inbound: 1, outbound: 1, minutes: 4.5, cost: '1.20 EUR and 0.03 USD', last_at: ago(30) },
      unknown: [NONE_TOLD],
    },
  ],
  [
    'a fraction of a cent is not nothing, and a cost without a currency is not told',
    (stage) => ({
      ...NOTHING,
      calls: [stage.call(1, { cost: '0.0035' }), stage.call(2, { currency: CANARY }), stage.call(3, { cost: null })],
    }),
    {
      calls: { number: 3, cost: '0.0035 USD' },
      unknown: ['Of 2 of the calls Telnyx does not tell the cost.', NONE_TOLD],
    },
  ],
  [
    'of calls of which no cost is told none is given',
    (stage) => ({ ...NOTHING, calls: [stage.call(1, { cost: undefined })] }),
    {
      calls: expect.not.objectContaining({ cost: expect.anything() }),
      unknown: ['Of 1 of the calls Telnyx does not tell the cost.', NONE_TOLD],
    },
  ],
  [
    'of more than three currencies the others are counted',
    (stage) => ({
      ...NOTHING,
      calls: ['USD', 'EUR', 'GBP', 'CHF', 'JPY'].map((currency) => stage.call(1, { currency, cost: 1 })),
    }),
    { calls: { cost: '1.00 CHF and 1.00 EUR and 1.00 GBP and 2 more currencies' } },
  ],
  [
    'a call that began before the days that were asked for and ended in them counts, an older one does not',
    (stage) => ({
      ...NOTHING,
      calls: { last_week: [stage.call(days(7) + 1), stage.call(days(7) + 10), stage.call(days(9))] },
    }),
    { calls: { number: 1, last_at: ago(days(7) + 1) } },
  ],
  [
    '51 records over two pages are 51 calls',
    (stage) => ({ ...NOTHING, calls: Array.from({ length: 51 }, (_, index) => stage.call(index + 5)) }),
    { calls: { number: 51, last_at: ago(5) } },
  ],
  [
    'a range of dates that Telnyx does not heed counts no call twice',
    (stage) => ({ ...NOTHING, calls: { this_week: [stage.call(5)], last_week: [stage.call(5)] } }),
    { calls: { number: 1 } },
  ],
  [
    'a last page without a record ends the list',
    (stage) => ({ ...NOTHING, calls: Array.from({ length: 50 }, (_, index) => stage.call(index + 5)) }),
    { calls: { number: 50 } },
  ],
  [
    'records of another credential are none of its calls',
    (stage) => ({ ...NOTHING, calls: [stage.call(5), stage.call(6, { auth_username: 'gencredOther' })] }),
    { calls: { number: 1 }, unknown: [NONE_TOLD] },
  ],
  [
    'records that may be of anyone make the calls a part',
    (stage) => ({ ...NOTHING, calls: [stage.call(5), stage.call(6, { auth_username: undefined })] }),
    {
      calls: { number: 1 },
      unknown: [expect.stringMatching(/^The calls may be more: Of some records nobody can tell/), NONE_TOLD],
    },
  ],
  [
    'an audit event shows who, when and which fields, and never a value',
    (stage) => ({
      ...NOTHING,
      changes: [
        stage.change(5, { changes: [{ field: 'expires_at', from: CANARY, to: CANARY }, { field: 'name' }] }),
        stage.change(9, {
          change_made_by: CANARY,
          change_type: `${CANARY} \u202e`,
          resource_id: 'x',
          alternate_resource_id: stage.id,
        }),
      ],
    }),
    {
      changes: [
        { at: ago(5), by: 'account_owner', what: 'update', fields: ['expires_at', 'name'] },
        { at: ago(9), by: 'unknown', what: null, fields: ['name'] },
      ],
      changes_in_all: 2,
      unknown: [],
    },
  ],
  [
    'of many changes the latest five are shown, whatever order they come in, and all are counted',
    (stage) => ({ ...NOTHING, changes: Array.from({ length: 120 }, (_, index) => stage.change(200 - index)) }),
    { changes: [81, 82, 83, 84, 85].map((minutes) => ({ at: ago(minutes) })), changes_in_all: 120 },
  ],
  [
    'of many fields three are named',
    (stage) => ({
      ...NOTHING,
      changes: [stage.change(1, { changes: ['a', 'b', 'c', 'd', 'e'].map((field) => ({ field, from: 1, to: 2 })) })],
    }),
    { changes: [{ fields: ['a', 'b', 'c', '2 more'] }] },
  ],
  [
    'changes of other things are not its own',
    (stage) => ({ ...NOTHING, changes: [stage.change(1, { resource_id: 'another' })] }),
    { changes: [], changes_in_all: 0, unknown: [NONE_TOLD] },
  ],
];

test.concurrent.each(cases)('%s', async (_, account, expected) => {
  await using stage = await Stage.start(account);
  const found = await seen(stage);
  expect(found).toMatchObject({ id: stage.id, sip_username: stage.username, ...expected });
  expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(2048);
  expect(JSON.stringify(found)).not.toContain(CANARY);
});

const contradictions: [title: string, answer: Record<string, unknown>, says: RegExp][] = [
  ['ended in the past', registered({}, { expires: 1_764_000_000 }), /ended 2025-/],
  ['has the status of one that failed', registered({ sip_registration_status: 'failed' }), /contradicts itself/],
  ['is denied with the status registered', registered({ registered: false }), /contradicts itself/],
  ['is being tried', { registered: false, sip_registration_status: 'trying' }, /contradicts itself/],
  ['says nothing', {}, /cannot be read/],
  ['is of another username', registered({ credential_username: 'gencredOther' }), /another username/],
];

test.concurrent.each(contradictions)('a registration that %s is unknown, not a no', async (_, registration, says) => {
  await using stage = await Stage.start(() => ({ ...NOTHING, registration }));
  const found = await seen(stage);
  expect(found).toMatchObject({ registered: 'unknown', unknown: [expect.stringMatching(says), NONE_TOLD] });
  expect(found).not.toHaveProperty('registered_from');
});

const OPERATIONS = [
  ['registration', 'the registration status', '/sip_registration_status'],
  ['calls', 'call records', '/detail_records'],
  ['changes', 'audit events', '/audit_events'],
] as const;
const refusals = OPERATIONS.flatMap(([kind, what, path]) =>
  [400, 403, 404, 410].map((status) => [what, status, kind, path] as const),
);

/** Nothing may stand where nothing is known: a number, or a no, would be taken for one. */
function expectUnknown(found: Activity, kind: (typeof OPERATIONS)[number][0]): void {
  expect(found.registered).toBe(kind === 'registration' ? 'unknown' : 'no');
  expect('calls' in found).toBe(kind !== 'calls');
  for (const field of ['changes', 'changes_in_all']) expect(field in found).toBe(kind !== 'changes');
}

test.concurrent.each(refusals)(
  '%s refused with %s: unknown, and not asked for again',
  async (what, status, kind, path) => {
    await using stage = await Stage.start(() => ({ ...NOTHING, [kind]: status }));
    const found = await seen(stage);
    expectUnknown(found, kind);
    expect(found.unknown).toContain(`Telnyx refuses ${what} to this account or key (${status}).`);
    const asked = stage.asked(path);
    expect((await seen(stage)).unknown).toEqual(found.unknown);
    expect(stage.asked(path)).toBe(asked);
    expect(stage.app.log.join('')).not.toContain(CANARY);
  },
);

test.concurrent('a username that Telnyx has no registration of is unknown, and others are asked for', async () => {
  await using stage = await Stage.start();
  stage.app.sandbox.clearFaults();
  stage.app.sandbox.fault({
    path: '/sip_registration_status',
    times: 2,
    when: ({ query }) => query.has('username'),
    respond: { status: 404 },
  });
  stage.tells({ ...NOTHING, registration: 400 });
  for (let turn = 1; turn <= 2; turn += 1) {
    const found = await seen(stage);
    expect(found).toMatchObject({ registered: 'unknown' });
    expect(found.unknown).toContain('Telnyx has none of the registration status for it (404).');
  }
});

test.concurrent.each([500, 'a page that is no JSON'])('%s says nothing of the next time', async (answer) => {
  await using stage = await Stage.start();
  stage.app.sandbox.clearFaults();
  const respond = typeof answer === 'number' ? { status: answer } : { status: 200, body: `<html>${CANARY}</html>` };
  stage.app.sandbox.fault({ path: '/detail_records', times: 4, respond });
  stage.tells(NOTHING);
  const found = await seen(stage);
  expectUnknown(found, 'calls');
  expect(found.unknown).toContainEqual(expect.stringMatching(/^Telnyx did not tell call records: /));
  stage.app.sandbox.clearFaults();
  stage.tells(NOTHING);
  expect(await seen(stage)).toMatchObject({ calls: { number: 0 } });
});

/** Time for what answers, however busy the machine is, and an end to what does not. */
const SHORT = { limits: { requestMs: 15_000, callMs: 7000, recoveryMs: 1000 } };

const ALL = OPERATIONS.map(([kind]) => kind);

test.concurrent.each([...ALL.map((kind) => [kind, [kind]] as const), ['all three', ALL] as const])(
  'an answer about %s that never comes is unknown, and holds up nothing',
  async (_, kinds) => {
    const hanging = Object.fromEntries(kinds.map((kind) => [kind, 'hangs' as const]));
    await using stage = await Stage.start(() => ({ ...NOTHING, ...hanging }), SHORT);
    const found = await seen(stage);
    if (kinds.length === 1 && kinds[0]) expectUnknown(found, kinds[0]);
    else expect(Object.keys(found).sort()).toEqual(['id', 'registered', 'sip_username', 'unknown']);
    expect(found.unknown.filter((why) => why.startsWith('There was no time to learn'))).toHaveLength(kinds.length);
  },
);

test.concurrent('calls that are told from a later day on say since when', async () => {
  const now = new Date('2026-12-01T12:00:00Z');
  await using stage = await Stage.start(() => NOTHING, {}, now);
  const found = await seen(stage, { days: 31 });
  expect(found).toMatchObject({ calls: { since: '2026-11-01T14:00:00.000Z', number: 0 } });
  expect(found.unknown[0]).toBe('Calls are told only since 2026-11-01T14:00:00.000Z.');
});

test.concurrent('of a credential without a SIP username neither registration nor calls are asked for', async () => {
  await using stage = await Stage.start(() => NOTHING);
  const row = stage.app.sandbox.world.telephony.get(stage.id);
  if (row) row.sip_username = '';
  const found = await seen(stage);
  expect(found).toMatchObject({ sip_username: null, registered: 'unknown', changes: [] });
  expect(found.unknown).toEqual([expect.stringMatching(/does not tell the SIP username/), NONE_TOLD]);
  expect(found).not.toHaveProperty('calls');
  for (const path of ['/sip_registration_status', '/detail_records']) expect(stage.asked(path)).toBe(0);
});

test.concurrent('whatever comes, the answer stays under 2 KB', async () => {
  await using stage = await Stage.start((of) => ({
    registration: registered({}, { ua_ip: '2001:0db8:0000:0000:0000:0000:0000:0001' }),
    calls: [
      ...['USD', 'EUR', 'GBP', 'CHF', 'JPY'].map((currency) => of.call(1, { currency, cost: 123_456_789.01 })),
      of.call(2, { auth_username: null, cost: null }),
      of.call(2, { cost: null }),
    ],
    changes: Array.from({ length: 50 }, (_, index) =>
      of.change(index, {
        change_made_by: 'organization_member',
        change_type: 'a'.repeat(40),
        changes: Array.from({ length: 40 }, (_, field) => ({ field: `f${field}_${'x'.repeat(55)}` })),
      }),
    ),
  }));
  expect(Buffer.byteLength(JSON.stringify(await seen(stage)))).toBeLessThan(2048);
});

test.concurrent('an id that nobody has is not found, and days are 1 to 31', async () => {
  await using stage = await Stage.start(() => NOTHING);
  const call = (args: object) => stage.app.call('get_credential_activity', { id: stage.id, ...args });
  expect(errorOf(await call({ id: '0ccc7b76-4df3-4bca-a05a-3da1ecc389f0' })).code).toBe('NOT_FOUND');
  for (const wrong of [0, 32, 1.5]) expect(errorOf(await call({ days: wrong })).code).toBe('BAD_INPUT');
  expect(stage.asked('/detail_records')).toBe(0);
});

test.concurrent('a key that Telnyx does not accept is an error, whatever it was asked for', async () => {
  await using stage = await Stage.start(() => ({ ...NOTHING, changes: 401 }));
  expect(errorOf(await stage.app.call('get_credential_activity', { id: stage.id })).code).toBe('AUTHENTICATION');
});
