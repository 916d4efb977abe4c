import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { routes } from '../src/sandbox/routes.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { answerSchema, complaints, namedSchema, operations } from './telnyx/spec.ts';

const KINDS = ['credential', 'fqdn', 'ip', 'uac'];
const NOW = new Date('2026-11-22T09:30:00.250Z');
const NOBODY = '00000000-0000-4000-8000-000000000000';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ now: () => NOW });
  await sandbox.world.ready;
});
afterEach(() => sandbox.close());

async function call(method: string, path: string, body?: unknown, key = sandbox.apiKey) {
  const response = await fetch(`${sandbox.baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers };
}

type Row = [operation: string, path: () => string, status: number, body?: () => unknown];

const telephony = () => `/telephony_credentials/${sandbox.world.telephony.page(0, 1).rows[0]?.id}`;
const connection = (kind: string) => [...sandbox.world.connections.values()].find((row) => row.kind === kind)?.id ?? '';
const push = (type: string) => {
  const own = [...sandbox.world.push.values()].find((row) => row.type === type && !row.is_public);
  return `/mobile_push_credentials/${own?.id}`;
};

const registered = () => [...sandbox.world.registrations.keys()][0];
const registrationOf = (username = '') =>
  `/sip_registration_status?credential_type=telephony_credential&username=${username}`;

const PLAYED: Row[] = [
  ['GET /balance', () => '/balance', 200],
  ['GET /sip_registration_status', () => registrationOf(registered()), 200],
  ['GET /sip_registration_status', () => registrationOf(sandbox.world.telephony.page(0, 1).rows[0]?.sip_username), 200],
  ['GET /detail_records', () => '/detail_records?filter[record_type]=webrtc&filter[date_range]=this_month', 200],
  ['GET /audit_events', () => '/audit_events?sort=desc', 200],
  [
    'GET /outbound_voice_profiles/:id',
    () => `/outbound_voice_profiles/${[...sandbox.world.voiceProfiles.keys()][0]}`,
    200,
  ],
  ['GET /telephony_credentials', () => '/telephony_credentials', 200],
  [
    'POST /telephony_credentials',
    () => '/telephony_credentials',
    201,
    () => ({ connection_id: connection('credential'), name: 'desk', tag: 'desks' }),
  ],
  ['GET /telephony_credentials/:id', telephony, 200],
  ['PATCH /telephony_credentials/:id', telephony, 200, () => ({ name: 'renamed' })],
  ['DELETE /telephony_credentials/:id', telephony, 200],
  ['POST /telephony_credentials/:id/token', () => `${telephony()}/token`, 201],
  ['GET /mobile_push_credentials', () => '/mobile_push_credentials', 200],
  [
    'POST /mobile_push_credentials',
    () => '/mobile_push_credentials',
    200,
    () => ({ type: 'ios', alias: 'new', certificate: 'PEM', private_key: 'PEM' }),
  ],
  [
    'POST /mobile_push_credentials',
    () => '/mobile_push_credentials',
    200,
    () => ({ type: 'android', alias: 'new', project_account_json_file: { project_id: 'x' } }),
  ],
  ['GET /mobile_push_credentials/:id', () => push('ios'), 200],
  ['GET /mobile_push_credentials/:id', () => push('android'), 200],
  ['DELETE /mobile_push_credentials/:id', () => push('ios'), 204],
  ...KINDS.flatMap((kind): Row[] => [
    [`GET /${kind}_connections`, () => `/${kind}_connections`, 200],
    [`GET /${kind}_connections/:id`, () => `/${kind}_connections/${connection(kind)}`, 200],
    [
      `PATCH /${kind}_connections/:id`,
      () => `/${kind}_connections/${connection(kind)}`,
      200,
      () => ({ ios_push_credential_id: null }),
    ],
  ]),
];

const asDeclared = (operation: string) =>
  operation
    .replace('mobile_push_credentials/:id', 'mobile_push_credentials/{push_credential_id}')
    .replace(':id', '{id}');

describe('the sandbox sends what the specification declares and nothing else', () => {
  test.each(PLAYED)('in its answer to %s', async (operation, path, status, body) => {
    const [method = ''] = operation.split(' ');
    const answer = await call(method, path(), body?.());
    expect(answer.status).toBe(status);
    const schema = answerSchema(method, path().replace(/\?.*/, ''), status);
    if (schema) expect(complaints(schema, JSON.parse(answer.text))).toEqual([]);
    else expect(answer.text).not.toMatch(/^[[{]/);
  });

  test('and every operation it plays is one of the specification, and was looked at above', () => {
    const played = [...new Set(routes.map(([method, path]) => `${method} ${path}`))];
    expect([...new Set(PLAYED.map(([operation]) => operation))].sort()).toEqual([...played].sort());
    expect(played.filter((operation) => !operations.includes(asDeclared(operation)))).toEqual([]);
  });

  test('and leaves out no field of a credential that the specification names', async () => {
    const rows = async (path: string) => JSON.parse((await call('GET', path)).text).data;
    const [[telephony], pushed] = await Promise.all([rows('/telephony_credentials'), rows('/mobile_push_credentials')]);
    for (const [row, name] of [
      [telephony, 'TelephonyCredential'],
      ...pushed.map((row: object) => [row, 'PushCredential']),
    ]) {
      expect(Object.keys(row).sort()).toEqual(Object.keys(namedSchema(name).properties ?? {}).sort());
    }
  });

  const ofNobody = () => registrationOf('gencredNobody');
  const records = (rest: string) => () => `/detail_records?${rest}`;
  const ios = { type: 'ios', alias: 'a' };
  test.each<[string, string, () => string, number, unknown?]>([
    ['a push credential without its files', 'POST', () => '/mobile_push_credentials', 422, ios],
    ['a push id that is no UUID', 'GET', () => '/mobile_push_credentials/7', 422],
    ['a push id nobody has', 'GET', () => `/mobile_push_credentials/${NOBODY}`, 404],
    ['a push id nobody has, to be deleted', 'DELETE', () => `/mobile_push_credentials/${NOBODY}`, 404],
    ['a registration of no kind of credential', 'GET', () => '/sip_registration_status?username=x', 400],
    [
      'a registration of a kind nobody knows',
      'GET',
      () => registrationOf(registered()).replace('telephony_credential', 'sip_credential'),
      400,
    ],
    ['a registration of nobody in particular', 'GET', () => registrationOf().replace('&username=', ''), 400],
    ['a registration of a username nobody has', 'GET', ofNobody, 404],
    ['a registration of a username that is empty', 'GET', () => registrationOf(), 404],
    [
      'a registration of a username that is another kind of credential',
      'GET',
      () => registrationOf(registered()).replace('telephony_credential', 'uac_external_credential'),
      404,
    ],
    [
      'a registration of a telephony credential by its connection',
      'GET',
      () => registrationOf().replace('&username=', `&connection_id=${connection('credential')}`),
      404,
    ],
    ['call records of no type', 'GET', records('filter[date_range]=today'), 400],
    ['call records of a type nobody knows', 'GET', records('filter[record_type]=calls'), 400],
    ['call records of other days', 'GET', records('filter[record_type]=webrtc&filter[date_range]=last_year'), 400],
    ['call records by what is no filter', 'GET', records('filter[record_type]=webrtc&filter[sip_username]=x'), 400],
    ['call records in an order', 'GET', records('filter[record_type]=webrtc&sort[]=started_at'), 400],
    ['call records in an order, as text', 'GET', records('filter[record_type]=webrtc&sort=started_at'), 400],
    ['51 call records on a page', 'GET', records('filter[record_type]=webrtc&page[size]=51'), 400],
    ['no call records on a page', 'GET', records('filter[record_type]=webrtc&page[size]=0'), 400],
    ['audit events after no time', 'GET', () => '/audit_events?filter[created_after]=yesterday', 400],
    ['audit events before no time', 'GET', () => '/audit_events?filter[created_before]=tomorrow', 400],
    ['audit events of one resource', 'GET', () => `/audit_events?filter[resource_id]=${NOBODY}`, 400],
    ['audit events in no order', 'GET', () => '/audit_events?sort=created_at', 400],
    ['251 audit events on a page', 'GET', () => '/audit_events?page[size]=251', 400],
    ['an outbound voice profile nobody has', 'GET', () => '/outbound_voice_profiles/1', 404],
    ...KINDS.flatMap((kind): [string, string, () => string, number, unknown?][] => [
      [`a ${kind} connection nobody has`, 'GET', () => `/${kind}_connections/1`, 404],
      [`a page of no ${kind} connections`, 'GET', () => `/${kind}_connections?page[size]=0`, 400],
      [
        `a push id nobody has, for a ${kind} connection`,
        'PATCH',
        () => `/${kind}_connections/${connection(kind)}`,
        422,
        { ios_push_credential_id: NOBODY },
      ],
    ]),
  ])('when it refuses %s', async (_, method, path, status, body) => {
    const answer = await call(method, path(), body);
    expect(answer.status).toBe(status);
    const schema = answerSchema(method, path().split('?')[0] ?? '', status) ?? namedSchema('ErrorResponse');
    expect(complaints(schema, JSON.parse(answer.text))).toEqual([]);
  });

  test.each(['/mobile_push_credentials', ...KINDS.map((kind) => `/${kind}_connections`)])(
    'when it refuses a wrong key at %s',
    async (path) => {
      const answer = await call('GET', path, undefined, 'KEYwrong');
      expect(complaints(answerSchema('GET', path, 401) ?? {}, JSON.parse(answer.text))).toEqual([]);
    },
  );
});

describe('with `undeclared` the sandbox also sends what was seen on the wire', () => {
  test('is_public on push rows, and connection_id in the answer to a telephony create', async () => {
    await sandbox.close();
    sandbox = await startSandbox({ now: () => NOW, undeclared: true });
    const [listed, made] = await Promise.all([
      call('GET', '/mobile_push_credentials'),
      call('POST', '/telephony_credentials', { connection_id: connection('credential') }),
    ]);
    const schema = answerSchema('GET', '/mobile_push_credentials', 200) ?? {};
    expect(complaints(schema, JSON.parse(listed.text))[0]).toMatch(/^\/data\/0 must NOT .* \(is_public\)$/);
    const rows: { is_public: boolean }[] = JSON.parse(listed.text).data;
    expect(rows.filter((row) => row.is_public)).toHaveLength(2);
    expect(rows.filter((row) => row.is_public === false)).toHaveLength(4);
    expect(JSON.parse(made.text).data.connection_id).toBe(connection('credential'));
  });
});

test('every answer is dated by the clock of the account, refusals and faults too', async () => {
  const dates = async () => {
    const answers = await Promise.all([
      call('GET', '/balance'),
      call('GET', '/nowhere'),
      call('GET', '/balance', undefined, 'x'),
    ]);
    return new Set(answers.map(({ headers }) => headers.get('date')));
  };
  expect(await dates()).toEqual(new Set(['Sun, 22 Nov 2026 09:30:00 GMT']));
  sandbox.fault({ respond: { status: 503 } });
  expect(await dates()).toEqual(new Set(['Sun, 22 Nov 2026 09:30:00 GMT']));
  sandbox.fault({ respond: { status: 200, headers: { Date: 'Thu, 01 Jan 2026 00:00:00 GMT' } } });
  expect((await call('GET', '/balance')).headers.get('date')).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
});
