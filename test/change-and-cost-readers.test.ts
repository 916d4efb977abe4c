import { expect, test } from 'vitest';
import { readAuditEvents } from '../src/telnyx/audit-events.ts';
import { type ConnectionKind, getConnection } from '../src/telnyx/connections.ts';
import { getVoiceProfile } from '../src/telnyx/voice-profiles.ts';
import { type Given, startReading } from './reader-stage.ts';

// Who changed a credential, and what calls of its connection may cost (documentation: audit events, outbound voice profiles).

const ID = '0ccc7b76-4df3-4bca-a05a-3da1ecc389f0';
const OTHER = '1ccc7b76-4df3-4bca-a05a-3da1ecc389f0';
/** Of letters and digits alone, as a password of Telnyx is, so that nothing takes offence at it. */
const CANARY = 'c4n4ryc4n4ry';
const NOW = Date.parse('2026-11-27T12:00:00Z');
const span = { since: NOW - 86_400_000, now: NOW, stopped: () => false };

type Row = Record<string, unknown>;
const event = (more: Row = {}): Row => ({
  ...{ id: 'e', record_type: 'telephony_credential', resource_id: ID, alternate_resource_id: null },
  ...{ change_made_by: 'account_owner', change_type: 'update', created_at: '2026-11-27T10:00:00Z' },
  ...{ user_id: CANARY, organization_id: CANARY, ip_address: CANARY },
  changes: [{ field: 'sip_password', from: CANARY, to: { password: CANARY } }],
  ...more,
});
const SEEN = { at: '2026-11-27T10:00:00.000Z', by: 'account_owner', what: 'update', fields: ['sip_password'] };

async function eventsOf(...rows: unknown[]) {
  await using reading = await startReading(() => ({ body: { data: rows, meta: { total_pages: 1 } } }));
  const { known } = await readAuditEvents(reading.http(), reading.refusals, ID, span);
  return { known, asked: reading.asked };
}

test('the log is asked for the span and a little more, the latest first', async () => {
  const { asked } = await eventsOf(event());
  expect(asked.map(({ path, query }) => [path, Object.fromEntries(query)])).toEqual([
    [
      'audit_events',
      {
        'filter[created_after]': '2026-11-26T12:00:00.000Z',
        'filter[created_before]': '2026-11-27T12:10:00.000Z',
        sort: 'desc',
        'page[number]': '1',
        'page[size]': '100',
      },
    ],
  ]);
});

const fields = (changes: unknown, names: string[]): [Row, Row] => [{ changes }, { fields: names }];

const events: [title: string, more: Row, is: Row | 'none'][] = [
  ['an event shows who, what, when, and which fields', {}, {}],
  ['an event whose other resource it is is one of it', { resource_id: OTHER, alternate_resource_id: ID }, {}],
  ['an event without any other word is one of it', { alternate_resource_id: undefined }, {}],
  ['an event of another is none', { resource_id: OTHER }, 'none'],
  ['an event of a list of ids is none', { resource_id: [ID], alternate_resource_id: OTHER }, 'none'],
  ['a maker that nobody documents is unknown', { change_made_by: CANARY }, { by: 'unknown' }],
  ['a maker that is no text is unknown', { change_made_by: ['telnyx'] }, { by: 'unknown' }],
  ['a kind of change that is a sentence is not told', { change_type: `set to ${CANARY}` }, { what: null }],
  ['a kind of change that holds digits is not told', { change_type: CANARY }, { what: null }],
  ['a time that is none is not told', { created_at: `at ${CANARY}` }, { at: null }],
  ['a time with a zone is told in UTC', { created_at: '2026-11-27T12:00:00+02:00' }, {}],
  ['a field that is changed twice is named once', ...fields([{ field: 'name' }, { field: 'name' }], ['name'])],
  ['a field of a field is named by its path', ...fields([{ field: 'tags[0].name' }], ['tags[0].name'])],
  ['changes that are no list are no fields', ...fields({ field: CANARY }, [])],
  ['changes that are values are no fields', ...fields([CANARY, null, 7, [CANARY]], [])],
  ['a field that is no text is none', ...fields([{ field: { from: CANARY } }, { field: [CANARY] }], [])],
  ['a field that is a sentence is none', ...fields([{ field: `password: ${CANARY}` }], [])],
  ['a field that is a long text is none', ...fields([{ field: `x${CANARY.repeat(6)}` }], [])],
  ['a field that begins with a digit is none', ...fields([{ field: `4${CANARY}` }], [])],
];

test.each(events)('%s', async (_, more, is) => {
  const { known } = await eventsOf(event(more));
  expect(known).toEqual({ events: is === 'none' ? [] : [{ ...SEEN, ...is }] });
  expect(JSON.stringify(known)).not.toContain(CANARY);
});

test('events come the latest first, whatever order they were told in, and those without a time last', async () => {
  const times = ['2026-11-27T08:00:00Z', 'x', '2026-11-27T11:00:00Z', '2026-11-27T09:00:00Z'];
  const { known } = await eventsOf(...times.map((created_at) => event({ created_at })));
  expect(known?.events.map(({ at }) => at?.slice(11, 13))).toEqual(['11', '09', '08', undefined]);
});

test.each([
  ['a row that is no object', CANARY],
  ['an event of nobody knows what', event({ resource_id: undefined })],
  ['an event of an empty id', event({ resource_id: '' })],
  ['an event of an object', event({ resource_id: { id: ID } })],
])('%s makes the changes a part', async (_, row) => {
  const { known } = await eventsOf(event(), row);
  expect(known).toEqual({ events: [SEEN], partly: 'Of some events nobody can tell what they are about.' });
});

const profile = {
  ...{ id: ID, record_type: 'outbound_voice_profile', name: 'Office', enabled: true, concurrent_call_limit: 10 },
  ...{ daily_spend_limit: '100.00', daily_spend_limit_enabled: true, max_destination_rate: 0.5 },
  ...{ whitelisted_destinations: ['US', 'CA'], billing_group_id: CANARY, tags: [CANARY] },
};
const READ = {
  ...{ id: ID, name: 'Office', enabled: true, concurrent_call_limit: 10, daily_spend_limit: '100.00' },
  ...{ max_destination_rate: 0.5, whitelisted_destinations: ['US', 'CA'] },
};

const NOT_TOLD = undefined;
const limits = (field: string): [title: string, more: Row, is: Row][] => [
  ...['', '  ', '0x10', '1e9', '-1', 'none', -1, true, [5], { limit: 5 }, undefined].map(
    (value): [string, Row, Row] => [
      `a ${field} of ${JSON.stringify(value)} is not known`,
      { [field]: value },
      { [field]: NOT_TOLD },
    ],
  ),
  [`a ${field} of null is none`, { [field]: null }, { [field]: null }],
  [`a ${field} of nothing is 0`, { [field]: 0 }, { [field]: 0 }],
  [`a ${field} as a text is what it says`, { [field]: '2.5' }, { [field]: 2.5 }],
];
const countries = (title: string, value: unknown, is: unknown): [string, Row, Row] => [
  title,
  { whitelisted_destinations: value },
  { whitelisted_destinations: is },
];
const spend = (title: string, more: Row, daily_spend_limit: unknown): [string, Row, Row] => [
  title,
  more,
  { daily_spend_limit },
];

const profiles: [title: string, more: Row, is: Row][] = [
  ['a profile shows what it allows', {}, {}],
  ...limits('concurrent_call_limit'),
  ...limits('max_destination_rate'),
  spend('a daily limit that does not apply is none', { daily_spend_limit_enabled: false }, null),
  spend('a daily limit that may not apply is not known', { daily_spend_limit_enabled: undefined }, NOT_TOLD),
  spend('a daily limit that applies by a text is not known', { daily_spend_limit_enabled: 'true' }, NOT_TOLD),
  spend('a daily limit that applies and is not told is not known', { daily_spend_limit: null }, NOT_TOLD),
  spend('a daily limit that is no number is not known', { daily_spend_limit: '$100' }, NOT_TOLD),
  ['whether it is enabled is not known by a text', { enabled: 'false' }, { enabled: null }],
  ['whether it is enabled is not known by nothing', { enabled: null }, { enabled: null }],
  countries('countries in small letters are countries', ['us', 'CA'], ['US', 'CA']),
  countries('no countries are none', [], []),
  countries('countries are not known when one cannot be read', ['US', 'USA'], NOT_TOLD),
  countries('countries are not known when one is null', ['US', null], NOT_TOLD),
  countries('countries are not known when one is a canary', ['US', CANARY], NOT_TOLD),
  countries('countries are not known when one is a list', ['US', ['CA']], NOT_TOLD),
  countries('countries as a text are not known', 'US', NOT_TOLD),
  countries('countries that are not told are not known', null, NOT_TOLD),
  countries('more countries than there are are not known', new Array(301).fill('US'), NOT_TOLD),
  ['a name that is no text is not told', { name: 7 }, { name: null }],
];

test.each(profiles)('%s', async (_, more, is) => {
  await using reading = await startReading(() => ({ body: { data: { ...profile, ...more } } }));
  const { known } = await getVoiceProfile(reading.http(), reading.refusals, ID);
  expect(known).toEqual({ ...READ, ...is });
  expect(JSON.stringify(known)).not.toContain(CANARY);
});

test('a rate beyond all numbers is not known', async () => {
  const body = JSON.stringify({ data: profile }).replace('0.5', '1e999');
  await using reading = await startReading(() => ({ body }));
  const { known } = await getVoiceProfile(reading.http(), reading.refusals, ID);
  expect(known).toEqual({ ...READ, max_destination_rate: undefined });
});

test('another profile than was asked for is not known, and no refusal', async () => {
  let id = OTHER;
  await using reading = await startReading(() => ({ body: { data: { ...profile, id } } }));
  const read = () => getVoiceProfile(reading.http(), reading.refusals, ID);
  expect((await read()).unknown).toMatch(/data.id/);
  id = ID;
  expect((await read()).known).toEqual(READ);
});

test('of a profile that is gone its 404 says nothing of the next, and no other request is made', async () => {
  await using reading = await startReading(({ path }) =>
    path === `outbound_voice_profiles/${OTHER}` ? 404 : { body: { data: profile } },
  );
  const read = (id: string) => getVoiceProfile(reading.http(), reading.refusals, id);
  expect((await read(OTHER)).unknown).toBe('Telnyx has none of outbound voice profiles for it (404).');
  expect((await read(ID)).known).toEqual(READ);
  expect(reading.asked).toHaveLength(2);
});

test.each([400, 403, 410])('of 2,000 profiles one is asked for when they are refused with %i', async (status) => {
  await using reading = await startReading(() => status);
  for (let index = 0; index < 2000; index += 1) {
    const { unknown } = await getVoiceProfile(reading.http(), reading.refusals, `${index}`);
    expect(unknown).toBe(`Telnyx refuses outbound voice profiles to this account or key (${status}).`);
  }
  expect(reading.asked).toHaveLength(1);
});

test('what is refused of one operation is not of another', async () => {
  await using reading = await startReading(
    ({ path }): Given => (path === 'audit_events' ? 403 : { body: { data: profile } }),
  );
  expect((await readAuditEvents(reading.http(), reading.refusals, ID, span)).unknown).toContain('(403)');
  expect((await getVoiceProfile(reading.http(), reading.refusals, ID)).known).toEqual(READ);
});

const PROFILE = '1293384261075731499';
const outbound = (id: unknown): Row => ({ outbound: { outbound_voice_profile_id: id } });

const connections: [title: string, more: Row, is: string | null | undefined][] = [
  ['a connection names its profile', outbound(PROFILE), PROFILE],
  ['a connection with null for a profile has none', outbound(null), null],
  ['a connection with an empty text for a profile has none', outbound(''), null],
  ['of a connection without a word of a profile it is not known', { outbound: {} }, NOT_TOLD],
  ['of a connection without a word of outbound it is not known', {}, NOT_TOLD],
  ['of a connection with null for outbound it is not known', { outbound: null }, NOT_TOLD],
  ['of a connection with a list for outbound it is not known', { outbound: [outbound(PROFILE)] }, NOT_TOLD],
  ['of a connection with a text for outbound it is not known', { outbound: PROFILE }, NOT_TOLD],
  ...[7, true, {}, [], [PROFILE], '../telephony_credentials', 'a b', `${PROFILE}\n`].map(
    (id): [string, Row, undefined] => [`a profile of ${JSON.stringify(id)} is not known`, outbound(id), NOT_TOLD],
  ),
];

test.each(connections)('%s', async (_, more, is) => {
  for (const kind of ['credential', 'fqdn', 'ip', 'uac'] satisfies ConnectionKind[]) {
    await using reading = await startReading(() => ({ body: { data: { id: ID, connection_name: 'x', ...more } } }));
    const connection = await getConnection(reading.http(), kind, ID);
    expect('voice_profile_id' in connection ? connection.voice_profile_id : NOT_TOLD).toBe(is);
  }
});
