import { expect, test } from 'vitest';
import type { Optional } from '../src/sandbox/world.ts';
import { readAuditEvents } from '../src/telnyx/audit-events.ts';
import { rangesBack, readCalls } from '../src/telnyx/call-records.ts';
import type { Known } from '../src/telnyx/refusals.ts';
import { getRegistration } from '../src/telnyx/registration.ts';
import { getVoiceProfile } from '../src/telnyx/voice-profiles.ts';
import { type Options, startApp } from './app.ts';

// What the readers make of answers, over the real client: each field as it may come, and each refusal.

const CANARY = 'c4n4ry-where-another-belongs';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

type Fields = Record<string, unknown>;

async function stage(options: Options = {}) {
  const app = await startApp({ shape: undefined, ...options });
  const signal = new AbortController().signal;
  const deps = () => app.app.deps({ signal, progress: () => undefined, showsPages: false });
  const [row] = [...app.sandbox.world.telephony.values()].filter((one) => !app.sandbox.world.isExpired(one));
  return { app, deps, id: `${row?.id}`, username: `${row?.sip_username}` };
}
type Stage = Awaited<ReturnType<typeof stage>>;

const span = () => ({ since: Date.now() - 6 * DAY, now: Date.now(), stopped: () => false });

const readers: Record<
  string,
  { path: string | RegExp; operation: Optional; read(stage: Stage): Promise<Known<unknown>> }
> = {
  registration: {
    path: '/sip_registration_status',
    operation: 'sip_registration_status',
    read: async ({ deps, username }) => {
      const { http, refusals } = await deps();
      return getRegistration(http, refusals, username);
    },
  },
  calls: {
    path: '/detail_records',
    operation: 'detail_records',
    read: async ({ deps, username }) => {
      const { http, refusals } = await deps();
      return readCalls(http, refusals, username, span());
    },
  },
  audit: {
    path: '/audit_events',
    operation: 'audit_events',
    read: async ({ deps, id }) => {
      const { http, refusals } = await deps();
      return readAuditEvents(http, refusals, id, span());
    },
  },
  profile: {
    path: /^\/outbound_voice_profiles\//,
    operation: 'outbound_voice_profiles',
    read: async ({ deps, app }) => {
      const { http, refusals } = await deps();
      return getVoiceProfile(http, refusals, [...app.sandbox.world.voiceProfiles.keys()][0] ?? '');
    },
  },
};

const ABSENT = Symbol('absent');
const values: [is: string, value: unknown][] = [
  ['absent', ABSENT],
  ['null', null],
  ['an empty text', ''],
  ['a number', 7],
  ['another text', CANARY],
  ['an object', { spoilt: CANARY }],
  ['a list', [CANARY]],
];

/** The answer with a field, which may be an inner one (`details.expires`), as it may come instead. */
function spoilt(body: Fields, [key = '', ...rest]: string[], value: unknown): Fields {
  const { [key]: inner, ...others } = body;
  if (rest.length > 0) return { ...body, [key]: spoilt(inner as Fields, rest, value) };
  return value === ABSENT ? others : { ...body, [key]: value };
}

const soon = () => Math.floor(Date.now() / 1000) + 600;
const details = () => ({ expires: soon(), ua_ip: '198.51.100.7', ua_port: 5061, transport: 'TLS', last_modified: 'x' });
const registeredAs = (registered: boolean, sip_registration_status: string) => (username: string) => ({
  ...{ registered, sip_registration_status, credential_type: 'telephony_credential' },
  ...{ credential_username: username, sip_registration_details: details() },
});
const at = () => new Date(Date.now() - HOUR).toISOString();
const call = (username: string) => ({
  ...{ record_type: 'webrtc', started_at: at(), finished_at: at(), connection_id: '1', auth_username: username },
  ...{ direction: 'outbound', cost: '0.01', currency: 'USD', cli: '+15555550100', cld: '+12025550123' },
});
const event = (id: string) => ({
  ...{ id: 'e', record_type: 'x', resource_id: id, alternate_resource_id: null, change_made_by: 'account_owner' },
  ...{ change_type: 'update', user_id: 'u', organization_id: 'o', created_at: at() },
  changes: [{ field: 'sip_password', from: CANARY, to: CANARY }],
});
const profile = {
  ...{ name: 'Office', enabled: true, traffic_type: 'x', service_plan: 'y', concurrent_call_limit: 10 },
  ...{ daily_spend_limit: '100.00', daily_spend_limit_enabled: true, max_destination_rate: 0.5 },
  ...{ whitelisted_destinations: ['US'], connections_count: 1 },
};

interface Answer {
  title: string;
  reader: string;
  body(stage: Stage): Fields;
  fields: string[];
  /** Where the fields stand. */
  within: string[];
  holds(found: Known<unknown>, field: string, is: string): void;
}

const REGISTRATION_FIELDS = [
  ...['registered', 'sip_registration_status', 'credential_type', 'credential_username', 'sip_registration_details'],
  ...['expires', 'ua_ip', 'ua_port', 'transport', 'last_modified'].map((name) => `sip_registration_details.${name}`),
];

const answers: Answer[] = [
  {
    ...{ title: 'of a phone that is registered', reader: 'registration', within: [], fields: REGISTRATION_FIELDS },
    body: ({ username }) => registeredAs(true, 'registered')(username),
    holds: ({ known, unknown }) => expect(known ? (known as Fields).registered : unknown).not.toBe(false),
  },
  {
    ...{ title: 'of no phone', reader: 'registration', within: [], fields: REGISTRATION_FIELDS },
    body: ({ username }) => registeredAs(false, 'standby')(username),
    holds: ({ known, unknown }) => expect(known ? (known as Fields).registered : unknown).not.toBe(true),
  },
  {
    title: 'of a call',
    reader: 'calls',
    within: ['data', '0'],
    fields: Object.keys(call('')),
    body: ({ username }) => ({ data: { 0: call(username) }, meta: { total_pages: 1 } }),
    holds({ known }, field, is) {
      const { calls, partly } = known as { calls: Fields[]; partly?: string };
      const another = field === 'auth_username' && is === 'another text';
      // It is told, or that it may be missing; unless it is somebody else's.
      expect(calls.length === 1 || (calls.length === 0 && (partly !== undefined || another))).toBe(true);
    },
  },
  {
    title: 'of an audit event',
    reader: 'audit',
    within: ['data', '0'],
    fields: Object.keys(event('')),
    body: ({ id }) => ({ data: { 0: event(id) }, meta: { total_pages: 1 } }),
    holds: ({ known }, field) =>
      expect((known as { events: unknown[] }).events).toHaveLength(field === 'resource_id' ? 0 : 1),
  },
  {
    title: 'of an audit event whose resource is the other one',
    reader: 'audit',
    within: ['data', '0', 'changes', '0'],
    fields: ['field', 'from', 'to'],
    body: ({ id }) => ({
      data: { 0: { ...event('x'), alternate_resource_id: id, changes: { 0: event('').changes[0] } } },
      meta: { total_pages: 1 },
    }),
    holds: ({ known }) => expect((known as { events: unknown[] }).events).toHaveLength(1),
  },
  {
    title: 'of a voice profile',
    reader: 'profile',
    within: ['data'],
    fields: Object.keys(profile),
    body: ({ app }) => ({ data: { id: [...app.sandbox.world.voiceProfiles.keys()][0], ...profile } }),
    holds({ known }, field, is) {
      // A limit is what it says, or none where that is said, or not known.
      const found = known as Fields;
      if (field === 'name') return;
      const [none, limit] = [found[field] === null, found[field]];
      if (field === 'daily_spend_limit_enabled') expect(found.daily_spend_limit).toBeUndefined();
      else if (field.endsWith('limit') || field === 'max_destination_rate')
        expect(none ? is === 'null' : limit === undefined || is === 'a number').toBe(true);
    },
  },
];

/** What stands for a list while a field of its row is spoilt. */
const listed = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, listed(one)]));
  return '0' in inner ? Object.values(inner) : inner;
};

const cells = answers.flatMap((answer) =>
  answer.fields.flatMap((field) => values.map(([is, value]) => [answer.title, field, is, { answer, value }] as const)),
);

test('no field of an answer, as it may come, makes a wrong word or lets a value out', async () => {
  const here = await stage();
  await using _ = here.app;
  for (const [title, field, is, { answer, value }] of cells) {
    const { path, read } = readers[answer.reader] as (typeof readers)[string];
    const body = listed(spoilt(answer.body(here), [...answer.within, ...field.split('.')], value));
    here.app.sandbox.fault({ path, times: 10, rewrite: () => body });
    const found = await read(here);
    here.app.sandbox.clearFaults();
    const said = `the answer ${title} whose ${field} is ${is}`;
    // Names are shown as they are, and whom one called too; nothing else that is quoted.
    const shown = ['name', 'cld'].includes(field) && is === 'another text';
    if (!shown) expect(JSON.stringify(found), said).not.toContain(CANARY);
    expect(() => answer.holds(found, field, is), said).not.toThrow();
  }
});

const operations = Object.entries(readers).map(([name, { operation }]) => [operation, name] as const);
const refusals = operations.flatMap(([operation, name]) =>
  [400, 403, 404, 410].map((status) => [operation, status, name] as const),
);

test.each(refusals)('%s refused with %i is unknown, and not asked for again', async (operation, status, name) => {
  const here = await stage();
  await using _ = here.app;
  const { read } = readers[name] as (typeof readers)[string];
  here.app.sandbox.world.refuses.set(operation, status);
  const before = here.app.sandbox.requests.length;
  for (let times = 0; times < 200; times += 1) {
    const found = await read(here);
    expect(found.known).toBeUndefined();
    expect(found.unknown).toContain(`(${status})`);
  }
  // A 404 takes one more, by which the operation is told from a username. A profile may be gone by itself.
  const most = name === 'profile' && status === 404 ? 200 : status === 404 && name === 'registration' ? 2 : 1;
  expect(here.app.sandbox.requests.length - before).toBe(most);
});

test('a 404 of one username says nothing of the next', async () => {
  const here = await stage();
  await using _ = here.app;
  const { http, refusals } = await here.deps();
  expect((await getRegistration(http, refusals, 'gencrednobody')).unknown).toContain('(404)');
  expect((await getRegistration(http, refusals, here.username)).known).toBeDefined();
});

const passing: [
  title: string,
  respond: { status: number; body?: unknown; headers?: Record<string, string> },
  throws: boolean,
][] = [
  ['a rate limit', { status: 429, headers: { 'retry-after': '0' } }, false],
  ['a server error', { status: 500 }, false],
  ['an answer that is no JSON', { status: 200, body: '<html>' }, false],
  ['an answer of another shape', { status: 200, body: { data: 'nothing' } }, false],
  ['a key that is not accepted', { status: 401 }, true],
];
const slow = { limits: { requestMs: 300, callMs: 700, recoveryMs: 100 } };

test.each(passing.flatMap(([title, ...rest]) => operations.map(([, name]) => [title, name, ...rest] as const)))(
  '%s is no refusal of the %s for good',
  async (_, name, respond, throws) => {
    const here = await stage(slow);
    await using __ = here.app;
    const { path, read } = readers[name] as (typeof readers)[string];
    here.app.sandbox.fault({ path, times: 50, respond });
    const found = await read(here).catch((error: unknown) => error);
    if (throws) expect(found).toMatchObject({ code: 'AUTHENTICATION' });
    else expect((found as Known<unknown>).unknown).toMatch(/\w/);
    here.app.sandbox.clearFaults();
    expect((await read(here)).known).toBeDefined();
  },
);

/** By another way of reckoning: which days the ranges hold in a zone, and on which day its weeks begin. */
function reachOf(ranges: string[], now: number, zoneMs: number, weekBegins: number): number {
  const local = new Date(now + zoneMs);
  const midnight = (shift: number) =>
    Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + shift) - zoneMs;
  const starts: Record<string, number> = {
    yesterday: midnight(-1),
    last_week: midnight(-((local.getUTCDay() - weekBegins + 7) % 7) - 7),
    last_month: Date.UTC(local.getUTCFullYear(), local.getUTCMonth() - 1, 1) - zoneMs,
  };
  return Math.min(...ranges.map((range) => starts[range] ?? Number.POSITIVE_INFINITY));
}

test('the ranges reach as far back as is said, in every zone, at every hour, whatever day a week begins with', () => {
  for (let now = Date.UTC(2027, 11, 25); now < Date.UTC(2028, 3, 5); now += HOUR) {
    for (const days of [0.5, 1, 3, 7, 8, 28, 31]) {
      const { ranges, from } = rangesBack(now - days * DAY, now);
      for (let zone = -12; zone <= 14; zone += 1)
        for (const weekBegins of [0, 1])
          if (reachOf(ranges, now, zone * HOUR, weekBegins) > from)
            expect.fail(`${new Date(now).toISOString()} ${days} ${zone}`);
      expect(from).toBeGreaterThanOrEqual(now - days * DAY);
    }
  }
});
