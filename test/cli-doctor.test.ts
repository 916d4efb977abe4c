import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { badInput } from '../src/core/errors.ts';
import { ok } from '../src/doctor/check.ts';
import { judge } from '../src/doctor/machine.ts';
import { doctor } from '../src/front/cli/doctor.ts';
import { loadConfig } from '../src/host/config.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { type Env, type Machine, machines } from './command.ts';

const newMachine = machines();
const CANARY = 'KEYcanary0123456789abcdef';
const WINDOWS = process.platform === 'win32';

interface Line {
  name: string;
  status: string;
  says: string;
  next?: string;
}

/** What the doctor says of a machine, and of one name there. */
async function examine(machine: Machine, env: Env, args: string[] = []) {
  const { status, stdout, stderr } = await machine.run(['doctor', '--json', ...args], { env });
  expect(stderr).toBe('');
  for (const secret of [CANARY, env.TELNYX_API_KEY || CANARY]) expect(stdout).not.toContain(secret);
  const report = JSON.parse(stdout) as { version: string; node: string; platform: string; checks: Line[] };
  expect(status).toBe(report.checks.some((line) => line.status === 'error') ? 1 : 0);
  // Whatever is not well says what to do.
  for (const line of report.checks)
    expect(line.status === 'ok' ? line.next : typeof line.next).toBe(line.status === 'ok' ? undefined : 'string');
  return { ...report, of: (name: string) => report.checks.filter((line) => line.name === name) };
}

const wellFor = (sandbox: Sandbox): Env => ({
  TELNYX_API_KEY: sandbox.apiKey,
  TELNYX_BASE_URL: sandbox.baseUrl,
  CI: '',
  DISPLAY: ':0',
});

test('where all is well nothing is an error, the status is 0, and a line is a check', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const { status, stdout, stderr } = await machine.run(['doctor'], { env: wellFor(sandbox) });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [first, ...lines] = stdout.trimEnd().split('\n');
  expect(first).toMatch(/^telnyx-credentials-mcp \d\S+, Node \d\S+, \w+-\w+$/);
  expect(lines.pop()).toMatch(/^0 errors, [12] warnings?$/);
  for (const line of lines) expect(line).toMatch(/^(ok {7}[^—]+|warning {2}.+ {2}— .+)$/);
  expect(stdout).not.toContain(sandbox.apiKey);
  // Nothing was made by looking.
  expect(readdirSync(join(machine.state, '..')).sort()).toEqual(['home', 'keychain.json', 'work']);
  expect(machine.entries()).toEqual({});
  // What found out whether the API can be reached came without the key.
  expect(sandbox.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true]);
});

test('--json tells the same for programs', async () => {
  await using sandbox = await startSandbox();
  const { version, node, platform, checks } = await examine(newMachine(), wellFor(sandbox));
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(node).toBe(process.versions.node);
  expect(platform).toBe(`${process.platform}-${process.arch}`);
  expect([...new Set(checks.map(({ name }) => name))]).toEqual([
    'node',
    'settings',
    'key',
    'network',
    'clock',
    'account',
    'state folder',
    'vault',
    'journal',
    'keychain',
    'browser',
    'folders',
  ]);
});

test('the sandbox is well by itself', async () => {
  const { of } = await examine(newMachine(), { CI: '', DISPLAY: ':0', TELNYX_MCP_CONFIRM: 'never' }, ['--sandbox']);
  expect(of('key')).toEqual([{ name: 'key', status: 'ok', says: 'the sandbox needs none' }]);
  expect(of('settings').map(({ status }) => status)).not.toContain('warning');
  expect(of('account')).toEqual([]);
});

test.each([
  ['18.20.4', 'error'],
  ['20.18.3', 'error'],
  ['20.19.0', 'warning'],
  ['21.7.3', 'warning'],
  ['22.12.0', 'ok'],
  ['23.1.0', 'warning'],
  ['24.0.0', 'ok'],
  ['26.3.1', 'ok'],
  ['27.0.0-nightly', 'warning'],
])('Node %s is %s', (version, status) => {
  expect(judge(version)).toMatchObject({ status, says: expect.stringContaining(version) });
});

/** A setting and a machine as a check finds them, and what it must say. */
type Case = [
  title: string,
  name: string,
  status: string,
  says: RegExp,
  state: (machine: Machine) => Env,
  sandbox?: (sandbox: Sandbox) => void,
];

const file = (machine: Machine, name: string, text: string, mode = 0o600): string => {
  const path = join(machine.work, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
const keyFile = (text: string, mode?: number) => (machine: Machine) => ({
  TELNYX_API_KEY: '',
  TELNYX_API_KEY_FILE: file(machine, 'key', text, mode),
});
const state = (mode: number) => (machine: Machine) => {
  mkdirSync(machine.state);
  chmodSync(machine.state, mode);
  return {};
};
const vaultFile = (mode: number) => (machine: Machine) => {
  mkdirSync(join(machine.state, 'vault'), { recursive: true, mode: 0o700 });
  const path = join(machine.state, 'vault', 'a.json');
  writeFileSync(path, CANARY);
  chmodSync(path, mode);
  return {};
};
const jobOf = (line: string) => (machine: Machine) => {
  mkdirSync(join(machine.state, 'journal', 'open'), { recursive: true, mode: 0o700 });
  writeFileSync(join(machine.state, 'journal', 'open', '0190a0b0c0d0abcdefabcdef.jsonl'), line);
  writeFileSync(join(machine.state, 'key'), Buffer.alloc(32), { mode: 0o600 });
  return {};
};
const oldLedger = (machine: Machine) => {
  mkdirSync(join(machine.state, 'ledger'), { recursive: true, mode: 0o700 });
  return {};
};
const commands = (text: string, mode?: number) => (machine: Machine) => ({
  TELNYX_MCP_COMMANDS_FILE: file(machine, 'commands.json', text, mode),
});
const set = (env: Env) => () => env;
const answers = (status: number, headers?: Record<string, string>) => (sandbox: Sandbox) =>
  sandbox.fault({ path: /./, respond: { status, ...(headers && { headers }) }, times: Infinity });
const withKey = (request: { headers: { authorization?: string | undefined } }) =>
  request.headers.authorization !== undefined;
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();

const cases: Case[] = [
  ['a key in the variable', 'key', 'ok', /^from TELNYX_API_KEY$/, set({})],
  ['a malformed key', 'key', 'error', /does not look like an API key/, set({ TELNYX_API_KEY: `${CANARY} x` })],
  ['a placeholder', 'key', 'error', /placeholder/, set({ TELNYX_API_KEY: '${' + 'input:key}' })],
  ['no key', 'key', 'error', /^No Telnyx API key is set/, set({ TELNYX_API_KEY: '' })],
  ['a key in a file', 'key', 'ok', /^from TELNYX_API_KEY_FILE$/, keyFile(CANARY)],
  ['an empty file', 'key', 'error', /does not hold an API key/, keyFile('\n')],
  ['a file of more than a key', 'key', 'error', /does not hold an API key/, keyFile(`${CANARY} ${CANARY}`)],
  [
    'a file that is not there',
    'key',
    'error',
    /cannot be read/,
    set({ TELNYX_API_KEY: '', TELNYX_API_KEY_FILE: `/nowhere/${CANARY}` }),
  ],
  ['an API that answers', 'network', 'ok', /^127\.0\.0\.1:\d+ answers$/, set({})],
  ['an API that is down', 'network', 'warning', /HTTP 503/, set({}), answers(503)],
  [
    'a closed port',
    'network',
    'error',
    /^127\.0\.0\.1:9: it cannot be connected to \(ECONNREFUSED\)$/,
    set({ TELNYX_BASE_URL: 'http://127.0.0.1:9/v2' }),
  ],
  [
    'an API that never answers',
    'network',
    'error',
    /: it does not answer \(ETIMEDOUT\)$/,
    set({}),
    (sandbox) => sandbox.fault({ path: /./, hang: 'before', times: Infinity }),
  ],
  ['a clock that is right', 'clock', 'ok', /to \d s$/, set({})],
  ['a clock that is late', 'clock', 'warning', /^9\d\d s behind/, set({}), answers(401, { date: inSeconds(1000) })],
  [
    'a clock that is early',
    'clock',
    'warning',
    /^1\d{3} s ahead of/,
    set({}),
    answers(401, { date: inSeconds(-1000) }),
  ],
  ['a key that is taken', 'account', 'ok', /^\S+ accepts the key$/, set({})],
  ['a key that is not', 'account', 'error', /does not accept the key \(401\)/, set({ TELNYX_API_KEY: CANARY })],
  ['a key without rights', 'account', 'error', /may not read credentials \(403\)/, set({}), answers(403)],
  [
    'a key kept from the balance',
    'account',
    'ok',
    /accepts the key, but not for the balance/,
    set({}),
    (sandbox) => sandbox.fault({ path: '/balance', when: withKey, respond: { status: 403 } }),
  ],
  [
    'an API that keeps a key waiting',
    'account',
    'error',
    /did not answer in time/,
    set({}),
    (sandbox) => sandbox.fault({ path: /./, when: withKey, hang: 'before', times: Infinity }),
  ],
  ['no state folder yet', 'state folder', 'ok', /not there yet$/, set({})],
  ['a state folder', 'state folder', 'ok', /state$/, state(0o700)],
  ['a state folder others can read', 'state folder', 'warning', /look into/, state(0o755)],
  ['a state folder others can write', 'state folder', 'error', /other users can write/, state(0o777)],
  [
    'a file in the place of the state folder',
    'state folder',
    'error',
    /is not a folder/,
    (machine) => ({ TELNYX_MCP_STATE_DIR: file(machine, 'file', '') }),
  ],
  [
    'a file above the state folder',
    'state folder',
    'error',
    /is not a folder/,
    (machine) => ({ TELNYX_MCP_STATE_DIR: join(file(machine, 'file', ''), 'state') }),
  ],
  ['a vault', 'vault', 'ok', /^1 secret kept$/, vaultFile(0o600)],
  ['a vault file others can read', 'vault', 'error', /^1 file or folder is not for you alone$/, vaultFile(0o644)],
  ['no journal', 'journal', 'ok', /^whole: 0 jobs, 0 records$/, set({})],
  ['a damaged journal', 'journal', 'error', /^Record 1 of job \w+ was altered/, jobOf('{"damaged":true}\n{}\n')],
  ['a ledger of an earlier version', 'journal', 'warning', /before the first release .+ left alone/, oldLedger],
  ['a keychain', 'keychain', 'ok', /written, read and removed/, set({})],
  [
    'a keychain that refuses',
    'keychain',
    'warning',
    /missing or locked/,
    (machine) => ({ TEST_KEYCHAIN: join(machine.work, 'nowhere', 'k') }),
  ],
  [
    'a keychain that refuses and is needed',
    'keychain',
    'error',
    /missing or locked/,
    (machine) => ({ TEST_KEYCHAIN: join(machine.work, 'nowhere', 'k'), TELNYX_MCP_DELIVER_TO: 'keychain:x' }),
  ],
  ['a desktop', 'browser', 'ok', /can be opened/, set({})],
  ['no desktop', 'browser', 'warning', /no page can be opened/, set({ CI: '1' })],
  ['no desktop where it is needed', 'browser', 'error', /no page/, set({ CI: '1', TELNYX_MCP_DELIVER_TO: 'browser' })],
  ['a project as the working folder', 'folders', 'ok', /^the working folder, .+work$/, set({})],
  ['a home as the working folder', 'folders', 'warning', /^none, since/, (machine) => ({ HOME: machine.work })],
  ['an allowed folder', 'folders', 'ok', /work$/, (machine) => ({ TELNYX_MCP_ALLOW_DIRS: machine.work })],
  [
    'an allowed folder that is not there',
    'folders',
    'error',
    /nowhere is not there/,
    (machine) => ({ TELNYX_MCP_ALLOW_DIRS: join(machine.work, 'nowhere') }),
  ],
  ['an allowed root', 'folders', 'warning', /^\/ is a root or a home/, set({ TELNYX_MCP_ALLOW_DIRS: '/' })],
  ['an allowed home', 'folders', 'warning', /home folder/, set({ TELNYX_MCP_ALLOW_DIRS: '~' })],
  [
    'a file outside of the allowed folders',
    'folders',
    'error',
    /outside the folders/,
    (machine) => ({ TELNYX_MCP_DELIVER_TO: `file:${machine.home}/.env` }),
  ],
  ['commands', 'commands', 'ok', /^vault, op$/, commands('{"vault": ["node", "-"], "op": ["node"]}')],
  [
    'a command whose program is missing',
    'commands',
    'error',
    /a program of op is not installed\.$/,
    commands(`{"op": ["no-such-program", "${CANARY}"]}`),
  ],
  ['a commands file that is no JSON', 'commands', 'error', /cannot be read as a JSON object$/, commands(`{${CANARY}`)],
  ['commands that are no arrays', 'commands', 'error', /argument arrays/, commands(`{"op": "${CANARY}"}`)],
  ['a commands file others can write', 'commands', 'error', /written by others/, commands('{"op": ["node"]}', 0o622)],
  [
    'a command that no file names',
    'commands',
    'error',
    /no command is called vault/,
    (machine) => ({ ...commands('{}')(machine), TELNYX_MCP_DELIVER_TO: 'command:vault' }),
  ],
  ['no questions', 'settings', 'warning', /^nobody is asked/, set({ TELNYX_MCP_CONFIRM: 'never' })],
  ['read-only', 'settings', 'ok', /^read-only/, set({ TELNYX_MCP_READ_ONLY: '1' })],
  [
    'some toolsets',
    'settings',
    'ok',
    /^only the toolsets push, rotation$/,
    set({ TELNYX_MCP_TOOLSETS: 'push,rotation' }),
  ],
  ['another address than that of Telnyx', 'settings', 'warning', /^the key is sent to 127\.0\.0\.1:\d+, not/, set({})],
];

const ONLY_UNIX = /others|home as the working|allowed root|desktop/;
const there = cases.filter(([title]) => !(WINDOWS && ONLY_UNIX.test(title)));

test.concurrent.each(there)('of %s (%s) it says %s', async (_, name, status, says, prepare, arm) => {
  await using sandbox = await startSandbox();
  arm?.(sandbox);
  const machine = newMachine();
  const { of } = await examine(machine, { ...wellFor(sandbox), ...prepare(machine) });
  expect(of(name)).toContainEqual(expect.objectContaining({ name, status, says: expect.stringMatching(says) }));
  if (status === 'ok' && name !== 'settings') expect(of(name)).toHaveLength(1);
});

test.skipIf(WINDOWS).concurrent('of a key file that others can read it warns, and uses it', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const path = file(machine, 'key', sandbox.apiKey, 0o644);
  const { of } = await examine(machine, { ...wellFor(sandbox), TELNYX_API_KEY: '', TELNYX_API_KEY_FILE: path });
  expect(of('key').map(({ status }) => status)).toEqual(['ok', 'warning']);
  expect(of('account')).toMatchObject([{ status: 'ok' }]);
});

test.concurrent('a key in the keychain is named as such, and refused for another address', async () => {
  await using sandbox = await startSandbox();
  await using stranger = await startSandbox({ apiKey: sandbox.apiKey });
  const machine = newMachine();
  const env = { ...wellFor(sandbox), TELNYX_API_KEY: '' };
  await machine.run(['login'], { env, input: sandbox.apiKey });
  const at = await examine(machine, env);
  expect(at.of('key')).toMatchObject([{ status: 'ok', says: 'from the keychain' }]);
  expect(at.of('account')).toMatchObject([{ status: 'ok' }]);
  const elsewhere = await examine(machine, { ...env, TELNYX_BASE_URL: stranger.baseUrl });
  expect(elsewhere.of('key')).toMatchObject([
    { status: 'error', says: expect.stringContaining('not sent to another') },
  ]);
  expect(elsewhere.of('account')).toEqual([]);
  expect(stranger.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

test.skipIf(process.platform !== 'linux').concurrent('a machine without a keychain says so', async () => {
  await using sandbox = await startSandbox();
  const { of } = await examine(newMachine({ keychain: false }), wellFor(sandbox));
  expect(of('keychain')).toMatchObject([{ status: 'warning' }]);
});

test.concurrent('a name, a connection and an encryption that fail are told apart', async () => {
  await using sandbox = await startSandbox();
  const silent = createServer().listen(0, '127.0.0.1');
  const port = await new Promise<number>((resolve) => {
    silent.once('listening', () => resolve((silent.address() as { port: number }).port));
  });
  // A label of 64 letters is no name that anybody could be asked about; the guard would refuse it sooner.
  const machine = newMachine({ guarded: false });
  const of = async (url: string) =>
    (await examine(machine, { ...wellFor(sandbox), TELNYX_BASE_URL: url })).of('network')[0];
  expect(await of(`https://${'a'.repeat(64)}.localhost/v2`)).toMatchObject({
    status: 'error',
    says: expect.stringContaining('its name cannot be resolved'),
  });
  expect(await of(sandbox.baseUrl.replace('http:', 'https:'))).toMatchObject({
    status: 'error',
    says: expect.stringContaining('no encrypted connection comes about'),
  });
  expect(await of(`https://127.0.0.1:${port}/v2`)).toMatchObject({
    status: 'error',
    says: expect.stringContaining('no encrypted connection comes about (ETIMEDOUT)'),
  });
  silent.close();
});

test('a check that fails keeps no other from being made, and shows nothing of why', async () => {
  const stdout = new PassThrough().setEncoding('utf8');
  const terminal = { stdin: new PassThrough(), stderr: new PassThrough(), stdout };
  const { config } = loadConfig(['--sandbox'], {});
  const failing = [
    ['first', () => Promise.reject(new Error(CANARY))],
    ['second', () => Promise.reject(badInput('A known problem.', 'Mend it.'))],
    ['third', () => [ok('fine\u001b[2J\nok       forged: line')]],
  ] as const;
  expect(await doctor([], config, terminal, () => Promise.reject(new Error('none')), failing)).toBe(1);
  const lines = `${stdout.read()}`.split('\n').slice(1, -1);
  expect(lines).toEqual([
    expect.stringMatching(
      /^error {4}first: this check failed \(unknown reason\) at Error at .+ {2}— report this line$/,
    ),
    'error    second: A known problem.  — Mend it.',
    'ok       third: fine [2J ok       forged: line',
    '2 errors, 0 warnings',
  ]);
  expect(lines.join()).not.toContain(CANARY);
});
