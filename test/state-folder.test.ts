import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { errorOf, type Started, startApp, yes } from './app.ts';
import { machines } from './command.ts';

const SOMEONE = 12345;
const asRoot = test.runIf(process.getuid?.() === 0);
const newMachine = machines();
const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-state-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What a part of the state folder is called, and who made it. */
const parts = ['', 'vault', 'journal', 'key'];
function make(stateDir: string, part: string): string {
  const path = join(stateDir, part);
  if (part === 'key') writeFileSync(path, Buffer.alloc(32), { mode: 0o600 });
  else mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

const calls: [tool: string, args: (t: Started) => object][] = [
  ['list_telephony_credentials', () => ({})],
  [
    'create_telephony_credential',
    (t) => ({ connection_id: [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id }),
  ],
  ['rotate_telephony_credential', (t) => ({ id: [...t.sandbox.world.telephony.keys()][0] })],
];

/** Each call is refused in words that name the place, none sends anything, and the tools are listed all the same. */
async function expectRefused(t: Started, says: RegExp, path: string): Promise<void> {
  for (const [tool, args] of calls) {
    const error = errorOf(await t.call(tool, { ...args(t) }));
    expect(error).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(says) });
    expect(error.message).toContain(path);
  }
  expect(t.sandbox.requests).toEqual([]);
  expect((await t.client.listTools()).tools).not.toEqual([]);
  expect(t.log.join('')).not.toContain('internal error');
}

test.each(
  parts.flatMap((part) =>
    [0o020, 0o002, 0o022].map((others) => ({ part: part || 'state folder', below: part, others })),
  ),
)('a $part that others can write ($others) is refused', async ({ below, others }) => {
  await using t = await startApp({ person: yes });
  const path = make(t.stateDir, below);
  chmodSync(path, statSync(path).mode | others);
  await expectRefused(t, /^Other users can write/, path);
});

test.each(
  parts.flatMap((part) =>
    [0o055, 0o040, 0o001].map((others) => ({ part: part || 'state folder', below: part, others })),
  ),
)('a $part that others can look into ($others) is closed to them, and used', async ({ below, others }) => {
  await using t = await startApp({ person: yes });
  const path = make(t.stateDir, below);
  const { mode } = statSync(path);
  chmodSync(path, mode | others);
  expect((await t.call('list_telephony_credentials')).isError).toBeFalsy();
  expect(statSync(path).mode).toBe(mode);
});

asRoot.each(parts.map((part) => ({ part: part || 'state folder', below: part })))(
  'a $part of another user is refused',
  async ({ below }) => {
    await using t = await startApp({ person: yes });
    const path = make(t.stateDir, below);
    chownSync(path, SOMEONE, SOMEONE);
    await expectRefused(t, /belongs to another user/, path);
  },
);

test('a link to a state folder of ours is followed', async () => {
  const [real, link] = [join(root, 'real'), join(root, 'link')];
  mkdirSync(real, { mode: 0o700 });
  symlinkSync(real, link);
  await using t = await startApp({ person: yes, config: { stateDir: link } });
  expect((await t.call('create_telephony_credential', { ...calls[1]?.[1](t) })).isError).toBeFalsy();
  expect(existsSync(join(real, 'vault'))).toBe(true);
});

asRoot('a link to a state folder of another user is refused', async () => {
  const [real, link] = [join(root, 'theirs'), join(root, 'link-to-theirs')];
  mkdirSync(real, { mode: 0o700 });
  chownSync(real, SOMEONE, SOMEONE);
  symlinkSync(real, link);
  await using t = await startApp({ person: yes, config: { stateDir: link } });
  await expectRefused(t, /belongs to another user/, link);
});

test.each([
  ['others can write', (path: string) => chmodSync(path, 0o777), 'error', /^other users can write \S+\/journal$/],
  [
    'others can look into',
    (path: string) => chmodSync(path, 0o755),
    'warning',
    /^other users can look into \S+\/journal$/,
  ],
])('the doctor tells of a journal that %s, and leaves it as it is', async (_, open, status, says) => {
  const machine = newMachine();
  make(machine.state, '');
  const path = make(machine.state, 'journal');
  open(path);
  const { mode } = statSync(path);
  const { stdout } = await machine.run(['doctor', '--json', '--sandbox']);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; says: string }[] };
  expect(checks.filter(({ name }) => name === 'state folder')).toMatchObject([
    { status, says: expect.stringMatching(says) },
  ]);
  expect(statSync(path).mode).toBe(mode);
});

test('what was recorded in a journal that others can write is not said to be whole', async () => {
  const machine = newMachine();
  make(machine.state, '');
  chmodSync(make(machine.state, 'journal'), 0o777);
  make(machine.state, 'key');
  const { status, stdout, stderr } = await machine.run(['journal', 'verify', '--sandbox']);
  expect(status).not.toBe(0);
  expect(stdout + stderr).toMatch(/Other users can write \S+\/journal/);
});
