import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataOf, type Started, startApp, textOf, yes } from './app.ts';
import { appleMaterial, serviceAccount } from './material.ts';
import { CANARY, SHAPES } from './telnyx/reshape.ts';

interface Push {
  id: string;
  alias: string;
  type: string;
  private_key_fingerprint: string;
  certificate?: { bundle_id: string };
  service_account?: { project_id: string };
}

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-shapes-'));
const paths = {
  certificate: join(folder, 'voip.pem'),
  key: join(folder, 'voip.key'),
  account: join(folder, 'fcm.json'),
};
let privateKeys: string[] = [];

beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  const account = serviceAccount();
  writeFileSync(paths.certificate, certificate);
  writeFileSync(paths.key, key);
  writeFileSync(paths.account, JSON.stringify(account));
  privateKeys = [key, String(account.private_key)].map((pem) => pem.split('\n')[1] ?? '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Calls a tool that must succeed; what it answers holds no secret, and nothing that nobody declared. */
async function must<T>(app: Started, name: string, args: Record<string, unknown> = {}): Promise<T> {
  const result = await app.call(name, args);
  if (result.isError) throw new Error(`${name}: ${textOf(result)}`);
  const said = JSON.stringify(result) + app.log.join('\n');
  for (const secret of [CANARY, ...privateKeys]) expect(said).not.toContain(secret);
  for (const { sip_password } of app.sandbox.world.telephony.values()) expect(said).not.toContain(sip_password);
  return dataOf<T>(result);
}

const platforms: [string, () => Record<string, string>, string, object][] = [
  [
    'ios',
    () => ({ certificate_file: paths.certificate, private_key_file: paths.key }),
    'acme-dialer-ios',
    { certificate: { bundle_id: expect.stringMatching(/^com\./) } },
  ],
  [
    'android',
    () => ({ service_account_file: paths.account }),
    'acme-dialer-android',
    { service_account: { project_id: expect.any(String) } },
  ],
];

describe.each(SHAPES)('on answers that are %s', (shape) => {
  test.each(platforms)(
    'a push credential for %s is made from files, listed, read, and deleted',
    async (type, files, _, shown) => {
      await using app = await startApp({ person: yes, shape });
      const made = await must<{ credential: Push }>(app, 'create_mobile_push_credential', {
        alias: 'fresh',
        type,
        ...files(),
      });
      const { id } = made.credential;
      const wanted = { id, alias: 'fresh', type, private_key_fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/) };
      expect(made.credential).toMatchObject({ ...wanted, ...shown });
      const listed = await must<{ mobile_push_credentials: Push[] }>(app, 'list_mobile_push_credentials');
      expect(listed.mobile_push_credentials).toHaveLength(7);
      expect(listed.mobile_push_credentials).toContainEqual(made.credential);
      expect(await must(app, 'get_mobile_push_credential', { id })).toEqual(made.credential);
      expect(await must(app, 'delete_mobile_push_credential', { id })).toEqual({ status: 'done', id });
      expect(app.sandbox.world.push.has(id)).toBe(false);
      expect(app.sandbox.world.push.size).toBe(6);
    },
  );

  test.each(platforms)(
    'a push credential for %s in use is rotated, and the old one deleted',
    async (_, files, alias) => {
      await using app = await startApp({ person: yes, shape });
      const { world } = app.sandbox;
      await world.ready;
      const old = [...world.push.values()].find((row) => row.alias === alias)?.id;
      const users = (id: unknown) =>
        [...world.connections.values()]
          .filter((row) => row.ios_push_credential_id === id || row.android_push_credential_id === id)
          .map((row) => row.id);
      const before = users(old);
      expect(before).toHaveLength(2);
      type Rotation = { rotation: { id: string; state: string; successor: { id: string } } };
      const { rotation } = await must<Rotation>(app, 'rotate_mobile_push_credential', { id: old, ...files() });
      expect(rotation.state).toBe('old_one_left');
      expect(users(rotation.successor.id)).toEqual(before);
      expect(world.push.has(`${old}`)).toBe(true);
      const after = await must<Rotation>(app, 'continue_rotation', { id: rotation.id });
      expect(after.rotation.state).toBe('done');
      expect(world.push.has(`${old}`)).toBe(false);
      expect(world.push.size).toBe(6);
    },
  );

  test('a telephony credential is made, its password kept, found, rotated without overlap, and deleted', async () => {
    await using app = await startApp({ person: yes, shape });
    const { world } = app.sandbox;
    const connection_id = [...world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
    const made = await must<{ credential: { id: string; sip_username: string } }>(app, 'create_telephony_credential', {
      connection_id,
      name: 'kiosk',
      tag: 'lobby',
    });
    const { id, sip_username } = made.credential;
    const kept = () =>
      readdirSync(join(app.stateDir, 'vault')).map((file) => readFileSync(join(app.stateDir, 'vault', file), 'utf8'));
    expect(kept().join()).toContain(world.telephony.get(id)?.sip_password);
    const found = await must<{ telephony_credentials: { id: string }[] }>(app, 'list_telephony_credentials', {
      sip_username,
    });
    expect(found.telephony_credentials.map((row) => row.id)).toEqual([id]);
    type Rotation = { rotation: { state: string; successor: { id: string } } };
    const { rotation } = await must<Rotation>(app, 'rotate_telephony_credential', { id, overlap: '0', tag: 'lobby' });
    expect(rotation.state).toBe('done');
    expect(world.telephony.has(id)).toBe(false);
    const successor = world.telephony.get(rotation.successor.id);
    expect(successor).toMatchObject({ tag: 'lobby', resource_id: `connection:${connection_id}` });
    expect(kept().join()).toContain(successor?.sip_password);
    await must(app, 'delete_telephony_credential', { id: rotation.successor.id });
    expect(world.telephony.size).toBe(30);
  });

  test('every other tool that reads answers', async () => {
    await using app = await startApp({ person: yes, shape });
    const [id] = app.sandbox.world.telephony.keys();
    for (const kind of ['credential', 'fqdn', 'ip', 'uac']) {
      const listed = await must<{ connections: { id: string }[] }>(app, 'list_connections', { kind });
      const there = [...app.sandbox.world.connections.values()].filter((row) => row.kind === kind);
      expect(listed.connections.map((row) => row.id).sort()).toEqual(there.map((row) => row.id).sort());
    }
    expect(await must(app, 'get_telephony_credential', { id })).toMatchObject({ id });
    const report = await must<{ complete: boolean; read: { rows: number }[] }>(app, 'report_credential_health');
    expect(report.complete).toBe(true);
    expect(report.read.map(({ rows }) => rows)).toEqual([30, 6, 5, 0]);
  });
});
