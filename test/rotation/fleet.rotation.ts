import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { verifyJournal } from '../../src/jobs/journal-verify.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { addMembers, CONNECTION, isMember, ROTATE, successorsIn, type View } from '../fleet-account.ts';
import { type ServerProcess, startProcess } from '../process.ts';

const MEMBERS = Number(process.env.MEMBERS ?? 40);
// After each kill a create that was on its way is waited for, up to twenty seconds: small fleets share the kills.
const FLEETS = MEMBERS < 500 ? 4 : 1;
const KILLS = 20 / FLEETS;
// A tag holds a thousand.
const TAG = MEMBERS <= 1000 ? 'fleet' : undefined;
/** A successor, its tag, and the end of the old one. */
const CHANGES = (TAG ? 3 : 2) * MEMBERS;

/** How many of its changes a fleet has made. */
function progress(sandbox: Sandbox): number {
  const successors = successorsIn(sandbox);
  const retired = [...sandbox.world.telephony.values()].filter((row) => isMember(row.id) && endsSoon(row));
  return successors.length + successors.filter(({ tag }) => TAG && tag === TAG).length + retired.length;
}

const endsSoon = ({ expires_at }: { expires_at: string }): boolean =>
  Date.parse(`${expires_at.slice(0, 19)}Z`) < Date.now() + 31 * 60_000;

async function look(server: ServerProcess): Promise<View | undefined> {
  const { structuredContent } = await server.call('get_rotation');
  return (structuredContent as { rotations: View[] }).rotations[0];
}

/** Begins the fleet or goes on with it, as often as that takes. */
async function goOn(server: ServerProcess, order: Record<string, unknown>): Promise<void> {
  for (;;) {
    const view = await look(server);
    if (!view) await server.call(ROTATE, order);
    else if (view.state === 'stopped') await server.call('continue_rotation', { id: view.id });
    else if (view.state === 'done') return;
    else await sleep(200);
  }
}

/** A fleet whose servers are killed, one after another, each once so many changes are made. */
async function killedAt(kills: readonly number[]): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'telnyx-mcp-fleet-'));
  const path = join(home, 'passwords.jsonl');
  await using sandbox = await startSandbox({ latencyMs: 5 });
  addMembers(sandbox, MEMBERS);
  const order = {
    ...{ connection_id: CONNECTION, limit: MEMBERS, overlap: '30m', new_tag: TAG },
    deliver_to: `file:${path}`,
  };
  const stateDir = join(home, 'state');
  const start = () =>
    startProcess({
      env: {
        TELNYX_API_KEY: sandbox.apiKey,
        TELNYX_BASE_URL: sandbox.baseUrl,
        TELNYX_MCP_STATE_DIR: stateDir,
        TELNYX_MCP_ALLOW_DIRS: home,
      },
      elicit: () => ({ action: 'accept', content: { phrase: `rotate ${MEMBERS} credentials` } }),
    });
  for (const changes of kills) {
    await using server = await start();
    const going = goOn(server, order);
    while (progress(sandbox) < changes) await Promise.race([sleep(5), going]);
    await sleep(Math.random() * 200);
    server.child.kill('SIGKILL');
    await going.catch(() => undefined);
  }
  await using server = await start();
  await goOn(server, order);
  await expectWhole(sandbox, path, stateDir);
  rmSync(home, { recursive: true, force: true });
}

/** One successor each, its password at its place, every old one at its end, and a journal that holds together. */
async function expectWhole(sandbox: Sandbox, path: string, stateDir: string): Promise<void> {
  const { telephony } = sandbox.world;
  const successors = successorsIn(sandbox);
  expect(successors.map(({ name }) => name).sort()).toEqual(
    Array.from({ length: MEMBERS }, (_, index) => `phone ${index}`).sort(),
  );
  expect(progress(sandbox)).toBe(CHANGES);
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(lines.map(({ id }) => id).sort()).toEqual(successors.map(({ id }) => id).sort());
  for (const { id, sip_password } of lines) expect(telephony.get(`${id}`)?.sip_password).toBe(sip_password);
  const { findings } = verifyJournal(stateDir);
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
}

test(
  'a fleet whose servers are killed all along the way ends as if they had not been',
  async () => {
    const fleets = Array.from({ length: FLEETS }, async () => {
      const kills = Array.from({ length: KILLS }, () => Math.random() * CHANGES).sort((a, b) => a - b);
      await killedAt(kills).catch((error: unknown) => {
        throw new Error(`killed after ${kills} of ${CHANGES} changes: ${error}`, { cause: error });
      });
    });
    await Promise.all(fleets);
  },
  KILLS * 60_000 + MEMBERS * 1000,
);
