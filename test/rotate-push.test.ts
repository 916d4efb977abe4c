import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSandbox } from '../src/sandbox/server.ts';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';
import { appleMaterial, serviceAccount } from './material.ts';
import { startProcess } from './process.ts';

interface View {
  id: string;
  state: string;
  old: { id: string; name: string };
  successor: { id: string; name: string };
  left: string[];
  done: string[];
  warnings: string[];
}
interface Result {
  status: string;
  rotation: View;
  plan?: { steps: string[]; asks: string };
}

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-material-'));
const files = {
  certificate_file: join(folder, 'voip.pem'),
  private_key_file: join(folder, 'voip.key'),
};
const account = { service_account_file: join(folder, 'firebase.json') };

beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(files.certificate_file, certificate);
  writeFileSync(files.private_key_file, key);
  writeFileSync(account.service_account_file, JSON.stringify(serviceAccount()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Stage extends Started {
  /** The push credential of that alias in the account. */
  push(alias: string): { id: string };
  /** The names of connections that point to a push credential, in either field. */
  users(id: string): string[];
  rotate(args: Record<string, unknown>): Promise<Result>;
  rotation(name: string, id: string): Promise<Result>;
}

async function stage(options: Options = {}): Promise<Stage> {
  const started = await startApp({ person: yes, ...options });
  const { world } = started.sandbox;
  await world.ready;
  const result = async (name: string, args: Record<string, unknown>) => {
    const answer = await started.call(name, args);
    if (answer.isError) throw new Error(textOf(answer));
    return dataOf<Result>(answer);
  };
  return Object.assign(started, {
    push: (alias: string) => {
      const found = [...world.push.values()].find((row) => row.alias === alias);
      if (!found) throw new Error(`no ${alias}`);
      return found;
    },
    users: (id: string) =>
      [...world.connections.values()]
        .filter((row) => row.ios_push_credential_id === id || row.android_push_credential_id === id)
        .map((row) => row.connection_name)
        .sort(),
    rotate: (args: Record<string, unknown>) => result('rotate_mobile_push_credential', args),
    rotation: (name: string, id: string) => result(name, { id }),
  });
}

/** Has one connection of each kind use a push credential, by either field. */
function useEverywhere({ sandbox: { world } }: Started, id: string): void {
  for (const kind of ['credential', 'fqdn', 'ip', 'uac']) {
    const row = [...world.connections.values()].find((connection) => connection.kind === kind);
    if (row) row[kind === 'fqdn' ? 'ios_push_credential_id' : 'android_push_credential_id'] = id;
  }
}

test('a certificate is renewed: a successor, and every connection points to it', async () => {
  await using app = await stage({ reads: ['connection_name'] });
  const old = app.push('acme-dialer-ios');
  const users = app.users(old.id);
  expect(users).toHaveLength(2);
  const { status, rotation } = await app.rotate({ id: old.id, ...files });
  expect(status).toBe('done');
  expect(rotation).toMatchObject({ state: 'old_one_left', left: ['delete the old one'] });
  expect(rotation.successor.name).toBe(`acme-dialer-ios-${new Date().toISOString().slice(0, 10)}`);
  expect(app.users(old.id)).toEqual([]);
  expect(app.users(rotation.successor.id)).toEqual(users);
  expect(app.asked[0]?.message).toContain(users[0]);
  expect(app.asked[0]?.requestedSchema.properties.phrase?.description).toBe(
    'Type: rotate acme-dialer-ios on 2 connections',
  );
});

test('a patch sends one field, and nothing that could overwrite a password', async () => {
  await using app = await stage();
  const { rotation } = await app.rotate({ id: app.push('acme-dialer-ios').id, ...files });
  const patches = app.sandbox.requests.filter(({ method }) => method === 'PATCH');
  expect(patches.map(({ body }) => body)).toEqual(
    Array.from({ length: 2 }, () => ({ ios_push_credential_id: rotation.successor.id })),
  );
});

test('a service account is renewed over all four kinds of connection and both fields', async () => {
  await using app = await stage();
  const old = app.push('acme-dialer-android-beta');
  useEverywhere(app, old.id);
  const users = app.users(old.id);
  const { rotation } = await app.rotate({ id: old.id, ...account, alias: 'acme-android-2' });
  expect(rotation.successor.name).toBe('acme-android-2');
  expect(app.users(rotation.successor.id)).toEqual(users);
  expect(users.length).toBeGreaterThanOrEqual(4);
});

test('the old one is deleted in the end, after a question of its own', async () => {
  await using app = await stage();
  const old = app.push('acme-dialer-ios');
  const { rotation } = await app.rotate({ id: old.id, ...files });
  const { rotation: after } = await app.rotation('continue_rotation', rotation.id);
  expect(after.state).toBe('done');
  expect(app.sandbox.world.push.has(old.id)).toBe(false);
  expect(app.asked.at(-1)?.message).toContain('Delete the old ios push credential');
  expect(errorOf(await app.call('roll_back_rotation', { id: rotation.id })).message).toContain('too late');
});

test('an old one that is still in use is not deleted', async () => {
  await using app = await stage();
  const old = app.push('acme-dialer-ios');
  const [first] = [...app.sandbox.world.connections.values()].filter((row) => row.ios_push_credential_id === old.id);
  const { rotation } = await app.rotate({ id: old.id, ...files, connections: [first?.id] });
  expect(app.users(rotation.successor.id)).toEqual([first?.connection_name]);
  const failure = errorOf(await app.call('continue_rotation', { id: rotation.id }));
  expect(failure.message).toContain('1 connections point to it');
  expect(app.sandbox.world.push.has(old.id)).toBe(true);
});

test('a rollback points the connections back and deletes the successor', async () => {
  await using app = await stage();
  const old = app.push('acme-dialer-ios');
  const users = app.users(old.id);
  const { rotation } = await app.rotate({ id: old.id, ...files });
  const { rotation: back } = await app.rotation('roll_back_rotation', rotation.id);
  expect(back.state).toBe('rolled_back');
  expect(app.users(old.id)).toEqual(users);
  expect(app.sandbox.world.push.has(rotation.successor.id)).toBe(false);
});

test('a connection that somebody pointed elsewhere is left alone, there and back', async () => {
  await using app = await stage({ reads: ['connection_name'] });
  const old = app.push('acme-dialer-ios');
  const elsewhere = app.push('acme-dialer-ios-renewed');
  const [first, second] = [...app.sandbox.world.connections.values()].filter(
    (row) => row.ios_push_credential_id === old.id,
  );
  app.sandbox.fault({
    method: 'POST',
    path: '/mobile_push_credentials',
    meanwhile: () => first && Object.assign(first, { ios_push_credential_id: elsewhere.id }),
  });
  const { rotation } = await app.rotate({ id: old.id, ...files });
  expect(first?.ios_push_credential_id).toBe(elsewhere.id);
  expect(rotation.warnings.join(' ')).toContain(`"${first?.connection_name}" points to ${elsewhere.id}`);
  Object.assign(second ?? {}, { ios_push_credential_id: elsewhere.id });
  const { rotation: back } = await app.rotation('roll_back_rotation', rotation.id);
  expect(back.state).toBe('rolled_back');
  expect(second?.ios_push_credential_id).toBe(elsewhere.id);
});

test('a successor that somebody uses by now is not deleted by a rollback', async () => {
  await using app = await stage();
  const old = app.push('acme-dialer-ios');
  const { rotation } = await app.rotate({ id: old.id, ...files });
  const other = [...app.sandbox.world.connections.values()].find((row) => row.kind === 'uac');
  Object.assign(other ?? {}, { ios_push_credential_id: rotation.successor.id });
  const failure = errorOf(await app.call('roll_back_rotation', { id: rotation.id }));
  expect(failure.message).toContain('point to it');
  expect(app.sandbox.world.push.has(rotation.successor.id)).toBe(true);
  Object.assign(other ?? {}, { ios_push_credential_id: null });
  expect((await app.rotation('continue_rotation', rotation.id)).rotation.state).toBe('rolled_back');
});

const refused: [string, string, Record<string, unknown>, string][] = [
  ['a demo credential of Telnyx', 'ios-native-new-march-2025', files, 'demo'],
  ['no material', 'acme-dialer-ios', {}, 'certificate_file'],
  ['material of the other platform', 'acme-dialer-ios', account, 'certificate_file'],
  [
    'connections without a value',
    'acme-dialer-ios',
    { ...files, connections: null },
    'connections was given without a value',
  ],
  ['a connection that does not use it', 'acme-dialer-ios', { ...files, connections: ['1'] }, 'do not use'],
  ['an alias that is taken', 'acme-dialer-ios', { ...files, alias: 'acme-dialer-ios-renewed' }, 'alias'],
];
test.each(refused)('%s is refused before anybody is asked', async (_, alias, args, says) => {
  await using app = await stage();
  const failure = errorOf(await app.call('rotate_mobile_push_credential', { id: app.push(alias).id, ...args }));
  expect(`${failure.message} ${failure.next}`).toContain(says);
  expect(app.asked).toEqual([]);
  expect(app.sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test('an empty list of connections is none of them, and not all', async () => {
  await using app = await stage();
  const args = { id: app.push('acme-dialer-ios').id, ...files, dry_run: true };
  const changesOf = async (more: object) =>
    dataOf<{ plan: { steps: string[] } }>(await app.call('rotate_mobile_push_credential', { ...args, ...more })).plan
      .steps.length;
  expect(await changesOf({})).toBe(4);
  expect(await changesOf({ connections: [] })).toBe(2);
});

test('the same material again is refused', async () => {
  await using app = await stage();
  const { rotation } = await app.rotate({ id: app.push('acme-dialer-ios-renewed').id, ...files });
  const failure = errorOf(await app.call('rotate_mobile_push_credential', { id: rotation.successor.id, ...files }));
  expect(failure.message).toContain('material of the old credential');
});

test('the same day again, the alias gets a number', async () => {
  await using app = await stage();
  const first = await app.rotate({ id: app.push('acme-dialer-android').id, ...account });
  const other = { ...serviceAccount(), private_key_id: 'f'.repeat(40) };
  writeFileSync(join(folder, 'other.json'), JSON.stringify(other));
  const second = await app.rotate({
    id: first.rotation.successor.id,
    service_account_file: join(folder, 'other.json'),
  });
  expect(second.rotation.successor.name).toBe(`${first.rotation.successor.name}-2`);
});

test('a lost answer to the create makes one successor', async () => {
  await using app = await stage();
  const before = app.sandbox.world.push.size;
  app.sandbox.fault({ method: 'POST', path: '/mobile_push_credentials', reset: 'after' });
  const { rotation } = await app.rotate({ id: app.push('acme-dialer-ios').id, ...files });
  expect(rotation.state).toBe('old_one_left');
  expect(app.sandbox.world.push.size).toBe(before + 1);
});

test('a dry run names each connection, and sends nothing', async () => {
  await using app = await stage();
  const { plan } = await app.rotate({ id: app.push('acme-dialer-ios').id, ...files, dry_run: true });
  expect(plan?.steps.map((line) => line.split(':')[0])).toEqual([
    'create the successor',
    'point a connection to it',
    'point a connection to it',
    'read the connections back',
  ]);
  expect(app.sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test('a disk that is full stops a rotation before its first outside effect', async () => {
  await using sandbox = await startSandbox();
  await sandbox.world.ready;
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl };
  const phrase = 'rotate acme-dialer-ios on 2 connections';
  const elicit = () => ({ action: 'accept', content: { phrase } });
  await using server = await startProcess({ env, elicit, fileBlocks: 1 });
  const id = [...sandbox.world.push.values()].find((row) => row.alias === 'acme-dialer-ios')?.id;
  const answer = await server.call('rotate_mobile_push_credential', { id, ...files });
  expect(JSON.stringify(answer)).toContain('CONFIGURATION');
  expect(sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test.each([
  ['acme-dialer-ios', '"com.acme.dialer"'],
  ['acme-dialer-android', '"acme-dialer-prod"'],
])('material for another app than that of %s is told of before anything is done', async (alias, says) => {
  await using app = await stage({ reads: ['certificate', 'project_account_json_file'] });
  const material = alias.includes('ios') ? files : account;
  await app.rotate({ id: app.push(alias).id, ...material });
  expect(app.asked[0]?.message).toContain(`BUT THE OLD ONE IS FOR ANOTHER, ${says}.`);
});
