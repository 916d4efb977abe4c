import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { callOne, listTools } from '../src/front/cli/tools.ts';
import { loadConfig } from '../src/host/config.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { catalogue } from '../src/tools/index.ts';
import { type Machine, machines } from './command.ts';
import { startProcess } from './process.ts';
import { onTerminal, TERMINAL } from './pseudo-terminal.ts';

const CANARY = 'KEYcanary0123456789abcdef';
const newMachine = machines();
const LOADED = new URL('./loaded-modules.mjs', import.meta.url).href;

const envFor = (sandbox: Sandbox) => ({ TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl });

function livingIn({ world }: Sandbox) {
  const found = [...world.telephony.values()].find((row) => !world.isExpired(row));
  if (!found) throw new Error('no living credential');
  return found;
}

test('every tool is listed with what it does and what it takes, on lines that fit a terminal', async () => {
  const { status, stdout, stderr } = await newMachine().run(['tools']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  const listed = stdout.trimEnd().split('\n\n');
  expect(listed.map((text) => text.match(/^\w+/)?.[0])).toEqual(catalogue.map(({ name }) => name));
  const of = (name: string) => listed.find((text) => text.startsWith(`${name} `));
  expect(of('get_telephony_credential')).toBe(
    'get_telephony_credential (reads)\n  Get a telephony credential\n    <id>',
  );
  expect(of('delete_telephony_credential')).toMatch(/ \(destroys\)\n.+\n {4}<id> \[dry_run\] \[approval_id\]$/);
  expect(of('rotate_mobile_push_credential')).toMatch(/ \(changes\)\n.+\n {4}<id> \[\w+\].*\n {4}\[/);
});

test('--json prints just what a client is told, and loads no SDK for it', async () => {
  const machine = newMachine();
  const { child, ended } = machine.start(['tools', '--json'], { NODE_OPTIONS: `--import=${LOADED}` });
  child.stdin.end();
  const { status, stdout, stderr } = await ended;
  expect(status).toBe(0);
  await using server = await startProcess();
  const { result } = await server.request('tools/list');
  expect(JSON.parse(stdout).tools).toEqual(result?.tools);
  expect(stderr).toContain('/dist/main.js');
  expect(stderr).not.toMatch(/modelcontextprotocol|\/dist\/engine-/);
});

test('what the settings leave out is not listed', async () => {
  const names = async (flags: string[]) => {
    const stdout = new PassThrough().setEncoding('utf8');
    const { config } = loadConfig(['tools', '--json', ...flags], {});
    await listTools([], config, { stdin: new PassThrough(), stderr: new PassThrough(), stdout });
    return (JSON.parse(`${stdout.read()}`) as { tools: { name: string }[] }).tools.map(({ name }) => name);
  };
  expect(await names(['--toolsets', 'connections'])).toEqual(['list_connections']);
  expect(await names(['--read-only'])).not.toContain('delete_telephony_credential');
});

test('a result is JSON on stdout, whatever is asked for, and shows no secret', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const env = envFor(sandbox);
  const row = livingIn(sandbox);
  row.name = 'front\u001b[2Jdesk\u202e\u009b1;1H';
  const listed = await machine.run(['call', 'list_telephony_credentials'], { env });
  expect(listed).toMatchObject({ status: 0, stderr: '' });
  expect(listed.stdout).not.toMatch(/[^\P{C}\n]/u);
  expect(JSON.parse(listed.stdout)).toMatchObject({ total: sandbox.world.telephony.size });
  const got = await machine.run(['call', 'get_telephony_credential', JSON.stringify({ id: row.id })], { env });
  expect(JSON.parse(got.stdout)).toMatchObject({ id: row.id, name: 'front [2Jdesk 1;1H' });
  const made = await machine.run(['call', 'create_telephony_credential', '-'], {
    env,
    input: JSON.stringify({ connection_id: row.resource_id.replace('connection:', ''), name: 'from a script' }),
  });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(made.stdout)).toMatchObject({ status: 'done', secret: { destination: 'vault' } });
  for (const { sip_password } of sandbox.world.telephony.values()) {
    for (const { stdout } of [listed, got, made]) expect(stdout).not.toContain(sip_password);
  }
});

test('blanks and numbers as text are taken here as they are from a model', async () => {
  await using sandbox = await startSandbox();
  const run = (name: string, args: object) =>
    newMachine().run(['call', name, JSON.stringify(args)], { env: envFor(sandbox) });
  const listed = await run('list_telephony_credentials', { limit: '2', name: null, tag: '' });
  expect(JSON.parse(listed.stdout).telephony_credentials).toHaveLength(2);
  const refused = await run('delete_expired_telephony_credentials', { connection_id: '', dry_run: true });
  expect(refused.status).toBe(2);
  expect(JSON.parse(refused.stdout).error.message).toContain('connection_id was given without a value');
});

test('without - nothing is read from stdin, which may belong to a loop', async () => {
  await using sandbox = await startSandbox();
  const { status, stdout } = await newMachine().run(['call', 'list_connections'], {
    env: envFor(sandbox),
    input: '{"limit":"never read"}',
    open: true,
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toHaveProperty('connections');
});

test.concurrent.each([
  [
    'an unknown tool',
    ['call', 'list_telephony_credential'],
    2,
    /^no such tool; the nearest is: list_telephony_credentials;/,
  ],
  ['a key in the place of a tool', ['call', CANARY], 2, /^no such tool/],
  ['no JSON', ['call', 'list_connections', `{"name":${CANARY}`], 2, /not a JSON object/],
  ['a list', ['call', 'list_connections', '[]'], 2, /not a JSON object/],
  ['no object', ['call', 'list_connections', 'null'], 2, /not a JSON object/],
  ['an argument of the wrong kind', ['call', 'list_connections', '{"limit":"x"}'], 2, /limit/],
  ['an argument that is none', ['call', 'list_connections', '{"limits":1}'], 2, /limits/],
  ['what read-only leaves out', ['call', 'hand_off_secret', '{}', '--read-only'], 2, /switched off by --read-only/],
  ['an id that is unknown', ['call', 'get_telephony_credential', '{"id":"nobody"}'], 1, /no such thing/],
] as [string, string[], number, RegExp][])('%s is an error as JSON', async (_, args, status, says) => {
  await using sandbox = await startSandbox();
  const ended = await newMachine().run(args, { env: envFor(sandbox) });
  expect(ended).toMatchObject({ status, stderr: '' });
  const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string; next: string } };
  expect(error.message).toMatch(says);
  expect(error.next).toBeTruthy();
  expect(error.code === 'BAD_INPUT').toBe(status === 2);
  expect(ended.stdout).not.toContain(CANARY);
});

test.concurrent.each([
  ['no tool', ['call'], /this needs tool: call <tool> \[arguments as JSON\]/],
  ['a word too many', ['call', 'list_connections', '{}', CANARY], /the nearest is: call <tool>/],
  ['--json, which it always is', ['call', 'list_connections', '--json'], /--json belongs to/],
])('%s is wrong use', async (_, args, says) => {
  const { status, stdout, stderr } = await newMachine().run(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain(CANARY);
});

test('without a key the call says what to do', async () => {
  const env = { TELNYX_BASE_URL: 'http://127.0.0.1:9/v2' };
  const { status, stdout } = await newMachine().run(['call', 'list_connections'], { env });
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: 'CONFIGURATION', next: expect.stringContaining(' login`') },
  });
});

test('what needs a yes is planned without one, not done without a terminal, and done where nobody is to be asked', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const env = envFor(sandbox);
  const { id } = livingIn(sandbox);
  const call = ['call', 'delete_telephony_credential'];
  const planned = await machine.run([...call, JSON.stringify({ id, dry_run: true })], { env });
  expect(planned.status).toBe(0);
  expect(JSON.parse(planned.stdout)).toMatchObject({ status: 'planned' });
  const refused = await machine.run([...call, JSON.stringify({ id })], { env, input: 'y\ny\n' });
  expect(refused).toMatchObject({ status: 1, stderr: '' });
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'CANNOT_ASK' } });
  const approved = await machine.run([...call, JSON.stringify({ id, approval_id: 'made-up' })], { env });
  expect(approved.status).toBe(2);
  expect(sandbox.world.telephony.has(id)).toBe(true);
  const done = await machine.run([...call, JSON.stringify({ id }), '--confirm', 'never'], { env });
  expect(done.status).toBe(0);
  expect(sandbox.world.telephony.has(id)).toBe(false);
});

test('a person at the terminal is asked there, and taken at their word', async () => {
  await using sandbox = await startSandbox();
  const { id } = livingIn(sandbox);
  const { config } = loadConfig([], { ...envFor(sandbox), TELNYX_MCP_STATE_DIR: newMachine().state });
  for (const [typed, status, came] of [
    ['n\n', 1, 'declined'],
    ['\n', 1, 'unanswered'],
    ['', 1, 'unanswered'],
    ['y\n', 0, 'done'],
  ] as const) {
    const stream = () => new PassThrough().setEncoding('utf8');
    const [stdin, stderr] = [Object.assign(stream(), { isTTY: true }), Object.assign(stream(), { isTTY: true })];
    const stdout = stream();
    stdin.end(typed);
    expect(
      await callOne(['delete_telephony_credential', JSON.stringify({ id })], config, { stdin, stdout, stderr }),
    ).toBe(status);
    expect(`${stderr.read()}`).toMatch(/^Delete .+\nType y to go ahead:\n$/);
    expect(JSON.parse(`${stdout.read()}`)).toMatchObject({ status: came });
    expect(sandbox.world.telephony.has(id)).toBe(status === 1);
  }
});

test('a page would end with the command, so a secret meant for one is in the vault', async () => {
  await using sandbox = await startSandbox();
  const { resource_id } = livingIn(sandbox);
  const args = JSON.stringify({ connection_id: resource_id.replace('connection:', ''), deliver_to: 'browser' });
  const { status, stdout } = await newMachine().run(['call', 'create_telephony_credential', args], {
    env: envFor(sandbox),
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    secret: { destination: 'vault', warning: expect.stringContaining('No page') },
  });
});

/** Starts a call, sends Ctrl-C when the sandbox has seen the request, and gives how it ended. */
async function interrupted(machine: Machine, sandbox: Sandbox, args: string[], seen: RegExp) {
  const { child, ended } = machine.start(args, envFor(sandbox));
  child.stdin.end();
  const isSeen = () => sandbox.requests.some(({ method, path }) => seen.test(`${method} ${path}`));
  while (!isSeen() && child.exitCode === null) await sleep(20);
  child.kill('SIGINT');
  return ended;
}

test('Ctrl-C cancels the call and ends with 130', async () => {
  await using sandbox = await startSandbox();
  sandbox.fault({ path: '/telephony_credentials', hang: 'before', times: Infinity });
  const { status, stdout } = await interrupted(newMachine(), sandbox, ['call', 'list_telephony_credentials'], /^GET/);
  expect(status).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CANCELLED' } });
});

test('Ctrl-C in the middle of a create loses nothing: what was made is found, and its secret is in the vault', async () => {
  await using sandbox = await startSandbox();
  sandbox.fault({ method: 'POST', path: '/telephony_credentials', hang: 'after' });
  const machine = newMachine();
  const { resource_id } = livingIn(sandbox);
  const before = new Set(sandbox.world.telephony.keys());
  const args = JSON.stringify({ connection_id: resource_id.replace('connection:', '') });
  const { status, stdout } = await interrupted(
    machine,
    sandbox,
    ['call', 'create_telephony_credential', args],
    /^POST \/telephony_credentials$/,
  );
  expect(status).toBe(130);
  const [made, ...more] = [...sandbox.world.telephony.keys()].filter((id) => !before.has(id));
  expect(more).toEqual([]);
  expect(stdout).toContain(`${made}`);
  expect(readdirSync(join(machine.state, 'vault'))).toEqual([expect.stringContaining(`${made}`)]);
});

test.skipIf(!TERMINAL)('Ctrl-C at a question is no yes', async () => {
  await using sandbox = await startSandbox();
  const { id } = livingIn(sandbox);
  const args = ['call', 'delete_telephony_credential', JSON.stringify({ id })];
  const { shown, status } = await onTerminal(newMachine(), args, envFor(sandbox), [['Type y to go ahead:', '\u0003']]);
  expect(status).toBe(130);
  expect(shown).toContain('"unanswered"');
  expect(sandbox.world.telephony.has(id)).toBe(true);
});
