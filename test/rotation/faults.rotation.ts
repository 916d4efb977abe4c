import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/sandbox/faults.ts';
import { dataOf, errorOf, type Started, startApp, yes } from '../app.ts';
import { appleMaterial } from '../material.ts';

const MINUTE = 60_000;
/** Most of the time goes into the pauses between tries. */
const AT_ONCE = 12;

type Trouble = Partial<Fault>;
const unavailable = (status: number): Trouble => ({ respond: { status, body: { errors: [] } } });

const troubles: [string, Trouble][] = [
  ['the answer is lost after it was carried out', { reset: 'after' }],
  ['the connection is lost before it was carried out', { reset: 'before' }],
  ['the answer is cut short', { truncate: true }],
  ['Telnyx answers 500', unavailable(500)],
  ['Telnyx answers 503', unavailable(503)],
  ['Telnyx answers 503 five times', { ...unavailable(503), times: 5 }],
  ['Telnyx asks to wait', { respond: { status: 429, headers: { 'retry-after': '1' }, body: { errors: [] } } }],
];

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-material-'));
const files = { certificate_file: join(folder, 'voip.pem'), private_key_file: join(folder, 'voip.key') };
beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(files.certificate_file, certificate);
  writeFileSync(files.private_key_file, key);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Scene extends Started {
  oldId: string;
  /** The account before the rotation, as far as it matters. */
  before: unknown;
  account(): unknown;
  begin(): Promise<unknown>;
  advance(ms: number): void;
}

async function scene(kind: 'telephony' | 'push'): Promise<Scene> {
  let at = Date.now();
  const now = () => new Date(at);
  const limits = { requestMs: 2000, callMs: 8000, recoveryMs: 2000 };
  const started = await startApp({ person: yes, now, limits, sandbox: { now } });
  const { world } = started.sandbox;
  await world.ready;
  const telephony = [...world.telephony.values()].find((row) => !world.isExpired(row) && row.expires_at > '2040');
  const push = [...world.push.values()].find((row) => row.alias === 'acme-dialer-ios');
  const oldId = `${(kind === 'push' ? push : telephony)?.id}`;
  const account = () => ({
    telephony: [...world.telephony.values()].map(({ id, expires_at }) => [id, expires_at.slice(0, 19)]).sort(),
    push: [...world.push.keys()].sort(),
    connections: [...world.connections.values()].map((row) => [row.id, row.ios_push_credential_id]).sort(),
  });
  const rotate = kind === 'push' ? 'rotate_mobile_push_credential' : 'rotate_telephony_credential';
  const args = kind === 'push' ? { id: oldId, ...files } : { id: oldId, overlap: '30m', tag: 'team-a' };
  return Object.assign(started, {
    oldId,
    account,
    before: account(),
    begin: () => started.call(rotate, args),
    advance: (ms: number) => (at += ms),
  });
}

interface View {
  id: string;
  state: string;
  successor?: { id: string };
  secret?: { place: string };
  retires_at: string | null;
}

async function latest(app: Started): Promise<View | undefined> {
  return dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations[0];
}

/** Calls again and again, as an agent would that follows `next`, until the rotation has come to rest. */
async function settle(app: Scene): Promise<View> {
  for (let round = 0; round < 8; round += 1) {
    const view = await latest(app);
    if (!view) await app.begin();
    else if (['in_progress', 'rolling_back'].includes(view.state)) await app.call('continue_rotation', { id: view.id });
    else if (view.state === 'given_up') await app.begin();
    else return view;
    app.advance(MINUTE / 4);
  }
  throw new Error(`never at rest: ${JSON.stringify(await latest(app))}`);
}

function expectRotated(app: Scene, kind: string, view: View): void {
  const { world } = app.sandbox;
  const successor = `${view.successor?.id}`;
  if (kind === 'push') {
    const rows = [...world.push.values()].filter(({ alias }) => alias.startsWith('acme-dialer-ios-2'));
    expect(rows.map(({ id }) => id)).toEqual([successor]);
    const users = [...world.connections.values()].map((row) => row.ios_push_credential_id);
    expect(users).not.toContain(app.oldId);
    expect(users.filter((id) => id === successor)).toHaveLength(2);
    expect(world.push.has(app.oldId)).toBe(true);
    return;
  }
  const made = [...world.telephony.values()].filter(({ tag }) => tag === 'team-a' || tag?.startsWith('mcp_rotation'));
  expect(made.map(({ id }) => id)).toEqual([successor]);
  const secret = JSON.parse(readFileSync(`${view.secret?.place}`, 'utf8')) as { sip_password: string };
  expect(secret.sip_password).toBe(made[0]?.sip_password);
  expect(`${world.telephony.get(app.oldId)?.expires_at}Z`.slice(0, 19)).toBe(view.retires_at?.slice(0, 19));
}

describe.each(['telephony', 'push'] as const)('%s', (kind) => {
  /** How many requests a rotation sends when all goes well, and a rollback after it. */
  async function requestsOf(): Promise<{ forward: number; back: number }> {
    await using app = await scene(kind);
    await app.begin();
    const forward = app.sandbox.requests.length;
    await app.call('roll_back_rotation', { id: (await latest(app))?.id });
    return { forward, back: app.sandbox.requests.length - forward };
  }

  /** Runs `body` once for every request, a few at a time, with the trouble at that request. */
  async function atEvery(count: number, trouble: Trouble, body: (strike: (app: Scene) => void) => Promise<void>) {
    const turns = Array.from({ length: count }, (_, skip) => skip);
    const one = async (): Promise<void> => {
      for (let skip = turns.shift(); skip !== undefined; skip = turns.shift()) {
        const fault = { skip, ...trouble } as Fault;
        await body((app) => app.sandbox.fault(fault)).catch((error: unknown) => {
          throw new Error(`at request ${skip}: ${error}`, { cause: error });
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }

  test.each(troubles)('there is one successor when %s, whichever request it is', async (_, trouble) => {
    const { forward } = await requestsOf();
    await atEvery(forward, trouble, async (strike) => {
      await using app = await scene(kind);
      strike(app);
      await app.begin();
      app.advance(MINUTE / 4);
      app.sandbox.clearFaults();
      expectRotated(app, kind, await settle(app));
    });
  });

  test.each(troubles)('a rollback ends where it all began when %s', async (_, trouble) => {
    const { back } = await requestsOf();
    await atEvery(back, trouble, async (strike) => {
      await using app = await scene(kind);
      await app.begin();
      const { id } = await settle(app);
      strike(app);
      await app.call('roll_back_rotation', { id });
      app.advance(MINUTE / 4);
      app.sandbox.clearFaults();
      // An error before the rollback was recorded: an agent calls it again.
      if ((await latest(app))?.state !== 'rolling_back') await app.call('roll_back_rotation', { id });
      expect((await settle(app)).state).toBe('rolled_back');
      expect(app.account()).toEqual(app.before);
    });
  });

  test('a rollback from every state of the way ends where it all began', async () => {
    const { forward } = await requestsOf();
    const refusal: Trouble = { respond: { status: 403, body: { errors: [] } }, times: Number.POSITIVE_INFINITY };
    await atEvery(forward, refusal, async (strike) => {
      await using app = await scene(kind);
      strike(app);
      await app.begin();
      app.sandbox.clearFaults();
      app.advance(MINUTE);
      const view = await latest(app);
      if (view && view.state !== 'given_up') {
        await app.call('roll_back_rotation', { id: view.id });
        expect((await latest(app))?.state).toBe('rolled_back');
      }
      expect(app.account()).toEqual(app.before);
    });
  });
});

test('an unwritable state folder stops a rotation before its first outside effect', async () => {
  await using app = await scene('telephony');
  writeFileSync(join(app.stateDir, 'journal'), 'a file where a folder should be');
  expect(errorOf((await app.begin()) as Awaited<ReturnType<Started['call']>>).code).toBe('CONFIGURATION');
  expect(app.account()).toEqual(app.before);
  expect(existsSync(join(app.stateDir, 'vault', 'telephony-x.json'))).toBe(false);
});
