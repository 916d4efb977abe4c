import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import type { PushRecord } from '../../src/sandbox/world.ts';
import { dataOf, errorOf, type Person, type Started, startApp, yes } from '../app.ts';
import { appleMaterial, serviceAccount } from '../material.ts';
import { startProcess } from '../process.ts';
import { SHAPES, type Shape } from '../telnyx/reshape.ts';
import { startReshaper } from '../telnyx/reshaper.ts';

// A server that is killed right after each thing it did to the account, on every shape that answers may have.

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-shapes-'));
const given = {
  ios: { certificate_file: join(folder, 'voip.pem'), private_key_file: join(folder, 'voip.key') },
  android: { service_account_file: join(folder, 'firebase.json') },
};
beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(given.ios.certificate_file, certificate);
  writeFileSync(given.ios.private_key_file, key);
  writeFileSync(given.android.service_account_file, JSON.stringify(serviceAccount()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Platform = keyof typeof given;

interface View {
  id: string;
  state: string;
  successor?: { id: string };
}

interface Call {
  name: string;
  args: object;
}

/** An account behind answers of one shape, and a state folder for the servers that come and go. */
class Scene implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly stateDir = mkdtempSync(join(folder, 'state-'));
  readonly #baseUrl: string;

  constructor(sandbox: Sandbox, baseUrl: string) {
    this.sandbox = sandbox;
    this.#baseUrl = baseUrl;
  }

  push(alias: string): PushRecord {
    const found = [...this.sandbox.world.push.values()].find((row) => row.alias === alias);
    if (!found) throw new Error(`no ${alias}`);
    return found;
  }

  users(id: string): number {
    const { connections } = this.sandbox.world;
    return [...connections.values()].filter((row) =>
      [row.ios_push_credential_id, row.android_push_credential_id].includes(id),
    ).length;
  }

  /** Has a server of its own make a call, and kills it as soon as its nth change of the account has been carried out. */
  async killedAfter(nth: number, { name, args }: Call): Promise<boolean> {
    await using server = await startProcess({
      elicit: (params) => yes(params as Parameters<Person>[0]) as object,
      env: { TELNYX_API_KEY: this.sandbox.apiKey, TELNYX_BASE_URL: this.#baseUrl, TELNYX_MCP_STATE_DIR: this.stateDir },
    });
    let seen = 0;
    let killed = false;
    this.sandbox.fault({
      hang: 'after',
      when: ({ method }) => {
        if (method === 'GET' || seen++ !== nth) return false;
        server.child.kill('SIGKILL');
        killed = true;
        return true;
      },
    });
    await server.call(name, args).catch(() => undefined);
    this.sandbox.clearFaults();
    return killed;
  }

  /** Another server, in this process. */
  next(): Promise<Started> {
    return startApp({
      account: this.sandbox,
      person: yes,
      config: { stateDir: this.stateDir, baseUrl: this.#baseUrl },
    });
  }

  /** Goes on, as an agent would, until the rotation is at rest. */
  async settle(app: Started): Promise<View> {
    for (let round = 0; round < 8; round += 1) {
      const [view] = dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations;
      if (!view) throw new Error('no rotation');
      if (!['in_progress', 'rolling_back'].includes(view.state)) return view;
      await app.call('continue_rotation', { id: view.id });
    }
    throw new Error('never at rest');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close();
  }
}

async function sceneOf(shape: Shape): Promise<Scene> {
  const sandbox = await startSandbox();
  await sandbox.world.ready;
  return new Scene(sandbox, (await startReshaper(sandbox, { shape })).baseUrl);
}

const cases = SHAPES.flatMap((shape) =>
  (['ios', 'android'] as const).map((platform): [Platform, Shape] => [platform, shape]),
);

test.concurrent.each(cases)('a create killed after its effect is found made, once (%s, %s)', async (type, shape) => {
  await using scene = await sceneOf(shape);
  const args = { type, alias: 'made', ...given[type] };
  expect(await scene.killedAfter(0, { name: 'create_mobile_push_credential', args })).toBe(true);
  await using app = await scene.next();
  expect(errorOf(await app.call('create_mobile_push_credential', args))).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('exists already'),
  });
  const listed = dataOf<{ mobile_push_credentials: { id: string }[] }>(
    await app.call('list_mobile_push_credentials', { alias: 'made' }),
  );
  expect(listed.mobile_push_credentials.map(({ id }) => id)).toEqual([scene.push('made').id]);
});

test.concurrent.each(cases)('a deletion killed after its effect is found done (%s, %s)', async (type, shape) => {
  await using scene = await sceneOf(shape);
  const { id } = scene.push(`acme-dialer-${type}`);
  expect(await scene.killedAfter(0, { name: 'delete_mobile_push_credential', args: { id } })).toBe(true);
  await using app = await scene.next();
  expect(errorOf(await app.call('get_mobile_push_credential', { id })).code).toBe('NOT_FOUND');
  expect(errorOf(await app.call('delete_mobile_push_credential', { id })).code).toBe('NOT_FOUND');
});

test.concurrent.each(cases)('a rotation killed after each effect goes on, and back (%s, %s)', async (type, shape) => {
  const alias = `acme-dialer-${type}`;
  let killed = true;
  for (let nth = 0; killed; nth += 1) {
    await using scene = await sceneOf(shape);
    const old = scene.push(alias);
    const before = scene.users(old.id);
    const args = { id: old.id, ...given[type] };
    killed = await scene.killedAfter(nth, { name: 'rotate_mobile_push_credential', args });
    await using app = await scene.next();
    const view = await scene.settle(app);
    expect(view.state).toBe('old_one_left');
    const made = [...scene.sandbox.world.push.values()].filter((row) => row.alias.startsWith(`${alias}-20`));
    expect(made.map(({ id }) => id)).toEqual([view.successor?.id]);
    expect([scene.users(`${view.successor?.id}`), scene.users(old.id)]).toEqual([before, 0]);
    // The deletion of the old one, or the way back: by turns, each killed after its own first effect.
    const [name, state] = nth % 2 === 0 ? ['continue_rotation', 'done'] : ['roll_back_rotation', 'rolled_back'];
    expect(await scene.killedAfter(0, { name: `${name}`, args: { id: view.id } })).toBe(true);
    const ended = dataOf<{ rotation: View }>(await app.call(`${name}`, { id: view.id }));
    const last = ['done', 'rolled_back'].includes(ended.rotation.state) ? ended.rotation : await scene.settle(app);
    expect(last.state).toBe(state);
    const left = nth % 2 === 0 ? [view.successor?.id] : [old.id];
    expect(
      [...scene.sandbox.world.push.values()]
        .filter((row) => row.alias.startsWith(alias) && [old.id, view.successor?.id].includes(row.id))
        .map(({ id }) => id),
    ).toEqual(left);
    expect(scene.users(`${left[0]}`)).toBe(before);
  }
});
