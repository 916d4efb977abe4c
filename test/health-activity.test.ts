import { expect, test } from 'vitest';
import { Phone } from '../src/sandbox/phones.ts';
import type { TelephonyRecord } from '../src/sandbox/world.ts';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';
import { addMembers, CONNECTION, ROTATE, rest } from './fleet-account.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ALWAYS = Number.POSITIVE_INFINITY;
const REGISTRATION = '/sip_registration_status';
const RECORDS = '/detail_records';
// Late in a month: records surely reach back to the first of the last one, in whatever zone Telnyx reckons days.
const START = Date.parse('2026-11-27T12:00:00Z');

interface Report {
  complete: boolean;
  note?: string;
  read: { list: string; rows: number; of?: number; complete: boolean; why?: string }[];
  findings: {
    finding: string;
    severity: string;
    count: number;
    says: string;
    examples: Record<string, unknown>[];
    next?: { tool: string; arguments: Record<string, unknown> };
    cursor?: string;
  }[];
}

const iso = (at: number): string => new Date(at).toISOString();

interface Stage extends Started {
  now(): number;
  advance(ms: number): void;
  /** Puts a credential into the account that was made so long ago, and lives for years. */
  add(name: string, age?: number, change?: Partial<TelephonyRecord>): TelephonyRecord;
  /** A phone of the account, at 198.51.100.7. */
  phone: Phone;
  /** The account is refused to be told of registrations and of calls, each with its status. */
  refuse(registration: number | undefined, records?: number): void;
  report(args?: Record<string, unknown>): Promise<Report>;
  activity(args?: Record<string, unknown>): Promise<Report>;
  /** The queries of the requests so far of that path. */
  requested(path: string): URLSearchParams[];
}

/** A server on an account without telephony credentials, at a time that stands still. */
async function stage(options: Options = {}): Promise<Stage> {
  let at = START;
  const now = () => new Date(at);
  const started = await startApp({
    person: yes,
    now,
    // A busy machine takes long; where the time of a call is what a test is about, it says so.
    limits: { requestMs: 60_000, callMs: 600_000, recoveryMs: 5000 },
    ...options,
    sandbox: { now, ...options.sandbox },
  });
  const { sandbox } = started;
  const { world } = sandbox;
  await world.ready;
  const [template] = world.telephony.values();
  world.telephony.clear();
  const report = async (args: Record<string, unknown> = {}): Promise<Report> => {
    const result = await started.call('report_credential_health', args);
    if (result.isError) throw new Error(textOf(result));
    expect(Buffer.byteLength(JSON.stringify(result.structuredContent))).toBeLessThan(8192);
    return dataOf<Report>(result);
  };
  const zoneless = (time: number): string => iso(time).slice(0, 19);
  return {
    ...started,
    now: () => at,
    advance: (ms) => {
      at += ms;
    },
    add(name, age = 400 * DAY, change = {}) {
      const dates = { created_at: zoneless(at - age), expires_at: zoneless(at + 700 * DAY), expired: false };
      const record = {
        ...template,
        id: name,
        name,
        sip_username: `gen${name}`,
        ...dates,
        ...change,
      } as TelephonyRecord;
      world.telephony.set(record.id, record);
      return record;
    },
    phone: new Phone(world, { ip: '198.51.100.7' }),
    refuse(registration, records) {
      if (registration !== undefined) world.refuses.set('sip_registration_status', registration);
      if (records !== undefined) world.refuses.set('detail_records', records);
    },
    report,
    activity: (args = {}) => report({ sections: ['activity'], ...args }),
    requested: (path) => sandbox.requests.filter((request) => request.path === path).map(({ query }) => query),
  };
}

const find = ({ findings }: Report, wanted: string) => findings.find(({ finding }) => finding === wanted);
const row = ({ read }: Report, wanted: string) => read.find(({ list }) => list === wanted);
const idsOf = (report: Report, wanted: string) => find(report, wanted)?.examples.map(({ id }) => id) ?? [];

const USER = 'genphone';
const LATELY = START - 9 * DAY;

/** Changes what the account answers about calls, or about a registration. */
const rewritten =
  (path: string, change: (body: Record<string, unknown>) => unknown): Play =>
  ({ sandbox }) =>
    sandbox.fault({ path, times: ALWAYS, rewrite: (body) => change(body as Record<string, unknown>) });
const called =
  (at: number): Play =>
  ({ phone }) =>
    phone.call({ with: '+12025550100', at: new Date(at) }, USER);
const registered: Play = ({ phone }) => phone.register(USER);
const refused =
  (registration: number | undefined, records?: number): Play =>
  (t) =>
    t.refuse(registration, records);
/** Records for whoever asks. */
const records = (...data: object[]) => rewritten(RECORDS, () => ({ data, meta: { page_number: 1, total_pages: 1 } }));
const CALL = { record_type: 'webrtc', started_at: iso(LATELY), finished_at: iso(LATELY + 60_000) };

type Play = (t: Stage) => void;

const USES: [what: string, plays: Play[], used: 'used' | 'unused' | RegExp][] = [
  ['is not registered and had no call is unused', [], 'unused'],
  ['is registered is used', [registered], 'used'],
  ['had a call is used', [called(LATELY)], 'used'],
  ['had a call before that time is unused', [called(START - 31 * DAY)], 'unused'],
  ['gets the calls of others is unused', [records({ ...CALL, auth_username: 'genother' })], 'unused'],
  ['calls of nobody knows whom may be of is unknown', [records(CALL)], /nobody can tell whose/],
  [
    'was registered until an hour ago is unknown',
    [
      registered,
      rewritten(REGISTRATION, (body) => ({
        ...body,
        sip_registration_details: { expires: (START - HOUR) / 1000 },
      })),
    ],
    /this ended 2026-11-27T11:00/,
  ],
  ['nobody may ask about is unknown (400)', [registered, refused(400, 400)], /status.+\(400\)/],
  ['nobody may ask about is unknown (403)', [registered, refused(403, 403)], /status.+\(403\)/],
  ['nobody may ask about is unknown (404)', [registered, refused(404, 404)], /status.+\(404\)/],
  ['nobody may ask about is unknown (410)', [registered, refused(410, 410)], /status.+\(410\)/],
  ['had no call, and nobody tells whether it is registered, is unknown', [refused(403)], /status.+\(403\)/],
  ['is not registered, and nobody tells its calls, is unknown', [refused(undefined, 403)], /records.+\(403\)/],
  ['had a call is used, though nobody tells whether it is registered', [refused(403), called(LATELY)], 'used'],
  ['is registered is used, though nobody tells its calls', [refused(undefined, 403), registered], 'used'],
];

test.concurrent.each(USES)('a credential that %s', async (_, plays, used) => {
  await using t = await stage();
  t.add('phone');
  for (const play of plays) play(t);
  const made = await t.activity({ older_than: '30d' });
  expect(idsOf(made, 'telephony_unused')).toEqual(used === 'unused' ? ['phone'] : []);
  const isKnown = typeof used === 'string';
  expect(row(made, 'activity')).toEqual({
    list: 'activity',
    rows: 1,
    of: 1,
    complete: isKnown,
    ...(!isKnown && { why: expect.stringMatching(used) }),
  });
  expect(made.complete).toBe(isKnown);
  if (!isKnown) expect(row(made, 'activity')?.why).toMatch(/^Use of 1 credential is not known: /);
});

const OTHERS: [what: string, age: number, change: Partial<TelephonyRecord>][] = [
  ['was made lately', 29 * DAY, {}],
  ['has expired', 400 * DAY, { expired: true }],
  ['was made nobody knows when', 400 * DAY, { created_at: 'soon' }],
];

test.concurrent.each(OTHERS)('a credential that %s is not asked about', async (_, age, change) => {
  await using t = await stage({ reads: ['created_at'] });
  t.add('phone', age, change);
  const made = await t.activity({ older_than: '30d' });
  expect(made.findings).toEqual([]);
  expect(row(made, 'activity')).toEqual({ list: 'activity', rows: 0, of: 0, complete: true });
  expect([...t.requested(REGISTRATION), ...t.requested(RECORDS)]).toEqual([]);
});

test.concurrent('a credential without a SIP username is unknown', async () => {
  await using t = await stage();
  t.add('phone', 400 * DAY, { sip_username: '' });
  const made = await t.activity();
  expect(made.findings).toEqual([]);
  expect(row(made, 'activity')).toMatchObject({ complete: false, why: expect.stringContaining('SIP username') });
});

test.concurrent.each([
  ['as asked for', '10d', 'made more than 10d ago, not registered now and without a call since 2026-11-17 12:00 UTC'],
  ['as far as records reach', '180d', 'without a call since 2026-10-01 14:00 UTC'],
])('it is said since when there was no call: %s', async (_, older_than, says) => {
  await using t = await stage();
  t.add('phone');
  expect(find(await t.activity({ older_than }), 'telephony_unused')?.says).toContain(says);
});

test.concurrent('a month with no more than 28 days before it leaves nobody unknown', async () => {
  await using t = await stage();
  t.advance(Date.parse('2027-03-01T08:00:00Z') - START);
  t.add('phone');
  // Time goes on while a report is made.
  t.sandbox.fault({ path: '/telephony_credentials', meanwhile: () => t.advance(5000) });
  expect(row(await t.activity(), 'activity')).toMatchObject({ rows: 1, complete: true });
});

test.concurrent('activity is asked for only when it is named, and then nothing else is told', async () => {
  await using t = await stage();
  t.add('phone');
  const all = await t.report();
  expect(all.read.map(({ list }) => list)).not.toContain('activity');
  expect([...t.requested(REGISTRATION), ...t.requested(RECORDS)]).toEqual([]);
  const made = await t.activity();
  expect(made.findings.map(({ finding }) => finding)).toEqual(['telephony_unused']);
  expect(made.read.map(({ list }) => list)).toEqual(['telephony', 'activity']);
  const both = await t.report({ sections: ['telephony', 'activity'] });
  expect(both.findings.map(({ finding }) => finding)).toEqual(
    expect.arrayContaining(['telephony_unused', 'telephony_older', 'telephony_totals']),
  );
});

test.concurrent.each([
  [{}, 100],
  [{ limit: 7 }, 7],
  [{ limit: 500 }, 130],
])('with %j the %i oldest of 130 are asked about', async (args, expected) => {
  await using t = await stage();
  for (let index = 0; index < 130; index += 1) t.add(`phone-${index}`, (200 + ((index * 37) % 130)) * DAY);
  const made = await t.activity(args);
  const oldest = [...t.sandbox.world.telephony.values()]
    .toSorted((a, b) => a.created_at.localeCompare(b.created_at))
    .slice(0, expected)
    .map(({ sip_username }) => sip_username);
  expect(new Set(t.requested(REGISTRATION).map((query) => query.get('username')))).toEqual(new Set(oldest));
  expect(find(made, 'telephony_unused')?.count).toBe(expected);
  const whole = expected === 130;
  expect(row(made, 'activity')).toMatchObject({ rows: expected, of: 130, complete: whole });
  expect(row(made, 'activity')?.why ?? '').toBe(
    whole ? '' : `Only the ${expected} oldest are looked at: more with limit, or by connection_id.`,
  );
});

test.concurrent('the cursor gives each once, and is good for the same limit only', async () => {
  await using t = await stage();
  for (let index = 0; index < 40; index += 1) t.add(`phone-${index}`, (200 + index) * DAY);
  const first = find(await t.activity({ limit: 30 }), 'telephony_unused');
  const { cursor } = first ?? {};
  const second = find(await t.report({ limit: 30, cursor }), 'telephony_unused');
  const all = [...(first?.examples ?? []), ...(second?.examples ?? [])].map(({ id }) => id);
  expect(all).toEqual(Array.from({ length: 30 }, (_, index) => `phone-${39 - index}`));
  const other = await t.call('report_credential_health', { limit: 40, cursor });
  expect(errorOf(other).code).toBe('BAD_INPUT');
});

test.concurrent('one connection is asked about alone', async () => {
  await using t = await stage();
  t.add('here', 400 * DAY, { resource_id: 'connection:111' });
  t.add('there', 400 * DAY, { resource_id: 'connection:222' });
  const made = await t.activity({ connection_id: '111' });
  expect(idsOf(made, 'telephony_unused')).toEqual(['here']);
  expect(t.requested(REGISTRATION)).toHaveLength(1);
});

test.concurrent('for one unused credential its activity is proposed, for several nothing', async () => {
  await using t = await stage();
  t.add('one');
  expect(find(await t.activity(), 'telephony_unused')?.next).toEqual({
    tool: 'get_credential_activity',
    arguments: { id: 'one' },
  });
  t.add('two');
  expect(find(await t.activity(), 'telephony_unused')).not.toHaveProperty('next');
});

test.concurrent('what is refused is asked once, and told in one sentence for all', async () => {
  await using t = await stage();
  for (let index = 0; index < 30; index += 1) t.add(`phone-${index}`);
  t.refuse(403, 410);
  const made = await t.activity();
  expect(t.requested(REGISTRATION)).toHaveLength(1);
  expect(t.requested(RECORDS)).toHaveLength(1);
  expect(made).toMatchObject({ complete: false, findings: [] });
  expect(made.note).not.toContain('report"');
  expect(row(made, 'activity')).toMatchObject({
    rows: 30,
    of: 30,
    why: expect.stringMatching(/^Use of 30 credentials is not known: [^:]+\(403\)[^:]+\(410\)\.$/),
  });
});

test.concurrent('of many reasons the most frequent are told, and the rest counted', async () => {
  await using t = await stage();
  // Those who give the rarest reason are asked about first.
  for (const hours of [1, 2, 3, 4, 5]) {
    for (let of = 0; of < hours; of += 1) t.phone.register(t.add(`${hours}-${of}`, (400 - hours) * DAY).sip_username);
  }
  t.sandbox.fault({
    path: REGISTRATION,
    times: ALWAYS,
    rewrite(body) {
      const { credential_username: name } = body as { credential_username: string };
      const hours = Number(name.match(/\d/)?.[0]);
      return { ...(body as object), sip_registration_details: { expires: (START - hours * HOUR) / 1000 } };
    },
  });
  const { why = '' } = row(await t.activity(), 'activity') ?? {};
  expect(why.match(/Use of \d credentials is not known/g)).toEqual(
    [5, 4, 3, 3].map((n) => `Use of ${n} credentials is not known`),
  );
  expect(why).toMatch(/ for other reasons\.$/);
});

test.concurrent('a report that runs out of time tells what it has, and asked no more than four at once', async () => {
  await using t = await stage({ limits: { requestMs: 9000, callMs: 9300, recoveryMs: 500 } });
  for (let index = 0; index < 30; index += 1) t.add(`phone-${index}`);
  t.sandbox.fault({ path: REGISTRATION, skip: 10, times: ALWAYS, hang: 'before' });
  const made = await t.activity();
  expect(made.complete).toBe(false);
  expect(row(made, 'activity')).toMatchObject({ of: 30, complete: false, why: 'There was no time to read on.' });
  const { rows = 0 } = row(made, 'activity') ?? {};
  expect(rows).toBeGreaterThan(0);
  expect(rows).toBeLessThanOrEqual(10);
  expect(find(made, 'telephony_unused')?.count).toBe(rows);
  expect(t.requested(REGISTRATION).length).toBeLessThanOrEqual(14);
});

test.concurrent('progress counts those looked at, and never runs backwards', async () => {
  await using t = await stage();
  for (let index = 0; index < 30; index += 1) t.add(`phone-${index}`);
  const told: { progress: number; total?: number | undefined }[] = [];
  await t.client.callTool({ name: 'report_credential_health', arguments: { sections: ['activity'] } }, undefined, {
    onprogress: ({ progress, total }) => told.push({ progress, total }),
  });
  expect(told.map(({ progress }) => progress)).toEqual(told.map((_, index) => index + 1));
  expect(told.at(-1)).toEqual({ progress: 31, total: 31 });
});

test.concurrent('of credentials that cannot all be read, none is said to be all there is', async () => {
  await using t = await stage();
  t.add('phone');
  t.sandbox.fault({
    path: '/telephony_credentials',
    times: ALWAYS,
    rewrite: (body) => ({ ...(body as object), meta: { page_number: 1, total_pages: 1, total_results: 9 } }),
  });
  const made = await t.activity();
  expect(idsOf(made, 'telephony_unused')).toEqual(['phone']);
  expect(row(made, 'activity')).toMatchObject({ complete: false, why: expect.stringContaining('Not all credentials') });
});

const oldOne = 'genold';
const hasPhone: Play = ({ phone }) => phone.register(oldOne);
const call =
  (at: number) =>
  ({ phone }: Stage) =>
    phone.call({ with: '+12025550100', at: new Date(at) }, oldOne);

const ENDS: [what: string, overlap: string, after: number, play: Play, seen: RegExp | undefined][] = [
  [
    'registered, when half of a day is over, is told of',
    '24h',
    13 * HOUR,
    hasPhone,
    /^registered from 198\.51\.100\.7 until /,
  ],
  ['registered, when that day has just begun, is not told of', '24h', HOUR, hasPhone, undefined],
  ['in a call since there is a successor is told of', '24h', 13 * HOUR, call(START + HOUR), /^a call since /],
  ['in a call before that is not told of', '24h', 13 * HOUR, call(START - HOUR), undefined],
  ['nobody uses is not told of', '24h', 13 * HOUR, () => undefined, undefined],
  ['registered, three days before its end, is not told of', '7d', 4 * DAY, hasPhone, undefined],
  ['registered, a day before its end, is told of', '7d', 6 * DAY, hasPhone, /^registered /],
  ['that has come to its end is not told of', '24h', 25 * HOUR, hasPhone, undefined],
  ['nobody may ask about is not told of', '24h', 13 * HOUR, refused(403, 403), undefined],
];

test.concurrent.each(ENDS)('an old credential %s', async (_, overlap, after, play, seen) => {
  await using t = await stage();
  const { id } = t.add('old', 400 * DAY, { sip_username: oldOne });
  const begun = await t.call('rotate_telephony_credential', { id, overlap });
  const { rotation } = dataOf<{ rotation: { id: string; retires_at: string } }>(begun);
  play(t);
  t.advance(after);
  const made = await t.report();
  const finding = find(made, 'rotation_in_use');
  expect(made.complete).toBe(true);
  if (!seen) {
    expect(finding).toBeUndefined();
    return;
  }
  expect(made.findings[0]).toEqual(finding);
  expect(finding).toMatchObject({
    severity: 'error',
    count: 1,
    examples: [
      {
        id: rotation.id,
        old: 'old',
        ends_at: `${rotation.retires_at.slice(0, 16)}Z`,
        seen: expect.stringMatching(seen),
      },
    ],
    next: { tool: 'get_rotation', arguments: { id: rotation.id } },
  });
  expect((await t.report({ sections: ['rotations'] })).findings).toContainEqual(finding);
  const requests = t.requested(REGISTRATION).length;
  expect(find(await t.report({ sections: ['telephony'] }), 'rotation_in_use')).toBeUndefined();
  expect(find(await t.report({ connection_id: '111' }), 'rotation_in_use')).toBeUndefined();
  expect(t.requested(REGISTRATION)).toHaveLength(requests);
});

test.concurrent('what nobody can tell of an old one near its end is said, and no error', async () => {
  await using t = await stage();
  const { id } = t.add('old');
  await t.call('rotate_telephony_credential', { id });
  t.advance(13 * HOUR);
  t.refuse(403, 403);
  expect(row(await t.report(), 'rotations')).toEqual({
    list: 'rotations',
    rows: 1,
    complete: true,
    why: expect.stringMatching(/^Use of 1 old credential near its end is not known: .+\(403\)/),
  });
});

test.concurrent('one that is being rolled back is not asked about', async () => {
  await using t = await stage();
  const { id } = t.add('old');
  const { rotation } = dataOf<{ rotation: { id: string } }>(await t.call('rotate_telephony_credential', { id }));
  t.sandbox.fault({ method: 'DELETE', path: /./, times: ALWAYS, respond: { status: 403 } });
  expect((await t.call('roll_back_rotation', { id: rotation.id })).isError).toBe(true);
  t.advance(13 * HOUR);
  t.phone.register('genold');
  const before = t.requested(REGISTRATION).length;
  expect(find(await t.report(), 'rotation_in_use')).toBeUndefined();
  expect(t.requested(REGISTRATION)).toHaveLength(before);
});

test.concurrent('members of a fleet are told as that fleet, and not all of thousands are asked about', async () => {
  await using t = await stage();
  t.add('template');
  addMembers(t.sandbox, 60, new Date(t.now()));
  for (let member = 0; member < 20; member += 1) t.phone.register(`gencred${member}`);
  const { rotation: fleet } = dataOf<{ rotation: { id: string } }>(
    await t.call(ROTATE, { connection_id: CONNECTION, limit: 60, overlap: '24h', deliver_to: 'vault' }),
  );
  await rest(t, fleet.id);
  t.advance(13 * HOUR);
  const before = t.requested(REGISTRATION).length;
  const made = await t.report({ sections: ['rotations'] });
  const olds = new Set(
    t
      .requested(REGISTRATION)
      .slice(before)
      .map((query) => query.get('username')),
  );
  expect([...olds].filter((name) => /^gencred\d+$/.test(name ?? ''))).toHaveLength(50);
  const members = Array.from({ length: 20 }, (_, member) => `gencred${member}`).filter((name) => olds.has(name)).length;
  expect(find(made, 'rotation_in_use')).toMatchObject({
    count: 1,
    examples: [{ id: fleet.id, kind: 'fleet', members, seen: expect.stringContaining('registered') }],
    next: { tool: 'get_rotation', arguments: { id: fleet.id } },
  });
  expect(row(made, 'rotations')).toMatchObject({
    rows: 60,
    complete: true,
    why: 'Of 60 old credentials near their end 50 are looked at.',
  });
});

test.concurrent('when there was no time to ask about an old one, the report says that it is not complete', async () => {
  await using t = await stage();
  const { id } = t.add('old');
  await t.call('rotate_telephony_credential', { id });
  t.advance(13 * HOUR);
  t.sandbox.fault({ path: REGISTRATION, times: ALWAYS, hang: 'before' });
  await using hasty = await startApp({
    ...{ account: t.sandbox, config: { stateDir: t.stateDir }, now: () => new Date(t.now()) },
    limits: { requestMs: 5000, callMs: 5300, recoveryMs: 500 },
  });
  const made = dataOf<Report>(await hasty.call('report_credential_health'));
  expect(made).toMatchObject({ complete: false, note: expect.stringContaining('report"') });
  expect(row(made, 'rotations')).toMatchObject({ complete: false, why: 'There was no time to read on.' });
});
