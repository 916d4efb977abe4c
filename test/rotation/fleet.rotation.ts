import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { verifyLedger } from '../../src/rotation/ledger-verify.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { dataOf, type Started, startApp, yes } from '../app.ts';
import { startProcess } from '../process.ts';

const MOMENTS = 20;
const MEMBERS = 40;
const AT_ONCE = 4;
const CONNECTION = '9990001112223334445';

interface View {
  id: string;
  state: string;
}

async function account(): Promise<Sandbox> {
  const sandbox = await startSandbox({ latencyMs: 5 });
  const { world } = sandbox;
  const [template] = [...world.telephony.values()];
  const free = [...world.connections.values()].find(({ kind }) => kind === 'credential');
  if (!template || !free) throw new Error('an empty account');
  world.connections.set(CONNECTION, { ...free, id: CONNECTION, connection_name: 'Fleet' });
  const dates = { created_at: '2026-01-01T00:00:00', expires_at: '2048-01-02T00:00:00', expired: false };
  for (let index = 0; index < MEMBERS; index += 1) {
    const id = `member-${index}`;
    world.telephony.set(id, { ...template, ...dates, id, name: id, resource_id: `connection:${CONNECTION}` });
  }
  return sandbox;
}

async function latest(app: Started): Promise<View | undefined> {
  return dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations[0];
}

async function settle(app: Started, order: Record<string, unknown>): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    const view = await latest(app);
    if (!view) await app.call('rotate_telephony_credentials', order);
    else if (view.state === 'stopped') await app.call('continue_rotation', { id: view.id });
    else if (view.state === 'done') return;
    else await sleep(100);
  }
  throw new Error(`never at rest: ${JSON.stringify(await latest(app))}`);
}

/** A fleet whose server is killed after so many milliseconds, and another process that goes on. */
async function killedAfter(ms: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'telnyx-mcp-fleet-'));
  const path = join(home, 'passwords.jsonl');
  await using sandbox = await account();
  const order = { connection_id: CONNECTION, overlap: '30m', new_tag: 'fleet', deliver_to: `file:${path}` };
  const stateDir = join(home, 'state');
  {
    await using server = await startProcess({
      env: {
        TELNYX_API_KEY: sandbox.apiKey,
        TELNYX_BASE_URL: sandbox.baseUrl,
        TELNYX_MCP_STATE_DIR: stateDir,
        TELNYX_MCP_ALLOW_DIRS: home,
      },
      elicit: () => ({ action: 'accept', content: { phrase: `rotate ${MEMBERS} credentials` } }),
    });
    const begun = server.call('rotate_telephony_credentials', order).catch(() => undefined);
    await sleep(ms);
    server.child.kill('SIGKILL');
    await begun;
  }
  await using app = await startApp({ account: sandbox, person: yes, config: { stateDir, allowDirs: [home] } });
  await settle(app, order);
  const { telephony } = sandbox.world;
  const successors = [...telephony.values()].filter(({ tag }) => tag === 'fleet' || tag?.startsWith('mcp_rotation'));
  expect(successors.map(({ name }) => name).sort()).toEqual(
    Array.from({ length: MEMBERS }, (_, index) => `member-${index}`).sort(),
  );
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(lines.map(({ id }) => id).sort()).toEqual(successors.map(({ id }) => id).sort());
  for (const { id, sip_password } of lines) expect(telephony.get(`${id}`)?.sip_password).toBe(sip_password);
  for (let index = 0; index < MEMBERS; index += 1) {
    expect(telephony.get(`member-${index}`)?.expires_at.slice(0, 4)).toMatch(/202\d/);
  }
  const { findings } = await verifyLedger(stateDir);
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  rmSync(home, { recursive: true, force: true });
}

test('a fleet whose server is killed at any moment ends as if it had not been', async () => {
  const moments = Array.from({ length: MOMENTS }, () => Math.random() * 2000);
  const one = async (): Promise<void> => {
    for (let ms = moments.shift(); ms !== undefined; ms = moments.shift()) {
      const after = ms;
      await killedAfter(after).catch((error: unknown) => {
        throw new Error(`killed after ${after} ms: ${error}`, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
});
