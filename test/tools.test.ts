import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dataOf, errorOf, startApp, textOf, yes } from './app.ts';

interface Telephony {
  id: string;
  name: string;
  connection_id: string;
  sip_username: string;
  expired: boolean;
  expires_at: string | null;
  sip_password_fingerprint: string;
}
interface TelephonyList {
  telephony_credentials: Telephony[];
  total: number;
  next_cursor?: string;
}

const idOf = (map: Map<string, unknown>): string => [...map.keys()][0] ?? '';

test('telephony credentials are listed page by page, each exactly once', async () => {
  await using t = await startApp({ sandbox: { credentials: 730 } });
  for (const limit of [500, 499, 73]) {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = dataOf<TelephonyList>(
        await t.call('list_telephony_credentials', { limit, ...(cursor && { cursor }) }),
      );
      expect(page.total).toBe(730);
      ids.push(...page.telephony_credentials.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor && ids.length < 1000);
    expect(new Set(ids).size).toBe(730);
    expect(ids).toHaveLength(730);
  }
});

test('filters reach Telnyx in its own words', async () => {
  await using t = await startApp();
  const connection = [...t.sandbox.world.telephony.values()][0]?.resource_id?.replace('connection:', '') ?? '';
  const args = { name: 'n', tag: 't', status: 'expired', connection_id: connection, sip_username: 'u' };
  await t.call('list_telephony_credentials', args);
  expect(Object.fromEntries(t.sandbox.requests.at(-1)?.query ?? [])).toEqual({
    'filter[name]': 'n',
    'filter[tag]': 't',
    'filter[status]': 'expired',
    'filter[resource_id]': `connection:${connection}`,
    'filter[sip_username]': 'u',
    'page[number]': '1',
    'page[size]': '50',
  });
});

test('a credential lives: created, read, found by tag and name, changed, deleted', async () => {
  await using t = await startApp({ person: yes, reads: ['name', 'expires_at', 'expired'] });
  const { connections } = dataOf<{ connections: { id: string; kind: string }[] }>(await t.call('list_connections'));
  const connection_id = connections[0]?.id ?? '';
  const made = await t.call('create_telephony_credential', {
    connection_id,
    name: 'kiosk',
    tag: 'lobby',
    expires_at: '2099-01-01',
  });
  const { credential, secret } = dataOf<{
    credential: Telephony;
    secret: { place: string; fingerprint: string; destination: string };
  }>(made);
  expect(credential).toMatchObject({ name: 'kiosk', connection_id, expired: false });
  expect(secret).toMatchObject({ destination: 'vault', fingerprint: credential.sip_password_fingerprint });

  const record = t.sandbox.world.telephony.get(credential.id);
  expect(record?.tag).toBe('lobby');
  expect(JSON.parse(readFileSync(secret.place, 'utf8'))).toMatchObject({
    id: credential.id,
    sip_username: credential.sip_username,
    sip_password: record?.sip_password,
  });
  expect(statSync(secret.place).mode & 0o777).toBe(0o600);
  expect(textOf(made)).not.toContain(record?.sip_password);

  const byTag = dataOf<TelephonyList>(await t.call('list_telephony_credentials', { tag: 'lobby' }));
  expect(byTag.telephony_credentials).toEqual([credential]);
  expect(byTag.next_cursor).toBeUndefined();

  const changed = await t.call('update_telephony_credential', {
    id: credential.id,
    name: 'kiosk-2',
    expires_at: '2099-06-01T12:00:00+02:00',
  });
  expect(dataOf(changed)).toMatchObject({ status: 'done', credential: { name: 'kiosk-2' } });
  expect(t.sandbox.requests.at(-1)?.body).toEqual({ name: 'kiosk-2', expires_at: '2099-06-01T10:00:00.000Z' });
  expect(t.asked).toEqual([]);

  expect(dataOf(await t.call('delete_telephony_credential', { id: credential.id }))).toEqual({
    status: 'done',
    id: credential.id,
  });
  expect(t.sandbox.world.telephony.has(credential.id)).toBe(false);
});

test('an expiry decades away reads as never, and dates without a zone as UTC', async () => {
  await using t = await startApp({ reads: ['expires_at', 'created_at', 'updated_at'] });
  const record = [...t.sandbox.world.telephony.values()][0];
  if (!record) throw new Error('the sandbox is empty');
  Object.assign(record, { created_at: '2020-06-18T21:32:38', expires_at: '2042-06-18T21:32:38', updated_at: null });
  const read = await t.call('get_telephony_credential', { id: record.id });
  expect(dataOf(read)).toMatchObject({ created_at: '2020-06-18T21:32:38.000Z', expires_at: null, updated_at: null });
});

test('push credentials show what their certificates and service accounts say', async () => {
  await using t = await startApp();
  const { mobile_push_credentials: rows } = dataOf<{
    mobile_push_credentials: { id: string; type: string; alias: string }[];
  }>(await t.call('list_mobile_push_credentials'));
  expect(rows.filter((row) => 'certificate' in row)).toHaveLength(3);
  const lapsing = rows.find((row) => row.type === 'ios' && JSON.stringify(row).includes('"days_left":9'));
  const one = await t.call('get_mobile_push_credential', { id: lapsing?.id });
  expect(dataOf(one)).toMatchObject({
    type: 'ios',
    shared_by_telnyx: false,
    certificate: {
      voip: true,
      days_left: 9,
      bundle_id: expect.stringMatching(/^com\./),
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/),
    },
    private_key_fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
  const android = dataOf<{ mobile_push_credentials: object[] }>(
    await t.call('list_mobile_push_credentials', { type: 'android' }),
  );
  expect(android.mobile_push_credentials[0]).toMatchObject({ service_account: { project_id: expect.any(String) } });
  expect(rows.filter((row) => 'shared_by_telnyx' in row && row.shared_by_telnyx)).toHaveLength(2);
});

test.each(['credential', 'fqdn', 'ip', 'uac'])('connections of kind %s are listed without passwords', async (kind) => {
  await using t = await startApp();
  const { connections } = dataOf<{ connections: Record<string, unknown>[] }>(
    await t.call('list_connections', { kind }),
  );
  expect(connections.length).toBeGreaterThan(0);
  for (const connection of connections) {
    expect(Object.keys(connection).sort()).toEqual([
      'active',
      'android_push_credential_id',
      'id',
      'ios_push_credential_id',
      'kind',
      'name',
    ]);
    expect(connection.kind).toBe(kind);
  }
});

test('connections are found by a part of their name', async () => {
  await using t = await startApp({ reads: ['connection_name'] });
  const name =
    [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.connection_name ?? '';
  const found = dataOf<{ connections: { name: string }[] }>(
    await t.call('list_connections', { name: name.slice(1, 5) }),
  );
  expect(found.connections.map((connection) => connection.name)).toContain(name);
});

test('the text of a result is enough without its structure', async () => {
  await using t = await startApp({ sandbox: { credentials: 60 } });
  const result = await t.call('list_telephony_credentials', { limit: 2 });
  const { telephony_credentials: rows, next_cursor } = dataOf<TelephonyList>(result);
  for (const { id, name, sip_username } of rows)
    for (const part of [id, name, sip_username]) expect(textOf(result)).toContain(part);
  expect(textOf(result)).toContain(next_cursor);
});

test('an id that is not there answers NOT_FOUND with a way on', async () => {
  await using t = await startApp();
  const id = idOf(t.sandbox.world.telephony).replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  const result = await t.call('get_telephony_credential', { id });
  expect(errorOf(result)).toMatchObject({
    code: 'NOT_FOUND',
    http_status: 404,
    next: expect.stringContaining('List'),
  });
});
