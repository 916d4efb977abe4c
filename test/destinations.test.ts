import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSandbox } from '../src/sandbox/server.ts';
import { mergeDotenv } from '../src/secrets/dotenv.ts';
import type { Keychain } from '../src/secrets/keychain.ts';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';
import { press, visit } from './browser/visitor.ts';
import { startProcess } from './process.ts';

let folder: string;
let outside: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-mcp-project-')));
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-mcp-outside-')));
});
afterEach(() => {
  for (const path of [folder, outside]) rmSync(path, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const start = (options: Options = {}): Promise<Started> =>
  startApp({ person: yes, ...options, config: { allowDirs: [folder], ...options.config } });
const connectionOf = (t: Started): string =>
  [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id ?? '';
const create = (t: Started, deliver_to: string, more: object = {}) =>
  t.call('create_telephony_credential', { connection_id: connectionOf(t), name: 'new one', deliver_to, ...more });
const made = (t: Started) => [...t.sandbox.world.telephony.values()].find(({ name }) => name === 'new one');
interface Created {
  credential: { id: string };
  secret: { destination: string; place: string; fingerprint: string; warning?: string };
}

const merges: [title: string, before: string | undefined, after: (user: string, password: string) => string][] = [
  ['a file that is not there', undefined, (u, p) => `TELNYX_SIP_USERNAME=${u}\nTELNYX_SIP_PASSWORD=${p}\n`],
  ['an empty file', '', (u, p) => `TELNYX_SIP_USERNAME=${u}\nTELNYX_SIP_PASSWORD=${p}\n`],
  ['a file without a last newline', 'A=1', (u, p) => `A=1\nTELNYX_SIP_USERNAME=${u}\nTELNYX_SIP_PASSWORD=${p}\n`],
  ['CRLF lines', '# c\r\nA=1\r\n', (u, p) => `# c\r\nA=1\r\nTELNYX_SIP_USERNAME=${u}\r\nTELNYX_SIP_PASSWORD=${p}\r\n`],
  [
    'keys in place, in another order',
    '# mine\nTELNYX_SIP_PASSWORD=old # note\n\nB=2\nTELNYX_SIP_USERNAME="old"\nC=3\n',
    (u, p) => `# mine\n# note\nTELNYX_SIP_PASSWORD=${p}\n\nB=2\nTELNYX_SIP_USERNAME=${u}\nC=3\n`,
  ],
  [
    'export and blanks',
    'export TELNYX_SIP_PASSWORD = old\n',
    (u, p) => `export TELNYX_SIP_PASSWORD=${p}\nTELNYX_SIP_USERNAME=${u}\n`,
  ],
  [
    'a value over several lines',
    "TELNYX_SIP_PASSWORD='a\nb\nc'\nD=4\n",
    (u, p) => `TELNYX_SIP_PASSWORD=${p}\nD=4\nTELNYX_SIP_USERNAME=${u}\n`,
  ],
  [
    'keys that only look alike',
    '#TELNYX_SIP_PASSWORD=x\nMY_TELNYX_SIP_PASSWORD=y\nTELNYX_SIP_PASSWORD_2=z\n',
    (u, p) =>
      `#TELNYX_SIP_PASSWORD=x\nMY_TELNYX_SIP_PASSWORD=y\nTELNYX_SIP_PASSWORD_2=z\nTELNYX_SIP_USERNAME=${u}\nTELNYX_SIP_PASSWORD=${p}\n`,
  ],
  [
    'CRLF keys in place',
    'TELNYX_SIP_PASSWORD=old\r\nE=5\r\n',
    (u, p) => `TELNYX_SIP_PASSWORD=${p}\r\nE=5\r\nTELNYX_SIP_USERNAME=${u}\r\n`,
  ],
];

test.each(merges)('a .env file is merged: %s', async (_, before, after) => {
  await using t = await start();
  if (before !== undefined) writeFileSync(at('.env.local'), before, { mode: 0o640 });
  const { secret } = dataOf<Created>(await create(t, `file:${at('.env.local')}`));
  expect(readFileSync(at('.env.local'), 'utf8')).toBe(after(made(t)?.sip_username ?? '', made(t)?.sip_password ?? ''));
  expect(statSync(at('.env.local')).mode & 0o777).toBe(before === undefined ? 0o600 : 0o640);
  expect(secret).toMatchObject({ destination: 'file', place: at('.env.local') });
  expect(readdirSync(folder)).toEqual(['.env.local']);
  expect(readdirSync(join(t.stateDir, 'vault'))).toEqual([]);
});

test('a .json file gets keys at the top level and keeps its indent', async () => {
  await using t = await start();
  writeFileSync(at('secrets.json'), '{\n    "a": [1],\n    "SIP_SIP_PASSWORD": "old"\n}\n');
  await create(t, `file:${at('secrets.json')}`, { prefix: 'SIP' });
  const { sip_username, sip_password } = made(t) ?? {};
  expect(JSON.parse(readFileSync(at('secrets.json'), 'utf8'))).toEqual({
    a: [1],
    SIP_SIP_USERNAME: sip_username,
    SIP_SIP_PASSWORD: sip_password,
  });
  expect(readFileSync(at('secrets.json'), 'utf8')).toMatch(/^\{\n {4}"a"/);
});

const refusals: [title: string, prepare: () => string, code: string, says: RegExp][] = [
  ['a file of another kind', () => `file:${at('notes.txt')}`, 'BAD_INPUT', /neither a \.env file nor a \.json file/],
  ['a file outside the allowed folders', () => `file:${join(outside, '.env')}`, 'BAD_INPUT', /outside the folders/],
  [
    'a way out of the folder',
    () => `file:${folder}/x/../../${outside.split('/').pop()}/.env`,
    'BAD_INPUT',
    /outside the folders/,
  ],
  [
    'a folder that leads out by a link',
    () => (symlinkSync(outside, at('link')), `file:${at('link')}/.env`),
    'BAD_INPUT',
    /outside the folders/,
  ],
  [
    'a file that leads out by a link',
    () => (
      writeFileSync(join(outside, '.env'), 'A=1'), symlinkSync(join(outside, '.env'), at('.env')), `file:${at('.env')}`
    ),
    'BAD_INPUT',
    /outside the folders/,
  ],
  [
    'a link to a file of another kind',
    () => (writeFileSync(at('main.ts'), ''), symlinkSync(at('main.ts'), at('.env')), `file:${at('.env')}`),
    'BAD_INPUT',
    /neither a \.env/,
  ],
  ['a folder that is not there', () => `file:${at('no')}/.env`, 'BAD_INPUT', /does not exist/],
  [
    'a folder called .env',
    () => (mkdirSync(at('.env')), `file:${at('.env')}`),
    'BAD_INPUT',
    /not a small regular file/,
  ],
  [
    'broken JSON',
    () => (writeFileSync(at('a.json'), '{"a":'), `file:${at('a.json')}`),
    'BAD_INPUT',
    /does not hold a JSON object/,
  ],
  [
    'a JSON array',
    () => (writeFileSync(at('a.json'), '[]'), `file:${at('a.json')}`),
    'BAD_INPUT',
    /does not hold a JSON object/,
  ],
  ['a command without a commands file', () => 'command:vault', 'CONFIGURATION', /TELNYX_MCP_COMMANDS_FILE is not set/],
  ['an unknown destination', () => 'email:me', 'BAD_INPUT', /must be one of/],
  ['a keychain entry with a strange name', () => 'keychain:a/b', 'BAD_INPUT', /must be one of/],
  ['a command that is a command line', () => 'command:sh -c id', 'BAD_INPUT', /must be one of/],
];

test.each(refusals)('%s is refused before anything is created', async (_, prepare, code, says) => {
  await using t = await start();
  const error = errorOf(await create(t, prepare()));
  expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
  expect(t.sandbox.requests.some(({ method }) => method === 'POST')).toBe(false);
});

test('without a setting the working folder is allowed, but not a home folder', async () => {
  await using t = await start({ config: { allowDirs: undefined } });
  expect(errorOf(await create(t, `file:${at('.env')}`)).message).toMatch(/outside the folders/);
  await using home = await start({ config: { allowDirs: undefined, workingFolder: homedir() } });
  expect(errorOf(await create(home, 'file:.env')).message).toMatch(/No folder is allowed/);
});

test('of two servers in one process each goes by the working folder of its own', async () => {
  await using here = await start({ config: { allowDirs: undefined, workingFolder: folder } });
  await using there = await start({ config: { allowDirs: ['.'], workingFolder: outside } });
  writeFileSync(at('push.pem'), 'nothing');
  for (const [t, own] of [
    [here, folder],
    [there, outside],
  ] as const) {
    const { secret } = dataOf<Created>(await create(t, 'file:.env'));
    expect(secret.place).toBe(join(own, '.env'));
  }
  const material = { alias: 'x', type: 'ios', certificate_file: 'push.pem', private_key_file: 'push.pem' };
  const said = async (t: Started) => textOf(await t.call('create_mobile_push_credential', material));
  expect(await said(here)).not.toContain('does not exist');
  expect(await said(there)).toContain('push.pem does not exist');
});

function fakeKeychain(): { entries: Map<string, string>; open: () => Promise<Keychain> } {
  const entries = new Map<string, string>();
  return {
    entries,
    open: async () => ({
      set: (service, account, value) => void entries.set(`${service}/${account}`, value),
      get: (service, account) => entries.get(`${service}/${account}`),
      remove: (service, account) => void entries.delete(`${service}/${account}`),
    }),
  };
}

test('a keychain entry gets the credential, and the probe leaves nothing', async () => {
  const keychain = fakeKeychain();
  await using t = await start({ keychain: keychain.open });
  const { secret } = dataOf<Created>(await create(t, 'keychain:Lobby phone'));
  expect(secret).toMatchObject({ destination: 'keychain', place: 'telnyx-credentials-mcp, Lobby phone' });
  expect([...keychain.entries.keys()]).toEqual(['telnyx-credentials-mcp/Lobby phone']);
  expect(JSON.parse([...keychain.entries.values()][0] ?? '')).toMatchObject({
    sip_password: made(t)?.sip_password,
    sip_username: made(t)?.sip_username,
  });
});

test('a machine without a secret service says so before anything is created', async () => {
  const { systemKeychain } = await import('../src/secrets/keychain.ts');
  const keychain = await systemKeychain();
  // Where there is one, its refusal is what is tried.
  const refusing = async (): Promise<Keychain> => ({
    ...keychain,
    set: () => {
      throw new Error('locked');
    },
  });
  const bare = process.platform === 'linux' && process.env.DBUS_SESSION_BUS_ADDRESS === undefined;
  await using t = await start({ keychain: bare ? systemKeychain : refusing });
  expect(errorOf(await create(t, 'keychain:x'))).toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringMatching(/no keychain/),
  });
  expect(made(t)).toBeUndefined();
});

/** A commands file with one command that runs a script of ours, and what it was given. */
function commandsFile(script: string): string {
  const file = at('commands.json');
  writeFileSync(at('script.mjs'), script);
  writeFileSync(file, JSON.stringify({ store: [process.execPath, at('script.mjs'), at('got.json')] }), { mode: 0o600 });
  return file;
}
const STORE = `import { writeFileSync } from 'node:fs';
let text = '';
for await (const chunk of process.stdin) text += chunk;
console.log(text); console.error(text);
writeFileSync(process.argv[2], JSON.stringify({ input: JSON.parse(text), args: process.argv, env: process.env }));`;

test('a command gets the secret on stdin, not in its arguments or environment, and its output is not shown', async () => {
  await using t = await start({
    config: { commandsFile: commandsFile(STORE), childEnv: { PATH: process.env.PATH ?? '' } },
  });
  const result = await create(t, 'command:store');
  const { input, args, env } = JSON.parse(readFileSync(at('got.json'), 'utf8')) as {
    input: Record<string, string>;
    args: string[];
    env: Record<string, string>;
  };
  const password = made(t)?.sip_password ?? '-';
  expect(input).toMatchObject({
    id: made(t)?.id,
    sip_password: password,
    sip_username: made(t)?.sip_username,
  });
  expect(JSON.stringify([args, env])).not.toContain(password);
  expect(JSON.stringify(env)).not.toContain(t.sandbox.apiKey);
  expect(JSON.stringify([result, t.log])).not.toContain(password);
  expect(dataOf<Created>(result).secret).toMatchObject({ destination: 'command', place: 'store' });
});

test.each([
  ['ends with an error', 'process.stdin.resume(); process.exitCode = 3;'],
  ['dies', 'process.kill(process.pid, "SIGKILL");'],
])('a command that %s leaves the secret in the vault, and says so', async (_, script) => {
  await using t = await start({
    config: { commandsFile: commandsFile(script), childEnv: { PATH: process.env.PATH ?? '' } },
  });
  const { secret, credential } = dataOf<Created>(await create(t, 'command:store'));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('it is in the vault') });
  expect(JSON.parse(readFileSync(secret.place, 'utf8'))).toMatchObject({
    id: credential.id,
    sip_password: made(t)?.sip_password,
  });
});

test.each([
  ['is not JSON', () => writeFileSync(at('c.json'), 'x', { mode: 0o600 }), /not a JSON object/],
  [
    'holds command lines',
    () => writeFileSync(at('c.json'), '{"store":"rm -rf /"}', { mode: 0o600 }),
    /not a JSON object of argument arrays/,
  ],
  [
    'names a program that is not installed',
    () => writeFileSync(at('c.json'), '{"store":["no-such-program-here"]}', { mode: 0o600 }),
    /not installed/,
  ],
  ['lacks the command', () => writeFileSync(at('c.json'), '{}', { mode: 0o600 }), /no command is called store/],
  [
    'can be written by others',
    () => (writeFileSync(at('c.json'), '{"store":["true"]}'), chmodSync(at('c.json'), 0o622)),
    /written by others/,
  ],
])('a commands file that %s is refused before anything is created', async (_, prepare, says) => {
  prepare();
  await using t = await start({ config: { commandsFile: at('c.json'), childEnv: { PATH: process.env.PATH ?? '' } } });
  expect(errorOf(await create(t, 'command:store'))).toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringMatching(says),
  });
  expect(made(t)).toBeUndefined();
});

test('a file that changed between the proof and the hand-off is merged as it is now', async () => {
  await using t = await start();
  writeFileSync(at('.env'), 'A=1\n');
  t.sandbox.fault({ method: 'POST', meanwhile: () => writeFileSync(at('.env'), 'A=2\nB=3\n') });
  await create(t, `file:${at('.env')}`);
  expect(readFileSync(at('.env'), 'utf8')).toMatch(/^A=2\nB=3\nTELNYX_SIP_USERNAME=/);
});

test.each([
  ['a file that became a folder', () => (rmSync(at('.env'), { force: true }), mkdirSync(at('.env')))],
  ['a folder that vanished', () => rmSync(folder, { recursive: true })],
  ['a file that became broken JSON', () => writeFileSync(at('.env'), 'x')],
])('%s after the create leaves the secret in the vault', async (title, spoil) => {
  await using t = await start();
  const path = title.includes('JSON') ? at('s.json') : at('.env');
  t.sandbox.fault({
    method: 'POST',
    meanwhile: () => (title.includes('JSON') ? writeFileSync(path, '{"a":') : spoil()),
  });
  const { secret } = dataOf<Created>(await create(t, `file:${path}`));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('it is in the vault') });
  expect(JSON.parse(readFileSync(secret.place, 'utf8'))).toMatchObject({ sip_password: made(t)?.sip_password });
});

test.each(['x\ry', 'a"b', '$HOME', '~/x', 'a#b', 'a b', 'a\r\nb\n', 'a\nEVIL=1'])(
  'the value %j, which readers of .env files read differently, is refused',
  (value) => {
    expect(() => mergeDotenv('', { K: value })).toThrow(/read differently/);
  },
);

test.each(['p%40ss,word', 'a.b+c/d=', 'x:y@z', '-_-'])('the value %j stands as it is', (value) => {
  expect(mergeDotenv('', { K: value })).toBe(`K=${value}\n`);
});

test('a value that dotenv readers would read differently goes to the vault instead', async () => {
  await using t = await start();
  t.sandbox.fault({
    method: 'POST',
    rewrite: (body) => ({ data: { ...(body as { data: object }).data, sip_password: 'x"\nTELNYX_API_KEY=evil' } }),
  });
  const { secret } = dataOf<Created>(await create(t, `file:${at('.env')}`));
  expect(secret.destination).toBe('vault');
  expect(existsSync(at('.env'))).toBe(false);
});

test.each(['create_telephony_credential', 'create_telephony_token'])(
  '%s creates nothing when the vault cannot be written',
  async (name) => {
    await using t = await start();
    writeFileSync(join(t.stateDir, 'vault'), 'a file where the folder should be');
    const args = name.endsWith('token') ? { id: living(t) } : { connection_id: connectionOf(t) };
    expect(errorOf(await t.call(name, args))).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/vault folder .* is not writable/),
    });
    expect(t.sandbox.requests.some(({ method }) => method === 'POST')).toBe(false);
  },
);

const living = (t: Started): string =>
  [...t.sandbox.world.telephony.values()].find((row) => !t.sandbox.world.isExpired(row))?.id ?? '';

test('a login token goes to its place, and the result knows its own expiry', async () => {
  await using t = await start();
  const id = living(t);
  const result = await t.call('create_telephony_token', { id, deliver_to: `file:${at('.env')}` });
  const token = /^TELNYX_LOGIN_TOKEN=(.+)$/m.exec(readFileSync(at('.env'), 'utf8'))?.[1] ?? '';
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
  expect(dataOf(result)).toMatchObject({
    status: 'done',
    credential_id: id,
    expires_at: new Date(exp * 1000).toISOString(),
    secret: { destination: 'file' },
  });
  expect(textOf(result)).not.toContain(token);
});

test('a file in a folder that is a file is refused, and nothing is made', async () => {
  await using t = await start();
  writeFileSync(at('sub'), 'no folder');
  const before = t.sandbox.requests.length;
  const error = errorOf(
    await t.call('create_telephony_token', { id: living(t), deliver_to: `file:${at('sub/.env')}` }),
  );
  expect(error.code).toBe('BAD_INPUT');
  expect(t.sandbox.requests.slice(before).filter(({ method }) => method !== 'GET')).toEqual([]);
});

const JWT = 'eyJhbGciOiJIUzUxMiJ9.e30.c2lnbmF0dXJl';
const mint = (body: unknown) => ({
  method: 'POST',
  path: /token$/,
  respond: { status: 201, body, headers: { 'content-type': 'text/plain' } },
});

test('a token whose claims say nothing has no known expiry', async () => {
  await using t = await start();
  t.sandbox.fault(mint(`${JWT}\n`));
  const result = dataOf<{ status: string; secret: { place: string } }>(
    await t.call('create_telephony_token', { id: living(t) }),
  );
  expect(result).toMatchObject({ status: 'done', expires_at: null });
  expect(JSON.parse(readFileSync(result.secret.place, 'utf8'))).toMatchObject({ login_token: JWT });
});

test.each([
  ['a text that is none', 'just-a-token'],
  ['a text of three parts that say nothing', 'aaaa.e30.bbbb'],
  ['a page', '<html><body>Sign in</body></html>'],
  ['an empty object', '{}'],
  ['a token inside of JSON', JSON.stringify({ data: JWT })],
  ['white space', ' \n\t '],
  ['nothing', undefined],
])('%s in place of a login token is an error, and is kept nowhere', async (_, body) => {
  await using t = await start();
  t.sandbox.fault(mint(body));
  const error = errorOf(await t.call('create_telephony_token', { id: living(t) }));
  expect(error).toMatchObject({ code: 'UNEXPECTED_RESPONSE', message: expect.stringContaining('login token') });
  expect(readdirSync(join(t.stateDir, 'vault'))).toEqual([]);
});

test('a token whose answer got lost says that calling again is fine', async () => {
  await using t = await start();
  t.sandbox.fault({ method: 'POST', path: /token$/, reset: 'after' });
  const error = errorOf(await t.call('create_telephony_token', { id: living(t) }));
  expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', next: expect.stringMatching(/^Call again/) });
  expect(readdirSync(join(t.stateDir, 'vault'))).toEqual([]);
});

test('an existing secret is handed over after asking, without a change at Telnyx', async () => {
  await using t = await start();
  await t.sandbox.world.ready;
  const id = living(t);
  const record = t.sandbox.world.telephony.get(id);
  const result = await t.call('hand_off_secret', { id, kind: 'telephony', deliver_to: `file:${at('.env')}` });
  expect(dataOf(result)).toMatchObject({ status: 'done', credential_id: id, secret: { place: at('.env') } });
  expect(readFileSync(at('.env'), 'utf8')).toContain(`TELNYX_SIP_PASSWORD=${record?.sip_password}\n`);
  expect(t.asked[0]?.message).toContain(record?.sip_username);
  expect(t.asked[0]?.message).toContain(at('.env'));

  const push = [...t.sandbox.world.push.values()].find(({ alias }) => alias === 'acme-dialer-ios');
  const handOff = (file: string) =>
    t.call('hand_off_secret', { id: push?.id, kind: 'push', deliver_to: `file:${at(file)}` });
  expect(errorOf(await handOff('.env')).message).toMatch(/TELNYX_PUSH_PRIVATE_KEY has characters that .* differently/);
  expect(dataOf(await handOff('push.json'))).toMatchObject({ status: 'done' });
  expect(JSON.parse(readFileSync(at('push.json'), 'utf8'))).toEqual({ TELNYX_PUSH_PRIVATE_KEY: push?.private_key });
  expect(t.sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
});

test('a path cannot dress up the question of a hand-off', async () => {
  await using t = await start({ person: () => ({ action: 'decline' }) });
  await t.call('hand_off_secret', {
    id: living(t),
    kind: 'telephony',
    deliver_to: `file:${at('.env')}\n\nNothing leaves this machine\u202e`,
  });
  expect(t.asked).toEqual([]);
});

test('a hand-off that is declined hands nothing over', async () => {
  await using t = await start({ person: () => ({ action: 'decline' }) });
  expect(dataOf(await t.call('hand_off_secret', { id: living(t), kind: 'telephony' }))).toMatchObject({
    status: 'declined',
  });
  expect(existsSync(join(t.stateDir, 'vault'))).toBe(false);
});

test('a secret that Telnyx masks is said to be masked, with the vault entry when there is one', async () => {
  await using t = await start();
  const { credential, secret } = dataOf<Created>(await create(t, 'vault'));
  for (const record of t.sandbox.world.telephony.values()) record.sip_password = '********';
  const ours = errorOf(await t.call('hand_off_secret', { id: credential.id, kind: 'telephony' }));
  expect(ours).toMatchObject({ code: 'CONFLICT', next: expect.stringContaining(secret.place) });
  expect(errorOf(await t.call('hand_off_secret', { id: living(t), kind: 'telephony' })).next).toMatch(
    /create a new credential/,
  );
});

test('the default destination is the operator’s', async () => {
  await using t = await start({ config: { deliverTo: `file:${at('.env')}` } });
  const result = await t.call('create_telephony_credential', { connection_id: connectionOf(t), name: 'new one' });
  expect(dataOf<Created>(result).secret.destination).toBe('file');
});

test('a page shows the secret once, and the vault keeps it only until then', async () => {
  const launched: string[] = [];
  await using t = await start({ launch: async (url) => void launched.push(url) });
  const result = await create(t, 'browser');
  const { secret, credential } = dataOf<Created>(result);
  const [name = ''] = readdirSync(join(t.stateDir, 'vault'));
  expect(name).toMatch(`telephony-${credential.id}.copy-`);
  const entry = join(t.stateDir, 'vault', name);
  expect(secret).toMatchObject({ destination: 'browser', place: expect.stringContaining(entry) });
  expect(existsSync(entry)).toBe(true);
  const page = await visit(launched[0] ?? '');
  const { sip_password = '-', sip_username = '-' } = made(t) ?? {};
  expect(page.body).not.toContain(sip_password);
  expect(page.body).toContain(/code (\w{4}),/.exec(secret.place)?.[1] ?? '-');
  const revealed = await press(page);
  expect(revealed.body).toContain(sip_password);
  expect(revealed.body).toContain(sip_username);
  // The answer may have been lost on its way: it is there until the page says that it arrived.
  expect((await press(page)).body).toContain(sip_password);
  expect(existsSync(entry)).toBe(true);
  expect((await press(page, { arrived: 'yes' })).status).toBe(200);
  while (existsSync(entry)) await sleep(5);
  expect((await press(page)).body).not.toContain(sip_password);
  for (const part of [sip_password, new URL(page.url).pathname])
    expect(JSON.stringify([result, t.log])).not.toContain(part);
});

test('a page leaves alone what the vault already had', async () => {
  const launched: string[] = [];
  await using t = await start({ launch: async (url) => void launched.push(url) });
  const { credential, secret } = dataOf<Created>(await create(t, 'vault'));
  await t.call('hand_off_secret', { id: credential.id, kind: 'telephony', deliver_to: 'browser' });
  const page = await visit(launched[0] ?? '');
  expect((await press(page)).body).toContain(made(t)?.sip_password);
  await press(page, { arrived: 'yes' });
  while (readdirSync(join(t.stateDir, 'vault')).length > 1) await sleep(5);
  expect(readFileSync(secret.place, 'utf8')).toContain(made(t)?.sip_password);
});

test('a page that cannot be opened leaves the secret in the vault, and says so', async () => {
  await using t = await start();
  const { secret } = dataOf<Created>(await create(t, 'browser'));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('No page could be opened') });
  expect(readFileSync(secret.place, 'utf8')).toContain(made(t)?.sip_password);
});

test('a machine without a display says so before anything is created', async () => {
  await using t = await start({ launch: undefined, config: { childEnv: { CI: '1' } } });
  expect(errorOf(await create(t, 'browser'))).toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringMatching(/no display/),
  });
  expect(made(t)).toBeUndefined();
});

test.each(['vault', 'file', 'keychain'])(
  'a full disk stops a create for the %s before anything is created',
  async (kind) => {
    await using sandbox = await startSandbox();
    const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_ALLOW_DIRS: folder };
    await using server = await startProcess({ env, fileBlocks: 0 });
    const connection_id = [...sandbox.world.connections.values()].find((row) => row.kind === 'credential')?.id;
    const deliver_to = { vault: 'vault', file: `file:${at('.env')}`, keychain: 'keychain:x' }[kind];
    const result = await server.call('create_telephony_credential', { connection_id, deliver_to });
    expect(JSON.stringify(result)).toMatch(/vault folder .* is not writable \(EFBIG\)/);
    expect(sandbox.requests.some(({ method }) => method === 'POST')).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('a folder that cannot be written stops a create before anything is created', async () => {
  // Root may write anywhere on disk, but not here; others are stopped by the mode.
  const readOnly = process.getuid?.() === 0 ? '/proc/self' : folder;
  if (readOnly === folder) chmodSync(folder, 0o555);
  await using t = await start({ config: { allowDirs: [readOnly] } });
  expect(errorOf(await create(t, `file:${readOnly}/.env`))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/cannot be written/),
  });
  expect(made(t)).toBeUndefined();
  chmodSync(folder, 0o755);
});

test('a keychain that locks itself after the proof leaves the secret in the vault', async () => {
  const locking = async (): Promise<Keychain> => ({
    set: (_, account) => {
      if (!account.endsWith('(probe)')) throw new Error('locked meanwhile');
    },
    get: () => undefined,
    remove: () => undefined,
  });
  await using t = await start({ keychain: locking });
  const { secret } = dataOf<Created>(await create(t, 'keychain:x'));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('it is in the vault') });
  expect(readFileSync(secret.place, 'utf8')).toContain(made(t)?.sip_password);
});
