import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { type ServerProcess, startProcess } from '../process.ts';
import { until } from '../until.ts';

// As in a container: processes have numbers of their own, and /proc shows those, or still those of the machine.
const ROOT = process.getuid?.() === 0 ? [] : ['--map-root-user', '--user'];
const CONTAINERS = [
  ['with a /proc of its own', ['unshare', ...ROOT, '--pid', '--fork', '--kill-child', '--mount-proc']],
  ['with the /proc of the machine', ['unshare', ...ROOT, '--pid', '--fork', '--kill-child']],
] as const;
const ROUNDS = 10;

interface View {
  id: string;
  state: string;
}

function scene(sandbox: Sandbox) {
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-namespaces-'));
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_STATE_DIR: stateDir };
  const elicit = () => ({ action: 'accept', content: { confirm: true } });
  const server = (within: readonly string[] = []): Promise<ServerProcess> => startProcess({ elicit, env, within });
  return {
    leases: join(stateDir, 'journal', 'leases'),
    server,
    [Symbol.dispose]: () => rmSync(stateDir, { recursive: true }),
  };
}

const living = ({ world }: Sandbox): string[] =>
  [...world.telephony.values()].filter((row) => !world.isExpired(row)).map(({ id }) => id);

async function viewOf(server: ServerProcess): Promise<View | undefined> {
  const { structuredContent } = await server.call('get_rotation');
  return (structuredContent as { rotations: View[] }).rotations[0];
}

test.each(CONTAINERS)('of two servers, one in a container %s, one rotates a credential', async (_, within) => {
  await using sandbox = await startSandbox();
  using place = scene(sandbox);
  await using outside = await place.server();
  await using inside = await place.server(within);
  const ids = living(sandbox).slice(0, ROUNDS);
  const before = sandbox.world.telephony.size;
  for (const id of ids) {
    await Promise.all([outside, inside].map((server) => server.call('rotate_telephony_credential', { id })));
  }
  expect(sandbox.world.telephony.size).toBe(before + ids.length);
  expect(readdirSync(place.leases)).toEqual([]);
});

test.each(CONTAINERS)(
  'a server in a container %s is given up when it shows no more sign of life',
  async (_, within) => {
    await using sandbox = await startSandbox();
    using place = scene(sandbox);
    await using outside = await place.server();
    const [id = ''] = living(sandbox);
    const inside = await place.server(within);
    // It is killed amid its work, with its container.
    sandbox.fault({ method: 'POST', path: /token$/, hang: 'before' });
    const rotating = inside.call('rotate_telephony_credential', { id, overlap: '30m' }).catch(() => undefined);
    await until(() => sandbox.requests.some(({ path }) => path.endsWith('token')));
    inside.child.kill('SIGKILL');
    await rotating;
    await inside[Symbol.asyncDispose]();
    sandbox.clearFaults();

    const view = await viewOf(outside);
    expect(view?.state).toBe('in_progress');
    const seen = sandbox.requests.length;
    // Its number may be that of a living process here, or of none: neither says anything.
    await outside.call('continue_rotation', { id: view?.id });
    expect(sandbox.requests.slice(seen).filter(({ method }) => method !== 'GET')).toEqual([]);
    expect((await viewOf(outside))?.state).toBe('in_progress');

    for (const name of readdirSync(place.leases)) {
      const aMinuteAgo = Date.now() / 1000 - 61;
      utimesSync(join(place.leases, name), aMinuteAgo, aMinuteAgo);
    }
    await outside.call('continue_rotation', { id: view?.id });
    expect((await viewOf(outside))?.state).toBe('overlap');
    expect(readdirSync(place.leases)).toEqual([]);
  },
);

test('this machine can make such containers', () => {
  for (const [, [command, ...args]] of CONTAINERS) expect(spawnSync(command, [...args, 'true']).status).toBe(0);
});

test.each(['.env', 'l.jsonl'])(
  'of two servers to which the folder of one %s lies at different paths, both take turns',
  async (name) => {
    await using sandbox = await startSandbox();
    const [folder, other] = ['telnyx-mcp-here-', 'telnyx-mcp-there-'].map((each) => mkdtempSync(join(tmpdir(), each)));
    const env = {
      TELNYX_API_KEY: sandbox.apiKey,
      TELNYX_BASE_URL: sandbox.baseUrl,
      TELNYX_MCP_ALLOW_DIRS: `${folder}:${other}`,
    };
    const mounts = ['unshare', ...ROOT, '--mount', 'sh', '-c', `mount --bind ${folder} ${other} && exec "$0" "$@"`];
    await using outside = await startProcess({ env });
    await using inside = await startProcess({ env, within: mounts });
    const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
    const calls = [outside, inside].flatMap((server, s) =>
      Array.from({ length: 25 }, (_, n) => {
        const deliver_to = `file:${join(`${s === 0 ? folder : other}`, name)}`;
        const args = { connection_id, name: `turn ${s} ${n}`, deliver_to, prefix: `T${s}_${n}` };
        return server.call('create_telephony_credential', args);
      }),
    );
    for (const { structuredContent } of await Promise.all(calls))
      expect(structuredContent).toMatchObject({ secret: { destination: 'file' } });
    const text = readFileSync(join(`${folder}`, name), 'utf8');
    const made = [...sandbox.world.telephony.values()].filter((row) => row.name.startsWith('turn '));
    expect(made).toHaveLength(50);
    for (const { sip_password } of made) expect(text).toContain(sip_password);
    for (const each of [folder, other]) rmSync(`${each}`, { recursive: true });
  },
);
