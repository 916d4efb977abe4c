import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';

interface View {
  id: string;
  kind: string;
  state: string;
  progress: { total: number; done: number; failed: number; skipped: number; left: number; failures: string[] };
  warnings: string[];
  next: string;
}
interface Result {
  status: string;
  rotation: View;
  plan?: { requests: string[]; asks: string };
}

interface Stage extends Started {
  advance(ms: number): void;
  connection: string;
  /** The ids of living credentials on the connection. */
  members(): string[];
  change(name: string, args: Record<string, unknown>): Promise<Result>;
  /** Waits until a fleet no longer runs. */
  rest(id: string): Promise<View>;
}

/** An account with one connection that has so many living credentials of a year, besides its seed. */
async function stage(count: number, options: Options = {}): Promise<Stage> {
  let at = Date.now();
  const now = () => new Date(at);
  const started = await startApp({ person: yes, now, ...options, sandbox: { now, ...options.sandbox } });
  const { world } = started.sandbox;
  const [template] = [...world.telephony.values()];
  const free = [...world.connections.values()].find(({ kind }) => kind === 'credential');
  if (!template || !free) throw new Error('an empty account');
  const connection = '9990001112223334445';
  world.connections.set(connection, { ...free, id: connection, connection_name: 'Fleet' });
  for (let index = 0; index < count; index += 1) {
    const id = `fleet-member-${index}`;
    const [created_at, expires_at] = [-30, 300].map((day) =>
      new Date(at + day * 86_400_000).toISOString().slice(0, 19),
    );
    world.telephony.set(id, {
      ...template,
      id,
      name: `phone ${index}`,
      resource_id: `connection:${connection}`,
      sip_username: `gencred${index}`,
      expired: false,
      created_at: `${created_at}`,
      expires_at: `${expires_at}`,
    });
  }
  const change = async (name: string, args: Record<string, unknown>) => {
    const answer = await started.call(name, args);
    if (answer.isError) throw new Error(textOf(answer));
    return dataOf<Result>(answer);
  };
  return Object.assign(started, {
    change,
    connection,
    advance: (ms: number) => (at += ms),
    members: () =>
      [...world.telephony.values()]
        .filter((row) => row.resource_id === `connection:${connection}` && !world.isExpired(row))
        .map(({ id }) => id),
    rest: async (id: string) => {
      for (;;) {
        const { rotations } = dataOf<{ rotations: View[] }>(await started.call('get_rotation', { id }));
        const [view] = rotations;
        if (view && !['in_progress', 'rolling_back'].includes(view.state)) return view;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  });
}

const ROTATE = 'rotate_telephony_credentials';

test('a fleet is rotated after one typed phrase: one successor each, every password delivered once', async () => {
  await using app = await stage(25);
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection, overlap: '30m', new_tag: 'fleet' });
  const view = await app.rest(rotation.id);
  expect(view).toMatchObject({ kind: 'fleet', state: 'done', progress: { total: 25, done: 25, failed: 0, left: 0 } });
  expect(app.asked).toHaveLength(1);
  expect(app.asked[0]?.requestedSchema.properties.phrase?.description).toBe('Type: rotate 25 credentials');
  expect(app.members()).toHaveLength(50);
  const successors = [...app.sandbox.world.telephony.values()].filter(({ tag }) => tag === 'fleet');
  expect(new Set(successors.map(({ name }) => name)).size).toBe(25);
  expect(readdirSync(join(app.stateDir, 'vault'))).toHaveLength(25);
  app.advance(31 * 60_000);
  expect(app.members()).toHaveLength(25);
});

test('the passwords of a fleet go to one file, a line each, which only the person can read', async () => {
  await using app = await stage(8);
  const path = join(app.stateDir, 'fleet.jsonl');
  await using other = await stage(8, { config: { allowDirs: [app.stateDir] } });
  const { rotation } = await other.change(ROTATE, { connection_id: other.connection, deliver_to: `file:${path}` });
  await other.rest(rotation.id);
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(lines).toHaveLength(8);
  for (const { id, sip_password } of lines) {
    expect(other.sandbox.world.telephony.get(`${id}`)?.sip_password).toBe(sip_password);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a canary that fails stops the fleet before the others', async () => {
  await using app = await stage(10);
  const refusal = { status: 403, body: { errors: [] } };
  app.sandbox.fault({ method: 'POST', path: /token$/, times: 1, respond: refusal });
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection, canary: 2 });
  const view = await app.rest(rotation.id);
  expect(view).toMatchObject({ state: 'stopped', progress: { done: 0, failed: 1, left: 9 } });
  expect(view.warnings[0]).toContain('canary failed');
  expect(app.members()).toHaveLength(11);
  await app.change('continue_rotation', { id: rotation.id });
  expect(await app.rest(rotation.id)).toMatchObject({ state: 'done', progress: { done: 10 } });
  expect(app.members()).toHaveLength(20);
});

test('too many failures stop a fleet where it can go on', async () => {
  await using app = await stage(60);
  const refusal = { status: 403, body: { errors: [] } };
  app.sandbox.fault({ method: 'POST', path: /token$/, skip: 5, times: 6, respond: refusal });
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection, stop_after_failures: 3 });
  const view = await app.rest(rotation.id);
  expect(view.state).toBe('stopped');
  expect(view.progress.failures[0]).toContain('PERMISSION');
  app.sandbox.clearFaults();
  await app.change('continue_rotation', { id: rotation.id });
  expect(await app.rest(rotation.id)).toMatchObject({ state: 'done', progress: { done: 60, failed: 0 } });
  expect(app.members()).toHaveLength(120);
});

test('a fleet goes back to where it began', async () => {
  await using app = await stage(12);
  const was = JSON.stringify(app.members().map((id) => app.sandbox.world.telephony.get(id)?.expires_at));
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection });
  await app.rest(rotation.id);
  await app.change('roll_back_rotation', { id: rotation.id });
  expect(app.asked.at(-1)?.requestedSchema.properties.phrase?.description).toBe('Type: roll back 12 credentials');
  expect(await app.rest(rotation.id)).toMatchObject({ state: 'rolled_back' });
  expect(app.members()).toHaveLength(12);
  const is = app.members().map((id) => app.sandbox.world.telephony.get(id)?.expires_at.slice(0, 19));
  expect(JSON.stringify(is)).toBe(was);
});

test('no overlap deletes each old one', async () => {
  await using app = await stage(6);
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection, overlap: '0' });
  await app.rest(rotation.id);
  expect(app.asked[0]?.message).toContain('DELETED AT ONCE');
  expect(app.members()).toHaveLength(6);
  expect(app.members().some((id) => id.startsWith('fleet-member'))).toBe(false);
});

test('only what fits the filters is rotated, the soonest end first', async () => {
  await using app = await stage(10);
  for (const [id, row] of app.sandbox.world.telephony) {
    if (id === 'fleet-member-3' || id === 'fleet-member-7') row.expires_at = row.created_at.replace(/^\d{4}/, '2027');
  }
  const soon = { connection_id: app.connection, expiring_within: '400d', limit: 2 };
  const { rotation } = await app.change(ROTATE, soon);
  await app.rest(rotation.id);
  const gone = [...app.sandbox.world.telephony.values()].filter(({ id }) => id.startsWith('fleet-member'));
  expect(gone.filter((row) => app.sandbox.world.isExpired(row))).toEqual([]);
  expect(app.members()).toHaveLength(12);
});

test('a credential that is being rotated by itself is left to that', async () => {
  await using app = await stage(4);
  await app.change('rotate_telephony_credential', { id: 'fleet-member-1' });
  const { rotation } = await app.change(ROTATE, { connection_id: app.connection, expiring_within: '365d' });
  const view = await app.rest(rotation.id);
  // The successor made by the first rotation is one of the fleet, the old one is not.
  expect(view.progress.total).toBe(4);
  expect(app.members()).toHaveLength(9);
});

test('expired credentials are deleted, each looked at again', async () => {
  await using app = await stage(9);
  app.advance(301 * 86_400_000);
  const all = () => [...app.sandbox.world.telephony.values()].filter(({ id }) => id.startsWith('fleet-member'));
  expect(all()).toHaveLength(9);
  app.sandbox.fault({
    method: 'GET',
    path: '/telephony_credentials/fleet-member-4',
    meanwhile: (world) => {
      const row = world.telephony.get('fleet-member-4');
      if (row) row.expires_at = '2090-01-01T00:00:00';
    },
  });
  const { rotation } = await app.change('delete_expired_telephony_credentials', { connection_id: app.connection });
  const view = await app.rest(rotation.id);
  expect(app.asked[0]?.requestedSchema.properties.phrase?.description).toBe('Type: delete 9 expired credentials');
  expect(view).toMatchObject({ kind: 'clean-up', state: 'done', progress: { done: 8, skipped: 1 } });
  expect(all().map(({ id }) => id)).toEqual(['fleet-member-4']);
});

test('a call answers within its time while its fleet runs on', async () => {
  await using app = await stage(40, { limits: { requestMs: 2000, callMs: 3000, recoveryMs: 500 } });
  app.sandbox.latencyMs = 50;
  const { status, rotation } = await app.change(ROTATE, { connection_id: app.connection });
  expect({ status, state: rotation.state }).toEqual({ status: 'in_progress', state: 'in_progress' });
  app.sandbox.latencyMs = 0;
  expect((await app.rest(rotation.id)).state).toBe('done');
});

test('a server that ends leaves its fleet where the next one goes on', async () => {
  await using app = await stage(40);
  app.sandbox.latencyMs = 20;
  const first = await startApp({ person: yes, account: app.sandbox, config: { stateDir: app.stateDir } });
  const begun = first.call(ROTATE, { connection_id: app.connection }).catch(() => undefined);
  while (app.members().length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  await first[Symbol.asyncDispose]();
  await begun;
  app.sandbox.latencyMs = 0;
  app.advance(60_000);
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  expect(rotations[0]).toMatchObject({ kind: 'fleet', state: 'stopped' });
  await app.change('continue_rotation', { id: rotations[0]?.id });
  expect(await app.rest(`${rotations[0]?.id}`)).toMatchObject({ state: 'done', progress: { done: 40 } });
  expect(app.members()).toHaveLength(80);
});

const bad: [string, Record<string, unknown>, string][] = [
  ['no filter', {}, 'Say which ones'],
  ['a place for one secret', { name: 'x', deliver_to: 'file:.env' }, 'hold one secret'],
  ['a page', { name: 'x', deliver_to: 'browser' }, 'hold one secret'],
  ['filters that nothing fits', { name: 'nobody has this name' }, 'No credential fits'],
];
test.each(bad)('%s is refused before anybody is asked', async (_, args, says) => {
  await using app = await stage(3);
  expect(errorOf(await app.call(ROTATE, args)).message).toContain(says);
  expect(app.asked).toEqual([]);
});

test('a person who declines changes nothing', async () => {
  await using app = await stage(5, {
    person: () => ({ action: 'accept', content: { phrase: 'rotate 4 credentials' } }),
  });
  expect((await app.change(ROTATE, { connection_id: app.connection })).status).toBe('unanswered');
  expect(app.members()).toHaveLength(5);
});

test('a filter cannot dress up the question', async () => {
  await using app = await stage(2);
  for (const row of app.sandbox.world.telephony.values()) {
    if (row.id.startsWith('fleet-member')) row.name = 'safe\u202e\u2066x';
  }
  await app.change(ROTATE, { name: 'safe\u202e\u2066x' });
  expect(app.asked[0]?.message).toContain('with the name "safe x"');
});
