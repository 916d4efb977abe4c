import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startSandbox } from '../src/sandbox/server.ts';
import type { Keychain } from '../src/secrets/keychain.ts';
import { replace } from '../src/secrets/target.ts';
import { dataOf, errorOf, type Options, type Started, startApp, yes } from './app.ts';
import { startProcess } from './process.ts';
import { until } from './until.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-mcp-delivery-')));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const fileOf = (name: string): string => `file:${at(name)}`;
const start = (options: Options = {}): Promise<Started> =>
  startApp({ person: yes, ...options, config: { allowDirs: [folder], ...options.config } });
const connectionOf = ({ sandbox }: Pick<Started, 'sandbox'>): string =>
  [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id ?? '';
const living = ({ sandbox }: Pick<Started, 'sandbox'>): string =>
  [...sandbox.world.telephony.values()].find((row) => !sandbox.world.isExpired(row))?.id ?? '';
const create = (t: Started, deliver_to: string, more: object = {}) =>
  t.call('create_telephony_credential', { connection_id: connectionOf(t), name: 'new one', deliver_to, ...more });
const passwordsOf = (t: Pick<Started, 'sandbox'>): string[] =>
  [...t.sandbox.world.telephony.values()].filter(({ name }) => name === 'new one').map((row) => row.sip_password);
const posts = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'POST').length;
const inVault = (t: Pick<Started, 'stateDir'>): string[] =>
  existsSync(join(t.stateDir, 'vault')) ? readdirSync(join(t.stateDir, 'vault')) : [];
const kept = (t: Pick<Started, 'stateDir'>): string =>
  inVault(t)
    .map((name) => readFileSync(join(t.stateDir, 'vault', name), 'utf8'))
    .join('');

interface Created {
  status: string;
  credential: { id: string };
  secret: { destination: string; place: string; unproven?: boolean; warning?: string };
}

/** A store of commands: one file for each id. */
const PUT = `import { writeFileSync } from 'node:fs';
let text = '';
for await (const chunk of process.stdin) text += chunk;
const entry = JSON.parse(text);
writeFileSync(process.argv[2] + '/' + entry.id, entry.sip_password);`;
const VERIFY = `import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
let id = '';
for await (const chunk of process.stdin) id += chunk;
console.log(createHash('sha256').update(readFileSync(process.argv[2] + '/' + id)).digest('hex'));`;

function commands(put: string, verify?: string): Options {
  writeFileSync(at('put.mjs'), put);
  if (verify !== undefined) writeFileSync(at('verify.mjs'), verify);
  mkdirSync(at('store'));
  const line = (script: string) => [process.execPath, at(script), at('store')];
  const store = { put: line('put.mjs'), ...(verify !== undefined && { verify: line('verify.mjs') }) };
  writeFileSync(at('commands.json'), JSON.stringify({ store, plain: line('put.mjs'), lost: ['true'] }), {
    mode: 0o600,
  });
  return { config: { commandsFile: at('commands.json'), childEnv: { PATH: process.env.PATH ?? '' } } };
}

test('what a command says it has stored, and nobody has read back, is in the vault too, and called unproven', async () => {
  await using t = await start(commands(PUT));
  const before = living(t);
  const result = dataOf<{ rotation: { state: string; secret: Created['secret'] } }>(
    await t.call('rotate_telephony_credential', { id: before, overlap: '0', deliver_to: 'command:lost' }),
  );
  expect(result.rotation).toMatchObject({
    state: 'done',
    secret: { destination: 'command', place: 'lost', unproven: true, warning: expect.stringContaining('a copy stays') },
  });
  expect(t.sandbox.world.telephony.has(before)).toBe(false);
  const [copy = ''] = /\S+\.json/.exec(result.rotation.secret.warning ?? '') ?? [];
  const { id, sip_password } = JSON.parse(readFileSync(copy, 'utf8'));
  expect(sip_password).toBe(t.sandbox.world.telephony.get(id)?.sip_password);
});

test('what the verify of a command finds where the command put it is proven, and no copy stays', async () => {
  await using t = await start(commands(PUT, VERIFY));
  const { secret, credential } = dataOf<Created>(await create(t, 'command:store'));
  expect(secret).toEqual({ destination: 'command', place: 'store', fingerprint: expect.any(String) });
  expect([readFileSync(at(`store/${credential.id}`), 'utf8')]).toEqual(passwordsOf(t));
  expect(inVault(t)).toEqual([]);
});

test('a command that leaves something running in the background is not waited for', async () => {
  const lingers = `import { spawn } from 'node:child_process';
spawn('sleep', ['60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true }).unref();`;
  await using t = await start(commands(`${PUT}\n${lingers}`, `${lingers}\n${VERIFY}`));
  expect(dataOf<Created>(await create(t, 'command:store')).secret.destination).toBe('command');
});

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
test.each([
  ['that finds nothing', 'process.exitCode = 1;'],
  ['that finds another secret', `console.log('${sha('another')}');`],
  ['that says nothing', ''],
  ['that prints several digests', `${VERIFY}\nconsole.log('${sha('another')}');`],
  ['that ends with an error after the right digest', `${VERIFY}\nprocess.exitCode = 2;`],
  [
    'that prints the secret',
    "import { readdirSync, readFileSync } from 'node:fs'; const d = process.argv[2]; console.log(readFileSync(d + '/' + readdirSync(d)[0], 'utf8'));",
  ],
])('a verify %s leaves the secret in the vault, and shows nothing of what was printed', async (_, verify) => {
  await using t = await start(commands(PUT, verify));
  const result = await create(t, 'command:store');
  const { secret } = dataOf<Created>(result);
  expect(secret).toMatchObject({
    destination: 'vault',
    warning: expect.stringMatching(/\(its verify (failed: it ended with|does not find).*\), so it is in the vault/),
  });
  const [password = '-'] = passwordsOf(t);
  expect(readFileSync(secret.place, 'utf8')).toContain(password);
  expect(JSON.stringify([result, t.log])).not.toContain(password);
});

test.each(['constructor', '__proto__', 'toString'])('command:%s is no command', async (name) => {
  await using t = await start(commands(PUT));
  expect(errorOf(await create(t, `command:${name}`))).toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('no command is called'),
  });
  expect(posts(t)).toBe(0);
});

test.each(['.env', 's.json'])(
  'of eight creates at once into one %s, each under names of its own, all are there',
  async (name) => {
    await using t = await start();
    const all = await Promise.all(Array.from({ length: 8 }, (_, n) => create(t, fileOf(name), { prefix: `P${n}` })));
    expect(all.map((each) => dataOf<Created>(each).secret.place)).toEqual(Array(8).fill(at(name)));
    const text = readFileSync(at(name), 'utf8');
    for (const password of passwordsOf(t)) expect(text).toContain(password);
    expect(readdirSync(folder)).toEqual([name]);
    expect(inVault(t)).toEqual([]);
  },
);

test('of eight creates at once under the same names one is there, and seven are in the vault and said to be', async () => {
  await using t = await start();
  const all = await Promise.all(Array.from({ length: 8 }, () => create(t, fileOf('.env'))));
  const secrets = all.map((each) => dataOf<Created>(each).secret);
  expect(secrets.map(({ destination }) => destination).sort()).toEqual(['file', ...Array(7).fill('vault')]);
  const there = secrets.map(({ place }) => readFileSync(place, 'utf8')).join('');
  for (const password of passwordsOf(t)) expect(there).toContain(password);
  expect(secrets.find(({ warning }) => warning)?.warning).toContain('another value was put under');
});

test.each(['.env', 's.json', 'l.jsonl'])(
  'what two processes with their own state folders put into one %s is all there',
  async (name) => {
    await using sandbox = await startSandbox();
    const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_ALLOW_DIRS: folder };
    await using one = await startProcess({ env });
    await using other = await startProcess({ env });
    const connection_id = connectionOf({ sandbox });
    const calls = [one, other].flatMap((server, s) =>
      Array.from({ length: 10 }, (_, n) =>
        server.call('create_telephony_credential', {
          connection_id,
          name: 'new one',
          deliver_to: fileOf(name),
          prefix: `P${s}${n}`,
        }),
      ),
    );
    const all = (await Promise.all(calls)).map((each) => (each.structuredContent as Created).secret);
    expect(all.map(({ place }) => place)).toEqual(Array(20).fill(at(name)));
    const text = readFileSync(at(name), 'utf8');
    for (const password of passwordsOf({ sandbox })) expect(text).toContain(password);
    expect(readdirSync(folder)).toEqual([name]);
  },
);

test.each(['.env', 'l.jsonl'])(
  'on a disk that knows no hard links a secret goes to a %s all the same',
  async (name) => {
    await using sandbox = await startSandbox();
    const noLinks = `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { linkSync } = fs;
fs.linkSync = (from, to) => {
  if (to.includes('-turn-')) throw Object.assign(new Error('no links'), { code: 'EPERM' });
  linkSync(from, to);
};
syncBuiltinESMExports();`;
    const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_ALLOW_DIRS: folder };
    await using server = await startProcess({ env, imports: [`data:text/javascript,${encodeURIComponent(noLinks)}`] });
    const args = { connection_id: connectionOf({ sandbox }), name: 'new one', deliver_to: fileOf(name) };
    const { structuredContent } = await server.call('create_telephony_credential', args);
    expect(structuredContent).toMatchObject({ secret: { destination: 'file', place: at(name) } });
    expect(readFileSync(at(name), 'utf8')).toContain(passwordsOf({ sandbox })[0]);
    expect(readdirSync(folder)).toEqual([name]);
  },
);

test('a copy of one delivery is not taken away by another of the same credential', async () => {
  await using t = await start(commands(PUT));
  const id = living(t);
  const handOff = async (deliver_to: string) =>
    dataOf<Created>(await t.call('hand_off_secret', { id, kind: 'telephony', deliver_to })).secret;
  const { warning = '' } = await handOff('command:lost');
  const [copy = ''] = /\S+\.json/.exec(warning) ?? [];
  expect((await handOff(fileOf('.env'))).destination).toBe('file');
  const record = t.sandbox.world.telephony.get(id);
  const password = record?.sip_password;
  if (record) record.sip_password = '********';
  const masked = errorOf(await t.call('hand_off_secret', { id, kind: 'telephony' }));
  expect(masked.next).toContain(copy);
  expect(readFileSync(copy, 'utf8')).toContain(password);
});

test('a line that lost its secret since is written again', async () => {
  await using t = await start();
  const id = living(t);
  const password = t.sandbox.world.telephony.get(id)?.sip_password ?? '-';
  const handOff = () => t.call('hand_off_secret', { id, kind: 'telephony', deliver_to: fileOf('l.jsonl') });
  await handOff();
  // As long as before.
  writeFileSync(at('l.jsonl'), readFileSync(at('l.jsonl'), 'utf8').replace(password, 'x'.repeat(password.length)));
  await handOff();
  expect(readFileSync(at('l.jsonl'), 'utf8')).toContain(password);
});

test.each([
  ['our own while it is written', () => fileOf('.env.telnyx-credentials.tmp'), /neither a .env/],
  ['one in the folder of a repository', () => (mkdirSync(at('.git')), fileOf('.git/.env')), /repository's own folder/],
])('a file that is %s gets no secret', async (_, place, says) => {
  await using t = await start();
  expect(errorOf(await create(t, place())).message).toMatch(says);
  expect(posts(t)).toBe(0);
});

test('a file that git tracks is not replaced for a moment either', async () => {
  await using t = await start();
  const git = (...args: string[]) => spawnSync('git', ['-C', folder, ...args]);
  git('init');
  writeFileSync(at('.env.telnyx-credentials.tmp'), 'theirs');
  git('add', '-f', '.env.telnyx-credentials.tmp');
  expect(errorOf(await create(t, fileOf('.env'))).message).toMatch(/tracked by git/);
  expect(readFileSync(at('.env.telnyx-credentials.tmp'), 'utf8')).toBe('theirs');
});

test('what a command that is not done in time has started ends with it', async () => {
  const hangs = `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
writeFileSync(process.argv[2] + '/pid', String(spawn('sleep', ['600']).pid));
setInterval(() => undefined, 1000);`;
  await using t = await start(commands(hangs));
  const { secret } = dataOf<Created>(await create(t, 'command:store'));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('did not end in time') });
  const pid = Number(readFileSync(at('store/pid'), 'utf8'));
  await until(() => !isRunning(pid));
});

/** Whether a process runs; one that only waits to be reaped does not. */
const isRunning = (pid: number): boolean =>
  /^\d+ \(sleep\) [^ZX]/.test(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '');

test('a second login token of one credential gets a line and an entry of its own', async () => {
  await using t = await start();
  const mint = (deliver_to: string) => t.call('create_telephony_token', { id: living(t), deliver_to });
  for (const place of [fileOf('l.jsonl'), fileOf('l.jsonl'), 'vault', 'vault']) await mint(place);
  const lines = readFileSync(at('l.jsonl'), 'utf8').trim().split('\n');
  expect(new Set(lines.map((line) => JSON.parse(line).login_token)).size).toBe(2);
  expect(inVault(t)).toHaveLength(2);
});

test('the same secret handed over twice has one line, and another one of the same credential its own', async () => {
  await using t = await start();
  const id = living(t);
  const handOff = (deliver_to: string) => t.call('hand_off_secret', { id, kind: 'telephony', deliver_to });
  for (const place of ['vault', fileOf('l.jsonl'), fileOf('l.jsonl')]) await handOff(place);
  const record = t.sandbox.world.telephony.get(id);
  const before = record?.sip_password;
  if (record) record.sip_password = 'another-password';
  for (const place of ['vault', fileOf('l.jsonl')]) await handOff(place);
  const passwords = (text: string) =>
    [...text.matchAll(/"sip_password": ?"([^"]+)"/g)].map(([, value]) => value).sort();
  expect(passwords(readFileSync(at('l.jsonl'), 'utf8'))).toEqual(['another-password', before].sort());
  expect(passwords(kept(t))).toEqual(['another-password', before].sort());
});

test.each(['vault/x.json', 'journal/open/x.jsonl', '.env'])(
  'no secret goes into the state folder: %s',
  async (name) => {
    await using t = await start();
    mkdirSync(join(t.stateDir, 'vault'));
    mkdirSync(join(t.stateDir, 'journal/open'), { recursive: true });
    symlinkSync(t.stateDir, at('link'));
    await using wide = await start({ config: { allowDirs: [t.stateDir, folder], stateDir: t.stateDir } });
    for (const path of [join(t.stateDir, name), at(`link/${name}`)]) {
      expect(errorOf(await create(wide, `file:${path}`)).message).toMatch(/inside the state folder/);
    }
    expect(posts(wide)).toBe(0);
  },
);

const encodings: [title: string, bytes: (text: string) => Buffer][] = [
  ['in UTF-16', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ['in UTF-16 without a mark', (text) => Buffer.from(text, 'utf16le')],
  ['in Latin-1', (text) => Buffer.from(text, 'latin1')],
  ['in UTF-8 with a mark', (text) => Buffer.from(`\uFEFF${text}`)],
];
const texts = { '.env': 'A=caf\u00e9\n', 's.json': '{"a": "caf\u00e9"}', 'l.jsonl': '{"a": "caf\u00e9"}\n' };
test.each(
  Object.entries(texts).flatMap(([name, text]) =>
    encodings.map(([title, bytes]) => [name, title, bytes(text)] as const),
  ),
)('a %s %s is left as it is, and the person is told how to convert it', async (name, _, bytes) => {
  await using t = await start();
  writeFileSync(at(name), bytes);
  expect(errorOf(await create(t, fileOf(name)))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/not plain UTF-8: .*iconv/),
  });
  expect(readFileSync(at(name))).toEqual(bytes);
  expect(posts(t)).toBe(0);
});

test.each(['.env.yaml', '.env.toml', '.env.ts', '.env.age', 'app.env.py'])(
  '%s gets no lines of a .env file',
  async (name) => {
    await using t = await start();
    expect(errorOf(await create(t, fileOf(name))).message).toMatch(/neither a .env file nor a .json file/);
  },
);

test('.env.json gets JSON', async () => {
  await using t = await start();
  await create(t, fileOf('.env.json'));
  expect(JSON.parse(readFileSync(at('.env.json'), 'utf8'))).toMatchObject({ TELNYX_SIP_PASSWORD: passwordsOf(t)[0] });
});

function keychainWith(value: string) {
  const entries = new Map([['mine', value]]);
  const open = async (): Promise<Keychain> => ({
    get: (_, account) => entries.get(account),
    set: (_, account, entry) => void entries.set(account, entry),
    remove: (_, account) => void entries.delete(account),
  });
  return { entries, open };
}

const OLD = 'TELNYX_SIP_PASSWORD=old-old-old\n';
test.each(['create_telephony_credential', 'create_telephony_token'] as const)(
  '%s replaces no value of another without a yes',
  async (tool) => {
    const answers = ['decline', 'accept'];
    const keychain = keychainWith('theirs');
    await using t = await start({
      keychain: keychain.open,
      person: (asked) => (answers.shift() === 'decline' ? { action: 'decline' } : yes(asked)),
    });
    const key = tool.endsWith('token') ? 'TELNYX_LOGIN_TOKEN' : 'TELNYX_SIP_PASSWORD';
    const args = tool.endsWith('token') ? { id: living(t) } : { connection_id: connectionOf(t) };
    for (const [deliver_to, says, holds] of [
      [fileOf('.env'), `in place of its ${key}`, () => readFileSync(at('.env'), 'utf8').includes('old-old-old')],
      ['keychain:mine', 'in place of its content', () => keychain.entries.get('mine') === 'theirs'],
    ] as const) {
      writeFileSync(at('.env'), `${key}=old-old-old\n`);
      answers.splice(0, 2, 'decline', 'accept');
      const planned = dataOf<{ plan: { asks: string; secret_to: string } }>(
        await t.call(tool, { ...args, deliver_to, dry_run: true }),
      );
      expect([planned.plan.asks, planned.plan.secret_to]).toEqual([
        expect.stringContaining(says),
        expect.stringContaining(says),
      ]);
      const sent = posts(t);
      expect(dataOf(await t.call(tool, { ...args, deliver_to }))).toMatchObject({ status: 'declined' });
      expect([posts(t), holds()]).toEqual([sent, true]);
      expect(t.asked.at(-1)?.message).toContain(says);
      expect(dataOf(await t.call(tool, { ...args, deliver_to }))).toMatchObject({ status: 'done' });
      expect(holds()).toBe(false);
    }
  },
);

test.each([
  [
    'got something else meanwhile',
    (entries: Map<string, string>) => entries.set('mine', 'newer'),
    /put there meanwhile/,
  ],
  ['keeps nothing', undefined, /read back is something else/],
] as const)('a keychain that %s leaves the secret in the vault', async (_, meanwhile, says) => {
  const { entries, open } = keychainWith('theirs');
  const forgetful = async () => ({ ...(await open()), set: () => undefined });
  await using t = await start({ keychain: meanwhile ? open : forgetful });
  if (meanwhile) t.sandbox.fault({ method: 'POST', meanwhile: () => void meanwhile(entries) });
  const { secret } = dataOf<Created>(await create(t, 'keychain:mine'));
  expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringMatching(says) });
  expect(readFileSync(secret.place, 'utf8')).toContain(passwordsOf(t)[0]);
  expect(entries.get('mine')).toBe(meanwhile ? 'newer' : 'theirs');
});

test('what nobody has read back and the vault cannot keep is no delivery', async () => {
  await using t = await start(commands(PUT));
  const id = living(t);
  t.sandbox.fault({ method: 'POST', meanwhile: () => rmSync(join(t.stateDir, 'vault'), { recursive: true }) });
  const args = { id, overlap: '0', deliver_to: 'command:lost' };
  expect(errorOf(await t.call('rotate_telephony_credential', args)).message).toMatch(/could not be written to/);
  expect(t.sandbox.world.telephony.has(id)).toBe(true);
});

test.each([
  ['create_telephony_credential', (t: Started) => ({ connection_id: connectionOf(t), name: 'new one' })],
  ['rotate_telephony_credential', (t: Started) => ({ id: living(t) })],
])('%s replaces only the value that a person agreed to', async (tool, args) => {
  await using t = await start();
  writeFileSync(at('.env'), OLD);
  t.sandbox.fault({ method: 'POST', meanwhile: () => writeFileSync(at('.env'), 'TELNYX_SIP_PASSWORD=theirs\n') });
  const result = dataOf<Created & { rotation: Created }>(
    await t.call(tool, { ...args(t), deliver_to: fileOf('.env') }),
  );
  const { secret } = result.rotation ?? result;
  expect(secret).toMatchObject({
    destination: 'vault',
    warning: expect.stringContaining('another value was put under'),
  });
  expect(readFileSync(at('.env'), 'utf8')).toBe('TELNYX_SIP_PASSWORD=theirs\n');
});

test('a file keeps its owner, its group and its mode, and one that others can read gets a warning', async () => {
  await using t = await start();
  writeFileSync(at('.env'), 'A=1\n');
  chmodSync(at('.env'), 0o644);
  if (process.getuid?.() === 0) chownSync(at('.env'), 1234, 2345);
  const before = statSync(at('.env'));
  const { secret } = dataOf<Created>(await create(t, fileOf('.env')));
  const { uid, gid, mode } = statSync(at('.env'));
  expect({ uid, gid, mode }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
  expect(secret.warning).toMatch(/Others on this machine may read .*chmod/);
});

test.each(['.env', 's.json', 'l.jsonl'])(
  'a %s with a second name is refused: that would stay as it is',
  async (name) => {
    await using t = await start();
    writeFileSync(at(name), name.endsWith('json') ? '{}' : '');
    linkSync(at(name), at('other-name'));
    expect(errorOf(await create(t, fileOf(name))).message).toMatch(/second name \(a hard link\)/);
    expect(posts(t)).toBe(0);
  },
);

test.each(['.env', 's.json', 'l.jsonl'])('a folder that became a link after the create gets no %s', async (name) => {
  await using t = await start();
  const elsewhere = mkdtempSync(join(tmpdir(), 'telnyx-mcp-elsewhere-'));
  mkdirSync(at('sub'));
  t.sandbox.fault({
    method: 'POST',
    meanwhile: () => (renameSync(at('sub'), at('moved')), symlinkSync(elsewhere, at('sub'))),
  });
  const { secret } = dataOf<Created>(await create(t, fileOf(`sub/${name}`)));
  expect(secret.destination).toBe('vault');
  expect([readdirSync(elsewhere), readdirSync(at('moved'))]).toEqual([[], []]);
  rmSync(elsewhere, { recursive: true });
});

test.each([
  ['is a link to the working folder', () => (symlinkSync(folder, at('home')), at('home'))],
  ['ends in a slash', () => `${folder}/`],
  ['lies below the working folder', () => (mkdirSync(at('users/me'), { recursive: true }), at('users/me'))],
])('no secret goes into the working folder when the home folder %s', async (_, home) => {
  vi.stubEnv('HOME', home());
  await using t = await start({ config: { allowDirs: undefined, workingFolder: folder } });
  mkdirSync(at('.config'));
  for (const path of ['.config/app.json', '.env']) {
    expect(errorOf(await create(t, `file:${path}`)).message).toMatch(/No folder is allowed/);
  }
});

function turnLost(): void {
  throw new Error('its turn was over');
}
const late: [title: string, before: string, check: () => void, says: RegExp][] = [
  ['somebody has saved meanwhile', 'A=1\n', () => undefined, /someone else was writing/],
  ['a writer was about to replace when it lost its turn', 'A=2\n', turnLost, /its turn was over/],
];
test.each(late)('a file that %s stays as it is', async (_, before, check, says) => {
  writeFileSync(at('.env'), 'A=2\n');
  await expect(replace(at('.env'), 'A=3\n', { text: before }, check)).rejects.toThrow(says);
  expect([readFileSync(at('.env'), 'utf8'), readdirSync(folder)]).toEqual(['A=2\n', ['.env']]);
});

test('a file that has the secret already is not written again', async () => {
  await using t = await start();
  const handOff = () => t.call('hand_off_secret', { id: living(t), kind: 'telephony', deliver_to: fileOf('.env') });
  await handOff();
  const { ino, mtimeMs } = statSync(at('.env'));
  expect(dataOf<Created>(await handOff()).secret.place).toBe(at('.env'));
  expect(statSync(at('.env'))).toMatchObject({ ino, mtimeMs });
});

test('what a writer left that was killed is removed by the next', async () => {
  await using t = await start();
  writeFileSync(at('.env.telnyx-credentials.tmp'), 'half a secr');
  expect(dataOf<Created>(await create(t, fileOf('.env'))).secret.place).toBe(at('.env'));
  expect(readdirSync(folder)).toEqual(['.env']);
});
