import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOfStream } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { type Question, saysYes } from '../src/core/consent.ts';
import { COMMANDS } from '../src/front/cli/commands.ts';
import { continueRotation } from '../src/front/cli/rotations.ts';
import { askOnTerminal, print } from '../src/front/cli/terminal.ts';
import { loadConfig } from '../src/host/config.ts';
import { openJournal } from '../src/jobs/journal-files.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { Secret } from '../src/secrets/secret.ts';
import { openStateKey } from '../src/secrets/state-folder.ts';
import { dataOf, startApp, yes } from './app.ts';
import { MAIN, NOBODY, startProcess } from './process.ts';

const GUARD = new URL('./loopback-only.mjs', import.meta.url).href;

const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-cli-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshFolder = (): string => mkdtempSync(join(root, 'state-'));

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built program to its end, without a terminal; its input says yes, which must count for nothing. */
async function run(args: string[], env: Record<string, string> = {}, imports: string[] = []): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  const node = [...[GUARD, ...imports].flatMap((module) => ['--import', module]), MAIN, ...args];
  const child = spawn(process.execPath, node, {
    env: { PATH, HOME, CI: '1', TELNYX_BASE_URL: NOBODY, TELNYX_MCP_STATE_DIR: freshFolder(), ...env },
  });
  child.stdin.on('error', () => undefined).end('y\ny\n');
  const [stdout, stderr, [status]] = await Promise.all([
    textOfStream(child.stdout),
    textOfStream(child.stderr),
    once(child, 'exit'),
  ]);
  return { status, stdout, stderr };
}

/** The environment of a machine with a state folder of its own, for every process of a test. */
const machineFor = (sandbox: Sandbox) => ({
  TELNYX_API_KEY: sandbox.apiKey,
  TELNYX_BASE_URL: sandbox.baseUrl,
  TELNYX_MCP_STATE_DIR: freshFolder(),
});
type Machine = ReturnType<typeof machineFor>;

const deletions = (sandbox: Sandbox) => sandbox.requests.filter(({ method }) => method === 'DELETE').length;

/** What no output may hold: the key, and every password of the account and of the vault. */
function secretsOf({ apiKey, world }: Sandbox): string[] {
  return [apiKey, ...[...world.telephony.values()].map(({ sip_password }) => sip_password)];
}

function livingIn({ world }: Sandbox) {
  const found = [...world.telephony.values()].find((row) => !world.isExpired(row));
  if (!found) throw new Error('no living credential');
  return found;
}

/** Has a server process of its own begin a rotation, by a client whose person says yes, and ends it. */
async function rotate(sandbox: Sandbox, env: Machine, overlap: string): Promise<{ id: string; oldId: string }> {
  const old = livingIn(sandbox);
  await using server = await startProcess({ env, elicit: (asked) => yes(asked as never) as object });
  await server.call('rotate_telephony_credential', { id: old.id, overlap });
  const { structuredContent } = await server.call('get_rotation');
  const [rotation] = (structuredContent as { rotations: { id: string; old: { id: string } }[] }).rotations;
  if (rotation?.old.id !== old.id) throw new Error('no rotation began');
  return { id: rotation.id, oldId: old.id };
}

test.concurrent.each([
  ['no key', []],
  ['the sandbox', ['--sandbox']],
])('an empty journal with %s is an empty list, and whole', async (_, flags) => {
  expect(await run([...flags, 'rotations'])).toEqual({ status: 0, stdout: '0 rotations\n', stderr: '' });
  expect(await run(['journal', 'verify', ...flags])).toEqual({
    status: 0,
    stdout: '0 jobs, 0 records, 0 errors\n',
    stderr: '',
  });
});

test.concurrent('a rotation that a server began is listed and gone on with; nothing is deleted before the overlap is over', async () => {
  await using sandbox = await startSandbox();
  const env = machineFor(sandbox);
  livingIn(sandbox).name = 'front\u001b[2Jdesk\u202e';
  const { id, oldId } = await rotate(sandbox, env, '30m');
  const listed = await run(['rotations'], env);
  expect(listed).toMatchObject({ status: 0, stderr: '' });
  expect(listed.stdout).toMatch(new RegExp(`^id: ${id}\nkind: telephony\nstate: overlap\nold:\n {2}id: ${oldId}\n`));
  expect(listed.stdout).toMatch(/\n\n1 rotation\n$/);
  const went = await run(['rotations', 'continue', id], env);
  expect(went).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^status: done\nrotation:\n {2}id: /),
    stderr: '',
  });
  expect(deletions(sandbox)).toBe(0);
  for (const { stdout } of [listed, went]) {
    expect(stdout).toContain('desk');
    expect(stdout).not.toMatch(/[^\P{C}\n]/u);
    for (const secret of secretsOf(sandbox)) expect(stdout).not.toContain(secret);
  }
});

test.concurrent('what needs a yes is not done without a terminal, and done where nobody is to be asked', async () => {
  let ago = 60 * 60_000;
  const now = () => new Date(Date.now() - ago);
  await using t = await startApp({ person: yes, now, sandbox: { now } });
  const old = livingIn(t.sandbox);
  const { rotation } = dataOf<{ rotation: { id: string } }>(
    await t.call('rotate_telephony_credential', { id: old.id, overlap: '30m' }),
  );
  ago = 0;
  const env = { ...machineFor(t.sandbox), TELNYX_MCP_STATE_DIR: t.stateDir };
  expect((await run(['rotations'], env)).stdout).toContain('state: old_one_left');
  const asked = await run(['rotations', 'continue', rotation.id], env);
  expect(asked).toMatchObject({ status: 1, stdout: '' });
  expect(asked.stderr.split('\n')).toEqual([
    expect.stringContaining('no terminal to ask on'),
    expect.stringContaining('--confirm never'),
    '',
  ]);
  expect(t.sandbox.world.telephony.has(old.id)).toBe(true);
  expect(deletions(t.sandbox)).toBe(0);

  const done = await run(['rotations', 'continue', rotation.id], { ...env, TELNYX_MCP_CONFIRM: 'never' });
  expect(done).toMatchObject({ status: 0, stdout: expect.stringContaining('state: done'), stderr: '' });
  expect(t.sandbox.world.telephony.has(old.id)).toBe(false);
  for (const secret of [...secretsOf(t.sandbox), old.sip_password]) {
    expect(asked.stderr + done.stdout).not.toContain(secret);
  }
});

test.concurrent('a flag may stand before or after the words', async () => {
  await using sandbox = await startSandbox();
  sandbox.fault({ method: 'DELETE', respond: { status: 503 }, times: Infinity });
  const env = machineFor(sandbox);
  const { id, oldId } = await rotate(sandbox, env, '0');
  const failed = await run(['rotations', 'continue', id, '--confirm', 'never'], env);
  expect(failed).toMatchObject({ status: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^Rotation \w+ stopped at "delete the old one": .+\n.+continue_rotation.+\n$/);
  sandbox.clearFaults();
  expect(await run(['--confirm', 'never', 'rotations', 'continue', id], env)).toMatchObject({ status: 0 });
  expect(sandbox.world.telephony.has(oldId)).toBe(false);
});

test.concurrent('a rotation that someone else is at is waited for', async () => {
  await using sandbox = await startSandbox();
  sandbox.fault({ method: 'POST', path: /\/token$/, respond: { status: 401 } });
  const env = machineFor(sandbox);
  const { id, oldId } = await rotate(sandbox, env, '30m');
  expect((await run(['rotations'], env)).stdout).toContain('state: in_progress');
  const stateDir = env.TELNYX_MCP_STATE_DIR;
  const lease = await openJournal(
    stateDir,
    () => openStateKey(stateDir),
    () => new Date(),
  ).lease(oldId);
  if ('holder' in lease) throw new Error(lease.holder);
  const going = run(['rotations', 'continue', id], env);
  const early = await Promise.race([going, sleep(2500)]);
  expect(early).toBeUndefined();
  await lease[Symbol.asyncDispose]();
  expect(await going).toMatchObject({ status: 0, stdout: expect.stringContaining('state: overlap') });
});

test.concurrent('a journal that is whole is said to be, and damage is told of line by line', async () => {
  await using sandbox = await startSandbox();
  const env = machineFor(sandbox);
  const { id } = await rotate(sandbox, env, '30m');
  // It needs no API key.
  const verify = () => run(['journal', 'verify'], { TELNYX_MCP_STATE_DIR: env.TELNYX_MCP_STATE_DIR });
  const file = join(env.TELNYX_MCP_STATE_DIR, 'journal', 'open', `${id}.jsonl`);
  const whole = readFileSync(file, 'utf8');
  const records = whole.trim().split('\n').length;
  expect(await verify()).toEqual({ status: 0, stdout: `1 job, ${records} records, 0 errors\n`, stderr: '' });

  writeFileSync(file, whole.slice(0, -20));
  expect(await verify()).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      new RegExp(`^note: journal/open/${id}.jsonl cut: .+\n1 job, ${records - 1} records, 0 errors, 1 note\n$`),
    ),
  });
  writeFileSync(file, whole.replace('"telephony"', '"telephonY"'));
  expect(await verify()).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(
      new RegExp(`^error: journal/open/${id}.jsonl altered: Record 1 .+\n1 job, 0 records, 1 error\n$`),
    ),
  });
  rmSync(file);
  expect(await verify()).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(
      new RegExp(`^error: journal/open/${id}.jsonl missing: .+ gone.\n0 jobs, 0 records, 1 error\n$`),
    ),
  });
  writeFileSync(file, whole);
  mkdirSync(join(env.TELNYX_MCP_STATE_DIR, 'ledger'));
  expect(await verify()).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      new RegExp(`^note: ledger old: .+ left alone.\n1 job, ${records} records, 0 errors, 1 note\n$`),
    ),
  });
});

const KEY = 'KEY0123456789abcdef';

test.concurrent.each([
  [
    'an unknown word',
    ['rotation'],
    /^telnyx-credentials-mcp: no such command; the nearest is: rotations; see --help\n$/,
  ],
  ['a misspelt second word', ['rotations', 'contiune', 'x'], /the nearest is: rotations continue <id>;/],
  ['half a command', ['journal'], /the nearest is: journal verify;/],
  ['a word too many', ['journal', 'verify', 'now'], /the nearest is: journal verify;/],
  ['a key in the place of a word', [KEY], /no such command/],
  ['no id', ['rotations', 'continue'], /: this needs id: rotations continue <id>\n$/],
  ['a misspelt flag', ['rotations', '--sandbx'], /: --sandbx is no flag/],
  [
    'what read-only leaves out',
    ['--read-only', 'rotations', 'continue', 'x'],
    /: continue_rotation is switched off by/,
  ],
  ['what the toolsets leave out', ['rotations', '--toolsets', 'push'], /: get_rotation is switched off by/],
  ['an id that is none', ['rotations', 'continue', 'a/b'], /an id holds only letters/],
] as [string, string[], RegExp][])('%s is wrong use', async (_, args, says) => {
  const { status, stdout, stderr } = await run(args, { TELNYX_API_KEY: KEY });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain(KEY);
});

test.concurrent('an unknown rotation is no wrong use', async () => {
  expect(await run(['rotations', 'continue', '0123'], { TELNYX_API_KEY: KEY })).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^No rotation has this id here\.\n.+\n$/),
  });
});

test.concurrent('read-only still lists', async () => {
  expect(await run(['rotations', '--read-only'])).toMatchObject({ status: 0 });
});

test.concurrent('--help lists the commands', async () => {
  const help = await run(['--help']);
  for (const { words, does } of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^ {2}${words} .*${does}$`, 'm'));
});

/** A terminal in memory, with what was typed at it already. */
function terminal(typed: string, { input = true, output = true } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: input });
  const stderr = Object.assign(new PassThrough().setEncoding('utf8'), { isTTY: output });
  stdin.end(typed);
  return { stdin, stderr, stdout: new PassThrough(), shown: (): string => stderr.read() ?? '' };
}

const TICK: Question = { text: 'Delete "a"?' };
const PHRASE: Question = { text: 'Delete "a"?', phrase: 'delete a in use' };

test.each([
  [TICK, 'y\n', true, 'accept'],
  [TICK, 'YES\n', true, 'accept'],
  [TICK, 'yes', true, 'accept'],
  [TICK, '\n', false, 'accept'],
  [TICK, 'yes please\n', false, 'accept'],
  [TICK, 'n\ny\n', false, 'decline'],
  [TICK, '', false, 'cancel'],
  [PHRASE, 'delete a in use\n', true, 'accept'],
  [PHRASE, 'delete a in use \n', false, 'accept'],
  [PHRASE, 'Delete a in use\n', false, 'accept'],
  [PHRASE, 'y\n', false, 'accept'],
  [PHRASE, 'no\n', false, 'decline'],
] as const)('to %j the line %j is a yes: %j', async (question, typed, isYes, action) => {
  const at = terminal(typed);
  const said = await askOnTerminal(question, at);
  expect(said.action).toBe(action);
  expect(saysYes(question, { state: '', ...said })).toBe(isYes);
  expect(at.shown()).toBe(
    question === TICK ? 'Delete "a"?\nType y to go ahead:\n' : 'Delete "a"?\nTo go ahead type: delete a in use\n',
  );
});

test('a person at the terminal who says no, nothing or yes is taken at their word', async () => {
  let ago = 60 * 60_000;
  const now = () => new Date(Date.now() - ago);
  await using t = await startApp({ person: yes, now, sandbox: { now } });
  const old = livingIn(t.sandbox);
  const { rotation } = dataOf<{ rotation: { id: string } }>(
    await t.call('rotate_telephony_credential', { id: old.id, overlap: '30m' }),
  );
  ago = 0;
  const { config } = loadConfig([], { ...machineFor(t.sandbox), TELNYX_MCP_STATE_DIR: t.stateDir });
  for (const [typed, status, says] of [
    ['n\n', 1, 'status: declined'],
    ['', 1, 'status: unanswered'],
    ['y\n', 0, 'state: done'],
  ] as const) {
    const at = terminal(typed);
    expect(await continueRotation([rotation.id], config, at)).toBe(status);
    expect(at.shown()).toMatch(/^Delete the telephony credential .+\nType y to go ahead:\n$/);
    expect(`${at.stdout.read()}`).toContain(says);
    expect(t.sandbox.world.telephony.has(old.id)).toBe(status === 1);
  }
});

test('a second question takes the next line', async () => {
  const at = terminal('');
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const first = askOnTerminal(TICK, { ...at, stdin });
  stdin.write('n\n');
  expect(await first).toEqual({ action: 'decline' });
  const second = askOnTerminal(TICK, { ...at, stdin });
  stdin.write('y\n');
  expect(await second).toEqual({ action: 'accept', content: { confirm: true } });
});

test.each([{ input: false }, { output: false }])(
  'without a terminal on both sides (%j) nobody is asked',
  async (ends) => {
    const at = terminal('y\n', ends);
    await expect(askOnTerminal(TICK, at)).rejects.toMatchObject({ code: 'CANNOT_ASK' });
    expect(at.shown()).toBe('');
  },
);

test('what is printed cannot move the cursor and shows no secret', () => {
  const secret = 'hunter2-hunter2-hunter2';
  expect(new Secret(secret).reveal()).toBe(secret);
  const out = new PassThrough().setEncoding('utf8');
  print(out, `a\u001b[2J\u001b[1;1Hb\r\u009bc\t\u202ed\n  e ${secret}`);
  expect(out.read()).toBe('a [2J [1;1Hb c d\n  e [redacted]\n');
});
