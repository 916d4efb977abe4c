import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { dataOf, type Started, startApp, yes } from './app.ts';

const PAGE = readFileSync(new URL('../docs/hand-secrets-to-a-manager.md', import.meta.url), 'utf8');
const STAND_IN = fileURLToPath(new URL('./recipes/stand-in.mjs', import.meta.url));

/** What the page has for a commands file, as somebody who copies it gets it. */
const RECIPES: Record<string, { put: string[]; verify?: string[] }> = Object.assign(
  {},
  ...[...PAGE.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, block = '']) => JSON.parse(block) as object),
);

const PROVEN = [
  ['1password', 'op'],
  ['hashicorp', 'vault'],
  ['aws', 'aws'],
  ['google', 'gcloud'],
  ['azure', 'az'],
  ['age', 'age'],
  ['pass', 'pass'],
] as const;
const ALL = [...PROVEN, ['github', 'gh']] as const;
type Program = (typeof ALL)[number][1];

const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-recipes-'));
const keyrings: string[] = [];
afterAll(() => {
  for (const GNUPGHOME of keyrings) run('gpgconf', ['--kill', 'all'], { ...process.env, GNUPGHOME });
  rmSync(root, { recursive: true, force: true });
});

/** Runs a program to its end; gives what it prints. */
const run = (program: string, args: string[], env: NodeJS.ProcessEnv = process.env): string =>
  execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Where a program is on this machine. */
const find = (name: string): string | undefined =>
  process.env.PATH?.split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** Programs that need no account: the real one is used where it is installed. */
const NEEDED: Partial<Record<Program, string[]>> = { age: ['age', 'age-keygen'], pass: ['pass', 'gpg', 'gpgconf'] };
const isHere = (program: Program): boolean => NEEDED[program]?.every((name) => find(name)) ?? false;

interface Desk extends Started {
  /** What is stored under the names that hold this id. */
  stored(id: string): string[];
  /** Every argument that the program and the processes above it were called with. */
  arguments(): string;
  inVault(): string[];
  /** Has the stand-in lose what it gets from now on, or add a newline to it, or store it as it is. */
  fail(fault: '' | 'drop' | 'newline'): void;
}

/** The server with the page's commands, where one program is a stand-in, or the real one, and logs what it is called with. */
async function start(program: Program, real = isHere(program)): Promise<Desk> {
  const folder = mkdtempSync(join(root, 'd-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['bin', 'home', 'store']) mkdirSync(at(name));
  for (const name of ['log', 'store/fault']) writeFileSync(at(name), '');
  writeFileSync(at('commands.json'), JSON.stringify(RECIPES), { mode: 0o600 });
  const line = real ? `"${find(program)}"` : `"${process.execPath}" "${STAND_IN}" ${program}`;
  writeFileSync(
    at(`bin/${program}`),
    `#!/bin/sh
{ printf '%s\\n' "$@"; p=$PPID
while [ -r "/proc/$p/cmdline" ]; do
  tr '\\0' '\\n' <"/proc/$p/cmdline"
  while read -r key value; do [ "$key" = PPid: ] && p=$value; done <"/proc/$p/status"
done; } >>"${at('log')}"
exec ${line} "$@"
`,
  );
  chmodSync(at(`bin/${program}`), 0o755);
  symlinkSync(process.execPath, at('bin/node'));
  const childEnv = {
    PATH: [at('bin'), process.env.PATH].join(delimiter),
    HOME: at('home'),
    GNUPGHOME: at('home/.gnupg'),
    STAND_IN_STORE: at('store'),
  };
  if (program === 'age') prepareAge(at('home/.telnyx-secrets'), real);
  if (program === 'pass' && real) preparePass(childEnv);
  const started = await startApp({ person: yes, config: { commandsFile: at('commands.json'), childEnv } });
  const read = (id: string): string => {
    if (program === 'pass') return run('pass', ['show', `telnyx/${id}`], childEnv);
    const [key, file] = ['identity.txt', `${id}.age`].map((name) => at(join('home/.telnyx-secrets', name)));
    return run('age', ['-d', '-i', `${key}`, `${file}`], childEnv);
  };
  return Object.assign(started, {
    stored(id: string) {
      if (real) return [read(id)];
      const entries = JSON.parse(readFileSync(at(`store/${program}.json`), 'utf8')) as Record<string, Entry>;
      const named = id.replaceAll('-', '_').toUpperCase();
      return Object.entries(entries)
        .filter(([name, { title = '' }]) => [name, title].join().replaceAll('-', '_').toUpperCase().includes(named))
        .map(([, { secret }]) => secret);
    },
    fail: (fault: string) => writeFileSync(at('store/fault'), fault),
    arguments: () => readFileSync(at('log'), 'utf8'),
    inVault() {
      const vault = join(started.stateDir, 'vault');
      return existsSync(vault) ? readdirSync(vault).map((name) => readFileSync(join(vault, name), 'utf8')) : [];
    },
  });
}

interface Entry {
  title?: string;
  secret: string;
}

/** What the page tells the reader to do for age. */
function prepareAge(folder: string, real: boolean): void {
  mkdirSync(folder, { mode: 0o700 });
  const identity = join(folder, 'identity.txt');
  if (real) run('age-keygen', ['-o', identity]);
  else writeFileSync(identity, '# public key: age1standin\nAGE-SECRET-KEY-1STANDIN\n');
  const recipient = /age1\w+/.exec(readFileSync(identity, 'utf8'))?.[0];
  writeFileSync(join(folder, 'recipients.txt'), `${recipient}\n`);
}

function preparePass(env: Record<string, string> & { GNUPGHOME: string }): void {
  keyrings.push(env.GNUPGHOME);
  mkdirSync(env.GNUPGHOME, { mode: 0o700 });
  const make = ['--batch', '--passphrase', '', '--quick-gen-key', 'recipes', 'default', 'default', 'never'];
  run('gpg', make, env);
  run('pass', ['init', 'recipes'], env);
}

interface Delivered {
  credential: { id: string };
  secret: { destination: string; place: string; unproven?: boolean; warning?: string };
}

async function create(desk: Desk, name: string): Promise<Delivered & { password: string }> {
  const connection_id = [...desk.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  const args = { connection_id, name: 'new one', deliver_to: `command:${name}` };
  const made = dataOf<Delivered>(await desk.call('create_telephony_credential', args));
  return { ...made, password: desk.sandbox.world.telephony.get(made.credential.id)?.sip_password ?? '' };
}

const handOff = async (desk: Desk, id: string, name: string): Promise<Delivered['secret']> =>
  dataOf<Delivered>(await desk.call('hand_off_secret', { id, kind: 'telephony', deliver_to: `command:${name}` }))
    .secret;

/** Has Telnyx give another password for a credential; gives it. */
function change(desk: Desk, id: string): string {
  const row = desk.sandbox.world.telephony.get(id);
  if (row) row.sip_password = 'Another "one", with \\ $HOME `id` and ümläuts';
  return row?.sip_password ?? '';
}

test('the page has these recipes, and each but that of GitHub can be proven', () => {
  expect(Object.keys(RECIPES).sort()).toEqual(ALL.map(([name]) => name).sort());
  expect(Object.keys(RECIPES).filter((name) => !RECIPES[name]?.verify)).toEqual(['github']);
});

/** Nothing that was called on the way to a manager had one of these among its arguments. */
function expectHidden(desk: Desk, id: string, secrets: string[]): void {
  expect(desk.arguments().toLowerCase().replaceAll('_', '-')).toContain(id);
  for (const secret of secrets) expect(desk.arguments()).not.toContain(secret);
}

test.each(PROVEN)(
  '%s is proven to have what it gets, again and changed, and no argument shows it',
  async (name, program) => {
    await using desk = await start(program);
    const { credential, secret, password } = await create(desk, name);
    const { id } = credential;
    const proven = { destination: 'command', place: name, fingerprint: expect.any(String) };
    expect(secret).toEqual(proven);
    expect(desk.stored(id)).toEqual([password]);
    expect(await handOff(desk, id, name)).toEqual(proven);
    expect(desk.stored(id)).toEqual([password]);
    const changed = change(desk, id);
    expect(await handOff(desk, id, name)).toEqual(proven);
    expect(desk.stored(id)).toEqual([changed]);
    expect(desk.inVault()).toEqual([]);
    expectHidden(desk, id, [password, changed]);
  },
);

test.each(PROVEN)(
  'what %s loses, keeps as it was or adds to is in the vault, with a warning',
  async (name, program) => {
    await using desk = await start(program, false);
    desk.fail('drop');
    const { credential, secret, password } = await create(desk, name);
    // A verify that has nothing to read may fail, or give the digest of nothing.
    expect(secret.warning).toMatch(
      /(its verify does not find the secret there|ended with status 1)\), so it is in the vault/,
    );
    expect(desk.inVault().join('')).toContain(password);
    const unfit = {
      destination: 'vault',
      warning: expect.stringContaining('its verify does not find the secret there'),
    };
    desk.fail('newline');
    expect(await handOff(desk, credential.id, name)).toMatchObject(unfit);
    desk.fail('');
    expect(await handOff(desk, credential.id, name)).toMatchObject({ destination: 'command', place: name });
    desk.fail('drop');
    const changed = change(desk, credential.id);
    const stale = await handOff(desk, credential.id, name);
    expect(stale).toMatchObject(unfit);
    expect(JSON.parse(readFileSync(stale.place, 'utf8'))).toMatchObject({ sip_password: changed });
    expect(desk.stored(credential.id)).toEqual([password]);
  },
);

test.each(ALL)(
  '%s has room for passwords alone: a login token does not take the place of one',
  async (name, program) => {
    await using desk = await start(program);
    const { credential, password } = await create(desk, name);
    const { secret } = dataOf<Delivered>(
      await desk.call('create_telephony_token', { id: credential.id, deliver_to: `command:${name}` }),
    );
    expect(secret).toMatchObject({ destination: 'vault', warning: expect.stringContaining('it ended with status 1') });
    expect(desk.stored(credential.id)).toEqual([password]);
  },
);

test('what GitHub gets is unproven, a copy stays in the vault, and no argument shows it', async () => {
  await using desk = await start('gh');
  const { credential, secret, password } = await create(desk, 'github');
  const { id } = credential;
  const unproven = {
    destination: 'command',
    place: 'github',
    unproven: true,
    warning: expect.stringContaining('a copy'),
  };
  expect(secret).toMatchObject(unproven);
  expect(desk.stored(id)).toEqual([password]);
  expect(desk.inVault().join('')).toContain(password);
  const changed = change(desk, id);
  expect(await handOff(desk, id, 'github')).toMatchObject(unproven);
  expect(desk.stored(id)).toEqual([changed]);
  expectHidden(desk, id, [password, changed]);
});
