import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Phone } from '../src/sandbox/phones.ts';
import { type Account, ago, CANARY, days, NOW, notRegistered, registered, Stage } from './activity-stage.ts';
import { dataOf, errorOf, startApp, yes } from './app.ts';

interface Leak {
  credential: { id: string; sip_username: string; expired: boolean };
  activity: { registered: string; calls?: { number: number; since: string } };
  reach: { calls_out: string; why: string; connection?: object; voice_profile?: Record<string, string> };
  unusual?: string[];
  same_name?: { id: string; connection_id: string; expired: boolean }[];
  unknown: string[];
  next: { tool: string; arguments: Record<string, string>; why: string };
}

const PROFILE = 'a1b2c3';
const connection = (of: Stage, more: object = {}): Record<string, unknown> => ({
  data: {
    id: of.connection,
    connection_name: 'Mobile app',
    active: true,
    outbound: { outbound_voice_profile_id: PROFILE, localization: CANARY },
    password: CANARY,
    webhook_event_url: `https://${CANARY}.example`,
    ...more,
  },
});
const profile = (more: object = {}): Record<string, unknown> => ({
  data: {
    id: PROFILE,
    name: 'Default',
    enabled: true,
    traffic_type: CANARY,
    concurrent_call_limit: 10,
    daily_spend_limit: '100',
    daily_spend_limit_enabled: true,
    max_destination_rate: 0.25,
    whitelisted_destinations: ['US', 'CA'],
    call_recording: { caller_phone_numbers: [CANARY] },
    ...more,
  },
});
const KNOWN = (of: Stage): Account & { connection: Record<string, unknown>; profile: Record<string, unknown> } => ({
  registration: notRegistered,
  calls: [],
  changes: [of.change(5)],
  connection: connection(of),
  profile: profile(),
});

async function assess(stage: Stage, args: object = { id: stage.id }): Promise<Leak> {
  return dataOf<Leak>(await stage.app.call('assess_leak', { ...args }));
}

/** The record of the account of a credential, to be changed. */
function recordOf({ app, id }: Stage) {
  const row = app.sandbox.world.telephony.get(id);
  if (!row) throw new Error('no such credential');
  return row;
}

test.concurrent('one call tells who uses it, where it can call, who else has its name, and what ends it', async () => {
  await using stage = await Stage.start((of) => ({
    ...KNOWN(of),
    registration: registered(),
    calls: { this_month: [of.call(days(20))], this_week: [of.call(30)], last_month: [] },
  }));
  const { id, username, connection: connection_id } = stage;
  const row = recordOf(stage);
  const found = await assess(stage);
  expect(found).toEqual({
    credential: { id, name: row.name, connection_id, sip_username: username, expired: false, expires_at: null },
    activity: {
      registered: 'yes',
      registered_from: '198.51.100.7',
      transport: 'tls',
      registered_until: '2026-11-27T13:05:00.000Z',
      calls: {
        ...{ since: ago(days(7)), number: 1, inbound: 0, outbound: 1, minutes: 2, cost: '0.015 USD' },
        last_at: ago(30),
      },
      changes: [{ at: ago(5), by: 'account_owner', what: 'update', fields: ['name'] }],
      changes_in_all: 1,
    },
    reach: {
      calls_out: 'yes',
      why: 'It can call out: its connection is active and has an outbound voice profile that is enabled.',
      connection: { id: connection_id, name: 'Mobile app', active: 'yes' },
      voice_profile: {
        id: PROFILE,
        name: 'Default',
        enabled: 'yes',
        daily_spend_limit: '$100.00 a day',
        destinations: 'US, CA',
        concurrent_calls: '10 at once',
        highest_rate: '$0.25 a minute',
      },
    },
    unusual: [],
    same_name: [],
    unknown: [],
    next: {
      tool: 'rotate_telephony_credential',
      arguments: { id, overlap: '0', reason: 'it leaked' },
      why: 'A successor takes its place, and it is deleted at once: whoever uses it is cut off, the finder too.',
    },
  });
  for (const text of [JSON.stringify(found), stage.app.log.join('')]) expect(text).not.toContain(CANARY);
  expect(await assess(stage, { sip_username: username })).toEqual(found);
});

const reaches: [
  title: string,
  account: (of: Stage) => Partial<Account>,
  calls_out: string,
  why: RegExp,
  profile?: object,
][] = [
  [
    'a connection without an outbound voice profile cannot call out',
    (of) => ({ connection: connection(of, { outbound: { outbound_voice_profile_id: '' } }) }),
    'no',
    /no outbound voice profile/,
  ],
  [
    'a connection that is not active cannot call out',
    (of) => ({ connection: connection(of, { active: false }) }),
    'no',
    /not active/,
  ],
  [
    'a profile that is disabled lets nobody call out',
    () => ({ profile: profile({ enabled: false }) }),
    'no',
    /disabled/,
    { enabled: 'no' },
  ],
  [
    'a connection that does not say whether it has a profile is unknown',
    (of) => ({ connection: connection(of, { outbound: undefined }) }),
    'unknown',
    /does not say whether .* has/,
  ],
  [
    'a connection that does not say whether it is active is unknown',
    (of) => ({ connection: connection(of, { active: 'true' }) }),
    'unknown',
    /whether its connection is active/,
  ],
  [
    'a profile that does not say whether it is enabled is unknown',
    () => ({ profile: profile({ enabled: null }) }),
    'unknown',
    /is enabled/,
    { enabled: 'unknown' },
  ],
  [
    'a profile without limits has none, and one that lists no country lists none',
    () => ({
      profile: profile({
        concurrent_call_limit: null,
        daily_spend_limit_enabled: false,
        max_destination_rate: null,
        whitelisted_destinations: [],
      }),
    }),
    'yes',
    /can call out/,
    {
      daily_spend_limit: 'no limit',
      destinations: 'none listed',
      concurrent_calls: 'no limit',
      highest_rate: 'no limit',
    },
  ],
  [
    'limits that are not told, or are no limits, are unknown and not none',
    () => ({
      profile: profile({
        concurrent_call_limit: CANARY,
        daily_spend_limit: `100 ${CANARY}`,
        max_destination_rate: undefined,
        whitelisted_destinations: CANARY,
      }),
    }),
    'yes',
    /can call out/,
    {
      daily_spend_limit: 'unknown',
      destinations: 'unknown',
      concurrent_calls: 'unknown',
      highest_rate: 'unknown',
    },
  ],
  [
    'a limit that does not say whether it applies is unknown',
    () => ({ profile: profile({ daily_spend_limit_enabled: undefined }) }),
    'yes',
    /can call out/,
    { daily_spend_limit: 'unknown' },
  ],
  [
    'of many destinations the first are named and all are counted',
    () => ({
      profile: profile({
        whitelisted_destinations: Array.from({ length: 26 }, (_, index) => `A${String.fromCharCode(65 + index)}`),
      }),
    }),
    'yes',
    /can call out/,
    { destinations: expect.stringMatching(/^26 countries: AA, AB, .* AT and 6 more$/) },
  ],
  ['a connection that is gone is unknown', () => ({ connection: 404 }), 'unknown', /connection is not known/],
  ...([400, 403, 404, 410] as const).map((status): [string, () => Partial<Account>, string, RegExp] => [
    `a profile that is answered with ${status} is unknown`,
    () => ({ profile: status }),
    'unknown',
    /outbound voice profile of its connection is not known/,
  ]),
];

test.concurrent.each(reaches)('%s', async (_, account, calls_out, why, voice_profile) => {
  await using stage = await Stage.start((of) => ({ ...KNOWN(of), ...account(of) }));
  const { reach, unknown } = await assess(stage);
  expect(reach).toMatchObject({ calls_out, why: expect.stringMatching(why), ...(voice_profile && { voice_profile }) });
  const isAsked = ['connection', 'profile'].some((part) => typeof account(stage)[part as 'profile'] === 'number');
  expect(unknown).toHaveLength(isAsked ? 1 : 0);
  expect(JSON.stringify([reach, unknown])).not.toContain(CANARY);
});

test.concurrent('calls of the last three days are held against all before', async () => {
  await using stage = await Stage.start((of) => ({
    ...KNOWN(of),
    calls: {
      last_month: [of.call(days(40))],
      this_month: [...many(of, 12)],
      this_week: [...many(of, 12)],
    },
  }));
  const { unusual, activity } = await assess(stage);
  expect(activity.calls).toMatchObject({ number: 12, outbound: 12 });
  expect(unusual).toEqual([
    '12 calls to Cuba (CU), which was never called before; the first 2026-11-27 11:00 UTC.',
    '12 calls within an hour from 2026-11-27 11:00 UTC; before, an hour had 1 at the most.',
  ]);
});

const many = (of: Stage, number: number) =>
  Array.from({ length: number }, (_, index) => of.call(60 - index, { cld: '+5371234567' }));

test.concurrent('a part of the calls says that what is unusual rests on a part', async () => {
  await using stage = await Stage.start((of) => ({
    ...KNOWN(of),
    calls: { this_month: [of.call(5, { auth_username: null })] },
  }));
  const { unusual, unknown } = await assess(stage);
  expect(unusual).toEqual([]);
  expect(unknown).toEqual([expect.stringMatching(/^What is unusual rests on a part of the calls: Of some records/)]);
});

test.concurrent('a phone that calls where nobody called before is seen as Telnyx documents it', async () => {
  await using t = await startApp({ now: () => NOW, sandbox: { now: () => NOW } });
  const { world } = t.sandbox;
  const row = [...world.telephony.values()].find((one) => !world.isExpired(one));
  const username = `${row?.sip_username}`;
  for (const at of [days(2), days(20)]) {
    const to = at < days(3) ? '+5371234567' : '+12025550100';
    new Phone(world, { ip: '203.0.113.9' }).call({ with: to, at: new Date(ago(at)), seconds: 90 }, username);
  }
  new Phone(world, { ip: '203.0.113.9' }).register(username);
  const found = dataOf<Leak>(await t.call('assess_leak', { sip_username: username }));
  expect(found).toMatchObject({
    credential: { id: row?.id },
    activity: {
      registered: 'yes',
      registered_from: '203.0.113.9',
      transport: 'wss',
      calls: { number: 1, minutes: 1.5 },
    },
    reach: { calls_out: 'yes', voice_profile: { enabled: 'yes' } },
    unusual: [expect.stringContaining('1 call to Cuba (CU)')],
  });
});

test.concurrent('where everything is refused all of it is unknown, and what ends it is still told', async () => {
  await using stage = await Stage.start(() => ({ connection: 403 }));
  const { activity, reach, unusual, unknown, next, same_name } = await assess(stage);
  expect(activity).toEqual({ registered: 'unknown' });
  expect(reach).toEqual({ calls_out: 'unknown', why: 'Its connection is not known.' });
  expect(unusual).toBeUndefined();
  expect(same_name).toEqual([]);
  expect(unknown.sort()).toEqual([
    expect.stringMatching(/^Telnyx did not tell its connection: /),
    'Telnyx refuses audit events to this account or key (403).',
    'Telnyx refuses call records to this account or key (403).',
    'Telnyx refuses the registration status to this account or key (403).',
  ]);
  expect(next.tool).toBe('rotate_telephony_credential');
  expect(JSON.stringify([unknown, stage.app.log])).not.toContain(CANARY);
});

/** Time for what answers, however busy the machine is, and an end to what does not. */
const SHORT = { limits: { requestMs: 15_000, callMs: 7000, recoveryMs: 1000 } };

test.concurrent.each([
  ['the connection', (of: Stage) => ({ ...KNOWN(of), connection: 'hangs' as const }), ['its connection']],
  ['the voice profile', (of: Stage) => ({ ...KNOWN(of), profile: 'hangs' as const }), ['its outbound voice profile']],
  ['the calls', (of: Stage) => ({ ...KNOWN(of), calls: 'hangs' as const }), ['its calls of before', 'its calls']],
  [
    'all of it',
    (): Account => ({
      ...{ registration: 'hangs', calls: 'hangs', changes: 'hangs', connection: 'hangs', profile: 'hangs' },
    }),
    ['its calls of before', 'its calls', 'its connection', 'the registration status', 'who changed it'],
  ],
] as const)('an answer comes in time when %s never does', async (_, account, unknown) => {
  await using stage = await Stage.start(account as (of: Stage) => Account, SHORT);
  const found = await assess(stage);
  expect(found.unknown.sort()).toEqual(unknown.map((what) => `There was no time to learn ${what}.`));
  expect(found.next.tool).toBe('rotate_telephony_credential');
});

test.concurrent('a list of others of its name that never comes is unknown', async () => {
  await using stage = await Stage.start(KNOWN, SHORT);
  stage.app.sandbox.fault({ path: '/telephony_credentials', times: Number.POSITIVE_INFINITY, hang: 'before' });
  const found = await assess(stage);
  expect(found).not.toHaveProperty('same_name');
  expect(found.unknown).toEqual(['There was no time to learn which others have its name.']);
});

/** More credentials of an account, like the one that leaked but for what is given. */
function alike(stage: Stage, number: number, more: object = {}): string[] {
  const { telephony } = stage.app.sandbox.world;
  return Array.from({ length: number }, (_, index) => {
    const id = `alike-${telephony.size}-${index}`;
    telephony.set(id, { ...recordOf(stage), id, sip_username: `gencred${id}`, ...more });
    return id;
  });
}

test.concurrent('others of the same name are told, on any connection, and no look-alikes', async () => {
  await using stage = await Stage.start(KNOWN);
  const ids = [
    ...alike(stage, 1),
    ...alike(stage, 1, { resource_id: 'connection:77' }),
    ...alike(stage, 1, { expired: true }),
  ];
  alike(stage, 1, { name: `${recordOf(stage).name}-2` });
  const { same_name, unknown } = await assess(stage);
  expect(same_name?.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))).toEqual([
    { id: ids[0], connection_id: stage.connection, expired: false },
    { id: ids[1], connection_id: '77', expired: false },
    { id: ids[2], connection_id: stage.connection, expired: true },
  ]);
  expect(unknown).toEqual([]);
});

test.concurrent('of many others of the same name ten are shown, and that there are more is said', async () => {
  await using stage = await Stage.start(KNOWN);
  alike(stage, 11);
  const { same_name, unknown } = await assess(stage);
  expect(same_name).toHaveLength(10);
  expect(unknown).toEqual([expect.stringMatching(/^More credentials may have the same name/)]);
});

test.concurrent('a filter by name that is not heeded leaves it open whether there are others', async () => {
  await using stage = await Stage.start(KNOWN);
  const other = { ...recordOf(stage), id: 'other', name: 'other', tag: undefined };
  const data = Array.from({ length: 11 }, (_, index) => ({ ...other, id: `other-${index}` }));
  stage.app.sandbox.fault({
    path: '/telephony_credentials',
    respond: { status: 200, body: { data, meta: { total_results: 40, total_pages: 4 } } },
  });
  const { same_name, unknown } = await assess(stage);
  expect(same_name).toEqual([]);
  expect(unknown).toEqual([expect.stringMatching(/^More credentials may have the same name/)]);
});

test.concurrent('next is ready to call: it makes a successor and ends the one that leaked', async () => {
  await using stage = await Stage.start(KNOWN, { person: yes });
  const { next } = await assess(stage);
  const { status } = dataOf(await stage.app.call(next.tool, next.arguments));
  expect(status).toBe('done');
  expect(stage.app.sandbox.world.telephony.get(stage.id)).toBeUndefined();
  expect(stage.app.asked).toHaveLength(1);
});

const TOKEN = /^\/telephony_credentials\/.*\/token$/;
const ends: [title: string, prepare: (stage: Stage) => Promise<unknown>, tool: string][] = [
  [
    'one that has expired is deleted',
    async (stage) => Object.assign(recordOf(stage), { expired: true }),
    'delete_telephony_credential',
  ],
  [
    'one whose connection Telnyx does not tell is deleted',
    async (stage) => Object.assign(recordOf(stage), { resource_id: '' }),
    'delete_telephony_credential',
  ],
  [
    'the old one of a rotation whose successor works is deleted',
    (stage) => stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' }),
    'delete_telephony_credential',
  ],
  [
    'a rotation whose successor was not seen to log in is gone on with',
    async (stage) => {
      stage.app.sandbox.fault({ path: TOKEN, respond: { status: 403 } });
      await stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' });
    },
    'continue_rotation',
  ],
  [
    'a rotation that is being undone is gone on with',
    async (stage) => {
      const begun = await stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' });
      stage.app.sandbox.fault({ method: 'DELETE', path: /^\/telephony_credentials\//, respond: { status: 403 } });
      await stage.app.call('roll_back_rotation', { id: dataOf<{ rotation: { id: string } }>(begun).rotation.id });
    },
    'continue_rotation',
  ],
  [
    'one that was rolled back is rotated',
    async (stage) => {
      const begun = await stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' });
      await stage.app.call('roll_back_rotation', { id: dataOf<{ rotation: { id: string } }>(begun).rotation.id });
    },
    'rotate_telephony_credential',
  ],
];

test.concurrent.each(ends)('%s', async (_, prepare, tool) => {
  await using stage = await Stage.start(KNOWN, { person: yes });
  await prepare(stage);
  const { next } = await assess(stage);
  expect(next.tool).toBe(tool);
  const made = await stage.app.call(next.tool, next.arguments);
  expect(made.isError).toBeFalsy();
  // Going on with what hindered it before brings about a state from which the next assessment ends it.
  if (tool === 'continue_rotation') expect((await assess(stage)).next.tool).not.toBe(tool);
  else expect(stage.app.sandbox.world.telephony.get(stage.id)).toBeUndefined();
});

test.concurrent('the successor of a rotation that is not finished is gone on with', async () => {
  await using stage = await Stage.start(KNOWN, { person: yes });
  stage.app.sandbox.fault({ path: TOKEN, times: Number.POSITIVE_INFINITY, respond: { status: 403 } });
  await stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' });
  const [rotation] = dataOf<{ rotations: { id: string; successor: { id: string } }[] }>(
    await stage.app.call('get_rotation'),
  ).rotations;
  const { next } = await assess(stage, { id: rotation?.successor.id });
  expect(next).toMatchObject({ tool: 'continue_rotation', arguments: { id: rotation?.id } });
});

test.concurrent('one whose rotations cannot be relied on is deleted, and that is said', async () => {
  await using stage = await Stage.start(KNOWN, { person: yes });
  const begun = await stage.app.call('rotate_telephony_credential', { id: stage.id, overlap: '24h' });
  const { id } = dataOf<{ rotation: { id: string } }>(begun).rotation;
  const file = join(stage.app.stateDir, 'journal/open', `${id}.jsonl`);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"verify"', '"tag"'));
  const { next, unknown } = await assess(stage);
  expect(next).toMatchObject({ tool: 'delete_telephony_credential', arguments: { id: stage.id } });
  expect(unknown).toEqual([expect.stringMatching(/^Whether a rotation of it is open is not known: .* altered/)]);
  expect((await stage.app.call('rotate_telephony_credential', { id: stage.id })).isError).toBe(true);
  expect((await stage.app.call(next.tool, next.arguments)).isError).toBeFalsy();
});

test.concurrent.each([{}, { id: 'x', sip_username: 'y' }, { id: '', sip_username: null }])(
  'exactly one of id and sip_username is taken: %j is none',
  async (args) => {
    await using stage = await Stage.start(KNOWN);
    const failure = errorOf(await stage.app.call('assess_leak', args));
    expect(failure).toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/one of the two/) });
    expect(stage.app.sandbox.requests).toEqual([]);
  },
);

test.concurrent('an id or a SIP username that nobody has is not found, and says where to look', async () => {
  await using stage = await Stage.start(KNOWN);
  expect(errorOf(await stage.app.call('assess_leak', { id: 'none' })).code).toBe('NOT_FOUND');
  const failure = errorOf(await stage.app.call('assess_leak', { sip_username: 'gencredNone' }));
  expect(failure).toMatchObject({ code: 'NOT_FOUND', next: expect.stringMatching(/list_telephony_credentials/) });
});

test.concurrent('of several with one SIP username each is named', async () => {
  await using stage = await Stage.start(KNOWN);
  const [other] = alike(stage, 1, { sip_username: stage.username });
  const failure = errorOf(await stage.app.call('assess_leak', { sip_username: stage.username }));
  expect(failure.code).toBe('CONFLICT');
  for (const id of [stage.id, other]) expect(failure.message).toContain(id);
  expect(failure.next).toMatch(/by its id/);
});

test.concurrent('a filter by SIP username that is not heeded is not taken for a no', async () => {
  await using stage = await Stage.start(KNOWN);
  const data = Array.from({ length: 10 }, (_, index) => ({ id: `other-${index}`, sip_username: 'other' }));
  stage.app.sandbox.fault({ path: '/telephony_credentials', respond: { status: 200, body: { data } } });
  const failure = errorOf(await stage.app.call('assess_leak', { sip_username: stage.username }));
  expect(failure).toMatchObject({ code: 'UNEXPECTED_RESPONSE', next: expect.stringMatching(/may still be there/) });
});

test.concurrent('of one without a SIP username or a name that is said, and the rest is told', async () => {
  await using stage = await Stage.start(KNOWN);
  Object.assign(recordOf(stage), { sip_username: '', name: '' });
  const found = await assess(stage);
  expect(found).toMatchObject({
    credential: { sip_username: null, name: null },
    reach: { calls_out: 'yes' },
    same_name: [],
  });
  expect(found).not.toHaveProperty('unusual');
  expect(found.unknown).toEqual([expect.stringMatching(/does not tell the SIP username/)]);
});

test.concurrent('what happened by the clock of Telnyx, minutes ahead of ours, counts by ours', async () => {
  const ahead = new Date(NOW.getTime() + 10 * 60_000);
  await using stage = await Stage.start(
    (of) => ({ ...KNOWN(of), calls: { this_week: [of.call(-5)], this_month: [of.call(-5)] } }),
    { sandbox: { now: () => ahead } },
  );
  const { activity } = await assess(stage);
  expect(activity.calls).toMatchObject({ number: 1, last_at: ago(5) });
});
