import Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';

const NOW = new Date('2026-11-22T09:30:00.250Z');
const DAY = 86_400_000;

let sandbox: Sandbox;
let telnyx: Telnyx;

beforeEach(async () => {
  sandbox = await startSandbox({ now: () => NOW });
  telnyx = new Telnyx({ apiKey: sandbox.apiKey, baseURL: sandbox.baseUrl, maxRetries: 0 });
});
afterEach(() => sandbox.close());

function connection(kind = 'credential'): string {
  return [...sandbox.world.connections.values()].find((record) => record.kind === kind)?.id ?? '';
}

async function call(method: string, path: string, body?: unknown, key = sandbox.apiKey) {
  const response = await fetch(`${sandbox.baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

function claims(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

describe('the official SDK, unchanged', () => {
  test('pages by itself through 1,000 credentials, newest first, each once', async () => {
    await sandbox.close();
    sandbox = await startSandbox({ credentials: 1000 });
    telnyx = new Telnyx({ apiKey: sandbox.apiKey, baseURL: sandbox.baseUrl });
    const ids: unknown[] = [];
    for await (const { id } of telnyx.telephonyCredentials.list({ 'page[size]': 250 })) ids.push(id);
    expect(ids).toEqual([...sandbox.world.telephony.keys()].reverse());
    expect(sandbox.requests).toHaveLength(4);
  });

  test('creates, reads, updates and deletes a telephony credential', async () => {
    const { data: made } = await telnyx.telephonyCredentials.create({ connection_id: connection(), name: 'desk' });
    const id = made?.id ?? '';
    expect(made).toMatchObject({
      name: 'desk',
      expired: false,
      created_at: '2026-11-22T09:30:00',
      expires_at: '2048-11-22T09:30:00',
      updated_at: '2026-11-22T09:30:00.000Z',
      sip_username: expect.stringMatching(/^gencred[A-Za-z0-9]{43}$/),
      sip_password: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    await telnyx.telephonyCredentials.update(id, { name: 'renamed' });
    expect((await telnyx.telephonyCredentials.retrieve(id)).data?.name).toBe('renamed');
    expect((await telnyx.telephonyCredentials.delete(id)).data).toMatchObject({ id, name: 'renamed' });
    await expect(telnyx.telephonyCredentials.retrieve(id)).rejects.toThrow(Telnyx.NotFoundError);
  });

  test('gets a login token that lasts a day', async () => {
    const { data } = await telnyx.telephonyCredentials.create({ connection_id: connection() });
    const token = await telnyx.telephonyCredentials.createToken(data?.id ?? '');
    const { iat, exp, aud, typ } = claims(token);
    expect({ lasts: exp - iat, aud, typ }).toEqual({ lasts: 86_400, aud: 'telnyx_telephony', typ: 'access' });
  });

  test.each([
    { type: 'ios' as const, certificate: 'PEM', private_key: 'PEM', alias: 'new-ios' },
    { type: 'android' as const, project_account_json_file: { project_id: 'x' }, alias: 'new-android' },
  ])('creates, finds, reads and deletes a push credential for $type', async (body) => {
    const made = await telnyx.mobilePushCredentials.create({ createMobilePushCredentialRequest: body });
    const id = made.data?.id ?? '';
    expect(made.data).toMatchObject(body);
    const found = await telnyx.mobilePushCredentials.list({ filter: { alias: body.alias } });
    expect(found.data.map((row) => row.id)).toEqual([id]);
    expect((await telnyx.mobilePushCredentials.retrieve(id)).data).toEqual(made.data);
    await telnyx.mobilePushCredentials.delete(id);
    await expect(telnyx.mobilePushCredentials.retrieve(id)).rejects.toThrow(Telnyx.NotFoundError);
  });

  test('attaches and detaches a push credential of a connection, other fields untouched', async () => {
    const id = connection();
    const push = (await telnyx.mobilePushCredentials.list({ filter: { type: 'ios' } })).data[0]?.id ?? null;
    const before = (await telnyx.credentialConnections.retrieve(id)).data;
    await telnyx.credentialConnections.update(id, { ios_push_credential_id: push });
    const after = (await telnyx.credentialConnections.retrieve(id)).data;
    expect(after).toEqual({ ...before, ios_push_credential_id: push, updated_at: NOW.toISOString() });
    const { data: detached } = await telnyx.credentialConnections.update(id, { ios_push_credential_id: null });
    expect(detached?.ios_push_credential_id).toBeNull();
  });

  test('raises its own class for each refusal', async () => {
    const stranger = new Telnyx({ apiKey: 'KEYwrong', baseURL: sandbox.baseUrl, maxRetries: 0 });
    await expect(stranger.telephonyCredentials.list()).rejects.toThrow(Telnyx.AuthenticationError);
    await expect(stranger.mobilePushCredentials.list()).rejects.toThrow(Telnyx.AuthenticationError);
    await expect(telnyx.telephonyCredentials.retrieve('none')).rejects.toThrow(Telnyx.NotFoundError);
    const orphan = telnyx.telephonyCredentials.create({ connection_id: '1' });
    await expect(orphan).rejects.toThrow(Telnyx.UnprocessableEntityError);
    sandbox.fault({ respond: { status: 429, body: { errors: [{ code: '10011', title: 'Too many requests' }] } } });
    await expect(telnyx.balance.retrieve()).rejects.toThrow(Telnyx.RateLimitError);
    expect((await telnyx.balance.retrieve()).data?.currency).toBe('USD');
  });
});

describe('what is refused', () => {
  const uuid = '00000000-0000-4000-8000-000000000000';
  const ios = { type: 'ios', alias: 'a', certificate: 'c', private_key: 'k' };

  test.each([
    ['a page above 250 rows', 'GET', '/telephony_credentials?page[size]=251', undefined, 400, '10033'],
    ['page zero', 'GET', '/telephony_credentials?page[number]=0', undefined, 400, '10033'],
    ['a filter nobody knows', 'GET', '/telephony_credentials?filter[connection_id]=1', undefined, 400, '10031'],
    ['a status nobody knows', 'GET', '/telephony_credentials?filter[status]=dead', undefined, 400, '10032'],
    ['a search of two letters', 'GET', '/ip_connections?filter[connection_name][contains]=ab', undefined, 400, '10025'],
    ['a path nobody knows', 'GET', '/nowhere', undefined, 404, '10005'],
    ['a path that climbs out of /v2', 'GET', '/../balance', undefined, 404, '10005'],
    ['an id that is no percent-encoding', 'GET', '/telephony_credentials/%E0%A4%A', undefined, 404, '10005'],
    ['a body that is not JSON', 'POST', '/telephony_credentials', '{"name":', 400, '10015'],
    ['a body that is a list', 'POST', '/telephony_credentials', [], 400, '10015'],
    ['a body above 1 MB', 'POST', '/telephony_credentials', { name: 'x'.repeat(2 ** 20) }, 413, '10025'],
    ['a credential without a connection', 'POST', '/telephony_credentials', { name: 'x' }, 422, '10015'],
    ['a credential on no connection', 'POST', '/telephony_credentials', { connection_id: '1' }, 422, '10013'],
    ['a push credential of no platform', 'POST', '/mobile_push_credentials', { alias: 'a' }, 422, '10015'],
    ['an alias that is taken', 'POST', '/mobile_push_credentials', { ...ios, alias: 'acme-dialer-ios' }, 422, '10015'],
    ['a push id that is no UUID', 'DELETE', '/mobile_push_credentials/7', undefined, 422, '10006'],
    ['a push id nobody has', 'GET', `/mobile_push_credentials/${uuid}`, undefined, 404, '10005'],
    ['a connection of another kind', 'GET', '/ip_connections/1', undefined, 404, '10005'],
  ] as const)('is %s', async (_, method, path, body, status, code) => {
    expect(await call(method, path, body)).toMatchObject({ status, json: { errors: [{ code }] } });
  });

  test('is a wrong key, without a body on telephony paths and with 10009 elsewhere', async () => {
    const wrong = (path: string) => call('GET', path, undefined, 'KEYwrong');
    expect(await wrong('/telephony_credentials')).toMatchObject({ status: 401, text: '' });
    expect(await wrong('/fqdn_connections')).toMatchObject({ status: 401, json: { errors: [{ code: '10009' }] } });
  });

  test.each([
    ['ios without its key', { ...ios, private_key: undefined }, ['/private_key']],
    ['ios with nothing but a type', { type: 'ios' }, ['/alias', '/certificate', '/private_key']],
    ['android with the files of ios', { ...ios, type: 'android' }, ['/project_account_json_file']],
    [
      'android with text for a file',
      { type: 'android', alias: 'a', project_account_json_file: '{}' },
      ['/project_account_json_file'],
    ],
    ['an alias of one of our own', { ...ios, alias: 'acme-dialer-ios' }, ['/alias']],
    ['an alias of one of Telnyx', { ...ios, alias: 'ios-native-new-march-2025' }, ['/alias']],
  ])('is a push credential for %s, naming each field', async (_, body, pointers) => {
    const { status, json } = await call('POST', '/mobile_push_credentials', body);
    expect(status).toBe(422);
    expect(json.errors.map((error: { source: { pointer: string } }) => error.source.pointer)).toEqual(pointers);
  });

  test.each([
    ['with an offset', '2027-01-01T00:00:00+02:00'],
    ['that does not exist', '2027-02-30T00:00:00Z'],
    ['without a time', '2027-01-01'],
    ['in words', 'tomorrow'],
  ])('is an expiry %s', async (_, expires_at) => {
    const body = { connection_id: connection(), expires_at };
    const { json } = await call('POST', '/telephony_credentials', body);
    expect(json.errors[0].source.pointer).toBe('/expires_at');
  });

  test('is the deletion of a row that belongs to Telnyx', async () => {
    await sandbox.world.ready;
    const theirs = [...sandbox.world.push.values()].filter((record) => record.is_public);
    expect(theirs).toHaveLength(2);
    for (const { id } of theirs) {
      expect(await call('DELETE', `/mobile_push_credentials/${id}`)).toMatchObject({ status: 403 });
    }
  });
});

describe('telephony credentials', () => {
  test.each([
    ['2027-01-01T00:00', '2027-01-01T00:00:00'],
    ['2027-01-01T00:00:00', '2027-01-01T00:00:00'],
    ['2027-01-01T00:00:00.999Z', '2027-01-01T00:00:00'],
    ['2027-01-01T00:00:00-00:00', '2027-01-01T00:00:00'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59'],
  ])('take %s as an expiry and give it as %s', async (expires_at, given) => {
    const { json } = await call('POST', '/telephony_credentials', { connection_id: connection(), expires_at });
    expect(json.data.expires_at).toBe(given);
  });

  test('are named by their moment when they were given no name', async () => {
    const { json } = await call('POST', '/telephony_credentials', { connection_id: connection() });
    expect(json.data.name).toMatch(/^2026-11-22 09:30:00\.250\d{3}Z$/);
  });

  test('once expired can be neither changed nor logged in with, only deleted', async () => {
    const expires_at = '2026-11-22T09:29:59';
    const { json } = await call('POST', '/telephony_credentials', { connection_id: connection(), expires_at });
    const path = `/telephony_credentials/${json.data.id}`;
    expect(json.data.expired).toBe(true);
    expect(await call('PATCH', path, { expires_at: '2030-01-01T00:00:00Z' })).toMatchObject({
      status: 422,
      json: { errors: { status: "can't update credentials in expired status" } },
    });
    expect((await call('POST', `${path}/token`)).status).toBe(422);
    expect(await call('DELETE', path)).toMatchObject({ status: 200, json: { data: { expired: true } } });
  });

  test('have tokens that never outlive them', async () => {
    const expires_at = new Date(NOW.getTime() + DAY / 2).toISOString();
    const { json } = await call('POST', '/telephony_credentials', { connection_id: connection(), expires_at });
    const { text } = await call('POST', `/telephony_credentials/${json.data.id}/token`);
    expect(claims(text).exp).toBe(Date.parse('2026-11-22T21:30:00Z') / 1000);
  });

  test('move to another connection, and change nothing they were not told', async () => {
    const [row] = sandbox.world.telephony.page(0, 1).rows;
    const to = [...sandbox.world.connections.values()].filter(({ kind }) => kind === 'credential').at(-1)?.id;
    const { json } = await call('PATCH', `/telephony_credentials/${row?.id}`, { connection_id: to, expires_at: null });
    expect(json.data.resource_id).toBe(`connection:${to}`);
    expect(json.data.expires_at).toBe(row?.expires_at);
  });

  test('can be found by a tag that no answer ever shows', async () => {
    const body = { connection_id: connection(), tag: 'kiosks', nonsense: 1 };
    const { json, text } = await call('POST', '/telephony_credentials', body);
    const found = await call('GET', '/telephony_credentials?filter[tag]=kiosks');
    expect(found.json.data.map((row: { id: string }) => row.id)).toEqual([json.data.id]);
    expect(text + found.text).not.toMatch(/kiosks|nonsense/);
  });

  test('are at most 1,000 to a tag', async () => {
    const [row] = sandbox.world.telephony.page(0, 1).rows;
    for (let index = 0; row && index < 1000; index++) {
      sandbox.world.telephony.set(`${index}`, { ...row, id: `${index}`, tag: 'full' });
    }
    const body = { connection_id: connection(), tag: 'full' };
    expect((await call('POST', '/telephony_credentials', body)).status).toBe(422);
    expect((await call('PATCH', '/telephony_credentials/7', { tag: 'full' })).status).toBe(200);
    await call('DELETE', '/telephony_credentials/7');
    expect((await call('POST', '/telephony_credentials', body)).status).toBe(201);
  });

  test.each(['name', 'resource_id', 'sip_username'])('are filtered by %s, exactly', async (field) => {
    const wanted = String(sandbox.world.telephony.page(3, 1).rows[0]?.[field]);
    const { json } = await call('GET', `/telephony_credentials?filter[${field}]=${encodeURIComponent(wanted)}`);
    expect(json.meta.total_results).toBeGreaterThan(0);
    expect(json.data.every((row: Record<string, unknown>) => row[field] === wanted)).toBe(true);
    const part = await call('GET', `/telephony_credentials?filter[${field}]=${wanted.slice(0, -1)}`);
    expect(part.json.data).toEqual([]);
  });

  test('are active or expired by the clock, and never both', async () => {
    const [active, expired, all] = await Promise.all(
      ['?filter[status]=active', '?filter[status]=expired', ''].map((query) =>
        call('GET', `/telephony_credentials${query}`),
      ),
    );
    expect(expired?.json.data.every((row: { expired: boolean }) => row.expired)).toBe(true);
    expect(active?.json.meta.total_results + expired?.json.meta.total_results).toBe(all?.json.meta.total_results);
  });
});

describe('lists', () => {
  test.each([
    ['telephony_credentials', 50],
    ['mobile_push_credentials', 20],
    ['uac_connections', 250],
  ])('of %s come %i rows to a page unless told', async (path, size) => {
    expect((await call('GET', `/${path}`)).json.meta).toMatchObject({ page_number: 1, page_size: size });
  });

  test('end with a shorter page, and are empty after it', async () => {
    const lengths = [1, 2, 3, 4].map(async (page) => {
      const { json } = await call('GET', `/telephony_credentials?page[size]=12&page[number]=${page}`);
      return [json.data.length, json.meta.total_pages];
    });
    expect(await Promise.all(lengths)).toEqual([
      [12, 3],
      [12, 3],
      [6, 3],
      [0, 3],
    ]);
  });

  test('serve fields that Telnyx has not invented yet', async () => {
    await sandbox.world.ready;
    const { telephony, push, connections } = sandbox.world;
    for (const rows of [telephony, push, connections]) {
      for (const row of rows.values()) row.invented = 'canary';
    }
    for (const path of ['telephony_credentials', 'mobile_push_credentials', 'uac_connections']) {
      expect((await call('GET', `/${path}`)).json.data[0].invented).toBe('canary');
    }
  });

  test('of connections are searched by a part of the name in any case, and mask the password', async () => {
    const { json } = await call('GET', '/credential_connections?filter[connection_name][contains]=DIAL');
    expect(json.data).toMatchObject([{ connection_name: 'Web dialer', password: '********' }]);
    expect(json.data[0]).not.toHaveProperty('kind');
  });
});

test('a deleted push credential leaves the connections that name it pointing at nothing', async () => {
  const user = [...sandbox.world.connections.values()].find((record) => record.ios_push_credential_id);
  const path = `/credential_connections/${user?.id}`;
  const before = (await call('GET', path)).json.data.ios_push_credential_id;
  expect((await call('DELETE', `/mobile_push_credentials/${before}`)).status).toBe(204);
  expect((await call('GET', path)).json.data.ios_push_credential_id).toBe(before);
});

test('a connection sent back whole keeps its id and loses its password', async () => {
  const id = connection();
  const path = `/credential_connections/${id}`;
  const { data } = (await call('GET', path)).json;
  expect((await call('PATCH', path, { ...data, id: '1', webrtc_enabled: true })).json.data).not.toHaveProperty(
    'webrtc_enabled',
  );
  expect(sandbox.world.connections.get(id)).toMatchObject({ id, password: '********' });
});
