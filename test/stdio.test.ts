import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { expect, test } from 'vitest';
import { startSandbox } from '../src/sandbox/server.ts';
import { catalogue } from '../src/tools/index.ts';
import { MAIN, startProcess } from './process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

test.concurrent('the tools are listed without a key and without a network', async () => {
  await using server = await startProcess({ env: { TELNYX_BASE_URL: 'https://192.0.2.1/v2' } });
  const { result } = await server.request('tools/list');
  expect(result?.tools).toHaveLength(catalogue.length);
  const failed = await server.call('list_connections');
  expect(JSON.stringify(failed)).toContain('CONFIGURATION');
});

test.concurrent.each(['SIGTERM', 'SIGINT'] as const)('%s ends the server with 0', async (signal) => {
  await using server = await startProcess({ args: ['--sandbox'] });
  server.child.kill(signal);
  expect(await server.exited).toBe(0);
});

test.concurrent('the end of input ends the server with 0, after the calls under way', async () => {
  await using server = await startProcess({ args: ['--sandbox'] });
  const listed = server.call('list_telephony_credentials');
  server.child.stdin.end();
  expect((await listed).isError).toBeFalsy();
  expect(await server.exited).toBe(0);
});

test.concurrent('the end of input gives up a question nobody can answer any more, and nothing is deleted', async () => {
  await using sandbox = await startSandbox();
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl };
  await using server = await startProcess({
    env,
    elicit: () => undefined,
  });
  const [id] = sandbox.world.telephony.keys();
  void server.call('delete_telephony_credential', { id }).catch(() => undefined);
  while (!server.stdout().includes('elicitation/create')) await new Promise((resolve) => setTimeout(resolve, 10));
  server.child.stdin.end();
  expect(await server.exited).toBe(0);
  expect(sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test.concurrent('a client that is gone does not leave a server behind', async () => {
  await using server = await startProcess({ args: ['--sandbox'] });
  server.child.stdout.destroy();
  server.child.stderr.destroy();
  server.send('{"jsonrpc":"2.0","id":99,"method":"tools/list"}');
  expect(await server.exited).toBe(0);
});

test.concurrent('garbage on stdin is survived', async () => {
  await using server = await startProcess({ args: ['--sandbox'] });
  for (const line of ['', 'not json', '{"jsonrpc":"2.0"}', '[]', '{"jsonrpc":"2.0","id":1,"method":"no/such"}'])
    server.send(line);
  expect((await server.request('tools/list')).result?.tools).toHaveLength(catalogue.length);
  for (const line of server.stdout().trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
});

test.concurrent('progress is told while pages are read, when the caller asked for it', async () => {
  await using sandbox = await startSandbox();
  await sandbox.world.ready;
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl };
  await using server = await startProcess({ env, elicit: () => ({ action: 'accept', content: { phrase: 'no' } }) });
  const id = [...sandbox.world.push.values()].find(({ alias }) => alias === 'acme-dialer-ios')?.id;
  await server.call('delete_mobile_push_credential', { id });
  expect(server.stdout()).not.toContain('notifications/progress');
  await server.call('delete_mobile_push_credential', { id }, { progressToken: 'p1' });
  const told = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('notifications/progress'))
    .map((line) => JSON.parse(line).params);
  expect(told.map(({ progress }) => progress)).toEqual([1, 2, 3, 4]);
  expect(told.every(({ progressToken }) => progressToken === 'p1')).toBe(true);
});

test.concurrent('on the sandbox the server says so', async () => {
  await using server = await startProcess({ args: ['--sandbox'], initialize: false });
  const { result } = await server.request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  });
  expect(result).toMatchObject({
    serverInfo: { title: expect.stringMatching(/sandbox/i) },
    instructions: expect.stringMatching(/sandbox/i),
  });
});

test.concurrent('--sandbox-seed makes as many credentials as asked', async () => {
  await using server = await startProcess({ args: ['--sandbox-seed', '1234'] });
  expect((await server.call('list_telephony_credentials', { limit: 1 })).structuredContent).toMatchObject({
    total: 1234,
  });
});

test.concurrent.each([
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['--help'], 0, /--read-only/],
] as const)('%j answers and ends', (args, status, says) => {
  const done = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  expect(done).toMatchObject({ status, stdout: expect.stringMatching(says), stderr: '' });
});

test.concurrent('an unknown flag refuses to start with one line', () => {
  const done = spawnSync(process.execPath, [MAIN, '--yolo'], { encoding: 'utf8' });
  expect(done).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^telnyx-credentials-mcp: --yolo .*\n$/),
  });
});

test.concurrent('mcp.json starts the built server from a checkout, exactly as written', async () => {
  const { mcpServers } = JSON.parse(readFileSync(`${ROOT}/mcp.json`, 'utf8')) as {
    mcpServers: Record<string, { command: string; args: string[]; env: Record<string, string> }>;
  };
  for (const { command, args, env } of Object.values(mcpServers)) {
    const transport = new StdioClientTransport({ command, args, env, cwd: ROOT, stderr: 'ignore' });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    expect((await client.listTools()).tools).toHaveLength(catalogue.length);
    await client.close();
  }
});

test.concurrent('a server whose input is closed from the start ends', async () => {
  const child = spawn(process.execPath, [MAIN, '--sandbox'], { stdio: ['ignore', 'pipe', 'pipe'] });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
});
