// mcporter, which has no provider to convert for: its runtime, and its commands as a shell or a model types them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRuntime } from 'mcporter';
import { check, playSession } from './checks.mjs';
import { LISTED, newServer } from './server.mjs';

async function connect({ command, args, env }) {
  const servers = [{ name: 'telnyx', command: { kind: 'stdio', command, args, cwd: process.cwd() }, env }];
  const runtime = await createRuntime({ servers });
  return {
    names: async () => (await runtime.listTools('telnyx', { includeSchema: true })).map(({ name }) => name),
    call: (name, input) => runtime.callTool('telnyx', name, { args: input }),
    close: () => runtime.close(),
  };
}

await playSession(connect);

/** Runs the command with one server in its settings; gives how it ended and what it wrote. */
async function mcporter(words, work) {
  const { left, ...server } = newServer();
  const config = join(process.env.HOME, 'mcporter.json');
  writeFileSync(config, JSON.stringify({ mcpServers: { telnyx: server }, imports: [] }));
  const cli = join(process.env.CLIENTS_FOLDER, 'node_modules', 'mcporter', 'dist', 'cli.js');
  const ended = spawnSync(process.execPath, [cli, '--config', config, ...words], { encoding: 'utf8' });
  work(ended);
  assert.ok(await left());
}

await check('its list shows every tool with every argument', () =>
  mcporter(['list', 'telnyx', '--json', '--schema'], ({ status, stdout }) => {
    assert.equal(status, 0);
    const { tools } = JSON.parse(stdout);
    assert.deepEqual(
      tools.map(({ name, inputSchema }) => [name, inputSchema]),
      LISTED.map(({ name, inputSchema }) => [name, inputSchema]),
    );
  }),
);
await check('its call gives a result', () =>
  mcporter(['call', 'telnyx.list_telephony_credentials', 'limit=2', '--output', 'json'], ({ status, stdout }) => {
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).telephony_credentials.length, 2);
  }),
);
await check('its call fails with our words and a status', () =>
  mcporter(['call', 'telnyx.get_telephony_credential', 'id=nobody'], ({ status, stdout, stderr }) => {
    assert.equal(status, 1);
    assert.match(`${stdout}${stderr}`, /NOT_FOUND/);
  }),
);
