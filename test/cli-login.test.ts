import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { readHidden } from '../src/front/cli/terminal.ts';
import { findApiKey, keepKey, keychainHoldsKey } from '../src/host/api-key.ts';
import { loadConfig } from '../src/host/config.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import type { Keychain } from '../src/secrets/keychain.ts';
import { Secret } from '../src/secrets/secret.ts';
import { errorOf, startApp } from './app.ts';
import { machines } from './command.ts';
import { onTerminal, TERMINAL } from './pseudo-terminal.ts';

const newMachine = machines();
const ENTRY = 'telnyx-credentials-mcp/api-key';
const CANARY = 'KEYcanary0123456789abcdef';
const LIST = ['call', 'list_telephony_credentials', '{"limit":1}'];
const originOf = (url: string) => new URL(url).origin;

/** A keychain in memory, and how often it was opened. */
function memoryKeychain() {
  const entries = new Map<string, string>();
  const keychain: Keychain = {
    get: (service, account) => entries.get(`${service}/${account}`),
    set: (service, account, value) => void entries.set(`${service}/${account}`, value),
    remove: (service, account) => void entries.delete(`${service}/${account}`),
  };
  const memory = {
    entries,
    keychain,
    opened: 0,
    async open() {
      memory.opened += 1;
      return keychain;
    },
  };
  return memory;
}

test('a key from a pipe is checked, kept with its address, and used by what runs after', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const env = { TELNYX_BASE_URL: sandbox.baseUrl };
  const { host } = new URL(sandbox.baseUrl);
  // The pipe stays open, and a password store has more lines to say.
  const done = await machine.run(['login'], { env, input: `${sandbox.apiKey}\nurl: telnyx.com\n`, open: true });
  expect(done).toEqual({
    status: 0,
    stdout: `${host} accepted the key. It is in the keychain of this machine, for ${host} only.\n`,
    stderr: '',
  });
  expect(machine.entries()).toEqual({ [ENTRY]: `${originOf(sandbox.baseUrl)} ${sandbox.apiKey}` });
  expect(sandbox.requests.map(({ path }) => path)).toEqual(['/balance']);

  const listed = await machine.run(LIST, { env });
  expect(listed).toMatchObject({ status: 0, stderr: '' });
  const placeholder = { ...env, TELNYX_API_KEY: '${' + 'TELNYX_API_KEY}' };
  expect(await machine.run(LIST, { env: placeholder })).toMatchObject({ status: 0 });
  expect(listed.stdout).not.toContain(sandbox.apiKey);
});

test('a key that may read credentials but not the balance is good', async () => {
  await using sandbox = await startSandbox();
  sandbox.fault({ path: '/balance', respond: { status: 403 } });
  const machine = newMachine();
  const env = { TELNYX_BASE_URL: sandbox.baseUrl };
  expect(await machine.run(['login'], { env, input: sandbox.apiKey })).toMatchObject({ status: 0 });
  expect(sandbox.requests.map(({ path }) => path)).toEqual(['/balance', '/telephony_credentials']);
  expect(Object.keys(machine.entries())).toEqual([ENTRY]);
});

const forbid = { path: /./, respond: { status: 403 }, times: Infinity };
const html = { path: '/balance', respond: { status: 200, body: '<html>a captive portal</html>' } };
test.concurrent.each([
  ['a key that Telnyx does not know', CANARY, {}, 1, /does not accept this key\. It was not kept\.\n.+portal/],
  ['a key without rights', undefined, forbid, 1, /may not read credentials\. It was not kept\.\n.+rights/],
  ['an answer that is not of the API', undefined, html, 1, /no answer of the Telnyx API.*The key was not kept\./],
  ['two words', `${CANARY} ${CANARY}`, {}, 2, /^That is no API key\. Nothing was kept\.\n/],
  ['a key with a control character', `${CANARY}\u0007`, {}, 2, /^That is no API key/],
  ['an empty line', '\n', {}, 2, /^That is no API key/],
  ['no input at all', '', {}, 1, /^No key was given\. Nothing was kept\.\n/],
])('%s is not kept', async (_, input, fault, status, says) => {
  await using sandbox = await startSandbox();
  if ('path' in fault) sandbox.fault(fault);
  const machine = newMachine();
  const key = input ?? sandbox.apiKey;
  const ended = await machine.run(['login'], { env: { TELNYX_BASE_URL: sandbox.baseUrl }, input: key });
  expect(ended).toEqual({ status, stdout: '', stderr: expect.stringMatching(says) });
  expect(ended.stderr).not.toContain(key.trim() || CANARY);
  expect(machine.entries()).toEqual({});
});

test('a key that is refused leaves the one that was kept before', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const env = { TELNYX_BASE_URL: sandbox.baseUrl };
  await machine.run(['login'], { env, input: sandbox.apiKey });
  const before = machine.entries();
  expect(await machine.run(['login'], { env, input: CANARY })).toMatchObject({ status: 1 });
  expect(machine.entries()).toEqual(before);
});

test('without a keychain no key is asked for or sent, and a file is named instead', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine({ keychain: process.platform !== 'linux' });
  // Elsewhere the system has one: there, a file that cannot be written stands for one that is locked.
  const env = { TELNYX_BASE_URL: sandbox.baseUrl, TEST_KEYCHAIN: machine.work };
  const ended = await machine.run(['login'], { env, input: sandbox.apiKey });
  expect(ended).toMatchObject({ status: 1, stdout: '' });
  expect(ended.stderr).toMatch(
    /^This machine has no keychain that can be written\. Nothing was kept\.\n.+0600.+TELNYX_API_KEY_FILE/,
  );
  expect(sandbox.requests).toEqual([]);
});

test.concurrent.each([
  ['a key as a word', ['login', CANARY], /no such command/],
  ['a key as a flag', ['login', '--key', CANARY], /--key is no flag/],
  ['a key glued to a flag', ['login', `--api-key=${CANARY}`], /--api-key is no flag/],
  ['a sandbox', ['login', '--sandbox'], /a sandbox needs no login/],
])('%s is wrong use of login', async (_, args, says) => {
  const machine = newMachine();
  const { status, stdout, stderr } = await machine.run(args, { input: CANARY });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain(CANARY);
  expect(machine.entries()).toEqual({});
});

test('a setting that outranks what was kept is named', async () => {
  await using sandbox = await startSandbox();
  const env = { TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_API_KEY: CANARY };
  const ended = await newMachine().run(['login'], { env, input: sandbox.apiKey });
  expect(ended).toMatchObject({ status: 0, stderr: 'Note: TELNYX_API_KEY is set here, and is used instead of it.\n' });
});

test.skipIf(!TERMINAL)('a terminal shows nothing of the key that is typed at it', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const { shown, status } = await onTerminal(machine, ['login'], { TELNYX_BASE_URL: sandbox.baseUrl }, [
    ['(it is not shown):', `x\u007f${sandbox.apiKey}\r`],
  ]);
  expect(status).toBe(0);
  expect(shown).toContain('accepted the key');
  for (let at = 0; at + 4 <= sandbox.apiKey.length; at += 1) {
    expect(shown).not.toContain(sandbox.apiKey.slice(at, at + 4));
  }
  expect(machine.entries()[ENTRY]).toMatch(new RegExp(` ${sandbox.apiKey}$`));
});

test.skipIf(!TERMINAL)('Ctrl-C in the middle of a key keeps nothing', async () => {
  await using sandbox = await startSandbox();
  const machine = newMachine();
  const { shown, status } = await onTerminal(machine, ['login'], { TELNYX_BASE_URL: sandbox.baseUrl }, [
    ['(it is not shown):', `${sandbox.apiKey}\u0003`],
  ]);
  expect(status).toBe(1);
  expect(shown).toContain('Nothing was kept');
  expect(shown).not.toContain(sandbox.apiKey);
  expect(machine.entries()).toEqual({});
});

test('a terminal is in raw mode before it is asked, and out of it after', async () => {
  const modes: boolean[] = [];
  const shown: string[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void modes.push(on) });
  const stderr = new PassThrough().setEncoding('utf8').on('data', (text) => shown.push(`${modes.join()} ${text}`));
  const line = readHidden('Key:', { stdin, stderr, stdout: new PassThrough() });
  stdin.write('secret\r');
  expect(await line).toBe('secret');
  expect(modes).toEqual([true, false]);
  expect(shown).toEqual([expect.stringMatching(/^true.* Key:\n$/)]);
});

test('a key in the keychain is sent to no other address than the one it was kept for', async () => {
  await using sandbox = await startSandbox();
  await using stranger = await startSandbox({ apiKey: sandbox.apiKey });
  const machine = newMachine();
  await machine.run(['login'], { env: { TELNYX_BASE_URL: sandbox.baseUrl }, input: sandbox.apiKey });
  const { status, stdout } = await machine.run(LIST, { env: { TELNYX_BASE_URL: stranger.baseUrl } });
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: 'CONFIGURATION', message: expect.stringMatching(/ is for http:\S+ and is not sent to another/) },
  });
  expect(stranger.requests).toEqual([]);
});

test('a key for another port, scheme or host is not for this one', async () => {
  const { keychain, open } = memoryKeychain();
  for (const [kept, wanted] of [
    ['https://api.telnyx.com/v2', 'https://api.telnyx.com:444/v2'],
    ['https://api.telnyx.com/v2', 'https://api.telnyx.com.evil.example/v2'],
    ['https://api.telnyx.com/v2', 'https://api.telnyx.eu/v2'],
    ['https://localhost:1/v2', 'http://localhost:1/v2'],
  ] as const) {
    keepKey(keychain, new Secret(CANARY), kept);
    const setting = loadConfig([], {}).config;
    await expect(findApiKey({ ...setting, baseUrl: wanted }, open)).rejects.toMatchObject({ code: 'CONFIGURATION' });
    const { apiKey, from } = await findApiKey({ ...setting, baseUrl: `${kept}/other` }, open);
    expect([apiKey.reveal(), from]).toEqual([CANARY, 'keychain']);
  }
});

/** A server without a key in its settings. */
async function startKeyless(env: Record<string, string>, open: () => Promise<Keychain>) {
  const sandbox = await startSandbox();
  const { config } = loadConfig([], { TELNYX_BASE_URL: sandbox.baseUrl, ...env });
  const { stateDir, ...rest } = config;
  return { sandbox, t: await startApp({ account: sandbox, config: rest, keychain: open }) };
}

test('the keychain is opened by the first call that sends something, and a login counts without a restart', async () => {
  const memory = memoryKeychain();
  const { sandbox, t } = await startKeyless({}, memory.open);
  await using _ = sandbox;
  await using __ = t;
  expect((await t.client.listTools()).tools.length).toBeGreaterThan(10);
  expect((await t.call('get_rotation')).isError).toBeUndefined();
  expect(memory.opened).toBe(0);
  expect(errorOf(await t.call('list_connections'))).toMatchObject({
    code: 'CONFIGURATION',
    message: 'No Telnyx API key is set.',
    next: expect.stringContaining('telnyx-credentials-mcp login'),
  });
  expect(memory.opened).toBeGreaterThan(0);
  keepKey(memory.keychain, new Secret(sandbox.apiKey), sandbox.baseUrl);
  expect((await t.call('list_connections')).isError).toBeUndefined();
  const before = memory.opened;
  expect((await t.call('list_connections')).isError).toBeUndefined();
  expect(memory.opened).toBe(before);
});

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-login-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const badFile = join(folder, 'bad');
writeFileSync(badFile, `${CANARY} and more`);
test.each([
  ['a malformed variable', { TELNYX_API_KEY: 'KEY with spaces' }, /TELNYX_API_KEY does not look like/],
  ['a file without a key', { TELNYX_API_KEY_FILE: badFile }, /does not hold an API key/],
  ['a file that is not there', { TELNYX_API_KEY_FILE: join(folder, 'nowhere') }, /cannot be read/],
])('%s fails by itself: the keychain does not step in', async (_, env, says) => {
  const memory = memoryKeychain();
  const { sandbox, t } = await startKeyless(env, memory.open);
  await using _sandbox = sandbox;
  await using _t = t;
  keepKey(memory.keychain, new Secret(sandbox.apiKey), sandbox.baseUrl);
  const failure = errorOf(await t.call('list_connections'));
  expect(failure).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(says) });
  expect(JSON.stringify(failure)).not.toContain(CANARY);
  expect(memory.opened).toBe(0);
});

test.each([
  ['cannot be opened', () => Promise.reject(new Error('no module')), /No Telnyx API key is set/, false],
  [
    'is locked',
    async () => ({
      ...memoryKeychain().keychain,
      get: () => {
        throw new Error('locked');
      },
    }),
    /No Telnyx API key is set/,
    false,
  ],
  ['holds something else', async () => holding('{"sip_password":"x"}'), /not written by login/, false],
  [
    'holds a second header',
    async () => holding(`https://api.telnyx.com ${CANARY}\r\nx:`),
    /not written by login/,
    false,
  ],
  ['holds a key for Telnyx', async () => holding(`https://api.telnyx.com ${CANARY}`), /not sent to another/, true],
] as [string, () => Promise<Keychain>, RegExp, boolean][])(
  'a keychain that %s is no help',
  async (_, open, says, holds) => {
    expect(await keychainHoldsKey(open)).toBe(holds);
    const { sandbox, t } = await startKeyless({}, open);
    await using _sandbox = sandbox;
    await using _t = t;
    const failure = errorOf(await t.call('list_connections'));
    expect(failure).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(says) });
    expect(JSON.stringify(failure)).not.toContain(CANARY);
    expect(sandbox.requests).toEqual([]);
  },
);

function holding(entry: string): Keychain {
  const { keychain, entries } = memoryKeychain();
  entries.set(ENTRY, entry);
  return keychain;
}

test.each(['keychain:api-key', 'keychain:API-Key', 'keychain: api-key '])(
  'no secret is delivered over the API key, to %j',
  async (deliver_to) => {
    const memory = memoryKeychain();
    const { sandbox, t } = await startKeyless({}, memory.open);
    await using _sandbox = sandbox;
    await using _t = t;
    keepKey(memory.keychain, new Secret(sandbox.apiKey), sandbox.baseUrl);
    const before = [...memory.entries];
    const [connection] = sandbox.world.connections.values();
    const result = await t.call('create_telephony_credential', { connection_id: connection?.id, deliver_to });
    expect(errorOf(result)).toMatchObject({ code: 'BAD_INPUT' });
    expect([...memory.entries]).toEqual(before);
    expect(sandbox.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  },
);

test('a keychain that only pretends to keep is not trusted', () => {
  const { keychain } = memoryKeychain();
  const forgetful = { ...keychain, get: () => undefined };
  expect(() => keepKey(forgetful, new Secret(CANARY), 'https://api.telnyx.com/v2')).toThrow('did not keep');
});
