import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/server.ts';
import { type ServerProcess, startProcess } from '../process.ts';

const ROUNDS = 50;

interface View {
  id: string;
  state: string;
  old: { id: string };
  successor?: { id: string };
}

async function viewOf(answer: Promise<Record<string, unknown>>): Promise<View> {
  const { structuredContent, content } = await answer;
  const { rotation } = (structuredContent ?? {}) as { rotation?: View };
  if (!rotation) throw new Error(JSON.stringify(content));
  return rotation;
}

test('of two processes told to continue one rotation at the same instant, one does it', async () => {
  await using sandbox = await startSandbox();
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-together-'));
  const start = (): Promise<ServerProcess> =>
    startProcess({
      elicit: () => ({ action: 'accept', content: { confirm: true } }),
      env: {
        TELNYX_API_KEY: sandbox.apiKey,
        TELNYX_BASE_URL: sandbox.baseUrl,
        TELNYX_MCP_STATE_DIR: stateDir,
      },
    });
  await using first = await start();
  await using second = await start();
  const { connections } = (await first.call('list_connections')).structuredContent as { connections: { id: string }[] };
  const refusal = { status: 403, body: { errors: [] } };

  for (let round = 0; round < ROUNDS; round += 1) {
    const made = await first.call('create_telephony_credential', { connection_id: connections[0]?.id });
    const { id } = (made.structuredContent as { credential: { id: string } }).credential;
    sandbox.fault({ method: 'POST', path: /token$/, respond: refusal });
    expect((await first.call('rotate_telephony_credential', { id, overlap: '30m' })).isError).toBe(true);
    const { structuredContent } = await second.call('get_rotation');
    const open = (structuredContent as { rotations: View[] }).rotations.find(({ old }) => old.id === id);

    const seen = sandbox.requests.length;
    const both = [first, second].map((server) => viewOf(server.call('continue_rotation', { id: open?.id })));
    await Promise.all(both);
    const changes = sandbox.requests.slice(seen).filter(({ method }) => method !== 'GET');
    expect(changes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST /telephony_credentials/${open?.successor?.id}/token`,
      `PATCH /telephony_credentials/${id}`,
    ]);
    expect((await viewOf(second.call('continue_rotation', { id: open?.id }))).state).toBe('overlap');
  }
  rmSync(stateDir, { recursive: true, force: true });
});

test('of two processes told to rotate one credential at the same instant, one does it', async () => {
  await using sandbox = await startSandbox();
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-together-'));
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_STATE_DIR: stateDir };
  const elicit = () => ({ action: 'accept', content: { confirm: true } });
  await using first = await startProcess({ elicit, env });
  await using second = await startProcess({ elicit, env });
  const living = [...sandbox.world.telephony.values()].filter((row) => !sandbox.world.isExpired(row)).slice(0, 10);
  const before = sandbox.world.telephony.size;
  for (const { id } of living) {
    await Promise.all([first, second].map((server) => server.call('rotate_telephony_credential', { id })));
  }
  expect(sandbox.world.telephony.size).toBe(before + living.length);
  rmSync(stateDir, { recursive: true, force: true });
});
