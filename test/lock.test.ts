import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { takeLock } from '../src/rotation/lock.ts';
import { type Child, startChild } from './child.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-lock-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const linux = process.platform === 'linux';
const folder = (): string => join(stateDir, 'locks', 'one');
const take = (): Promise<AsyncDisposable | undefined> => takeLock(stateDir, 'one');
const drop = async (lock: AsyncDisposable | undefined): Promise<void> => void (await lock?.[Symbol.asyncDispose]());
const claim = (content: unknown): void => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(join(folder(), '7'), typeof content === 'string' ? content : JSON.stringify(content));
};
const boot = linux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : null;
const startOf = (pid: number): string | null =>
  linux ? (/.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]?.split(' ')[19] ?? null) : null;
const ownerOf = (pid: number) => ({ pid, started: startOf(pid), boot, token: 'x' });
const me = ownerOf(process.pid);

/** Puts another function in the place of one that files are handled with, for as long as `run` lasts. */
async function withFs<K extends 'linkSync' | 'renameSync' | 'readdirSync'>(
  name: K,
  other: (typeof fs)[K],
  run: () => Promise<void>,
) {
  const real = fs[name];
  fs[name] = other;
  syncBuiltinESMExports();
  try {
    await run();
  } finally {
    fs[name] = real;
    syncBuiltinESMExports();
  }
}

const holder = (): Child =>
  startChild(
    'rotation/lock',
    `const held = [];
     const take = async () => {
       const lock = await ours.takeLock(${JSON.stringify(stateDir)}, 'one');
       if (lock) held.push(lock);
     };`,
    `await (async () => {
       if (word === 'rename') return (process.title = 'a) b (c 1 2', 0);
       if (word === 'drop') for (const lock of held.splice(0)) await lock[Symbol.asyncDispose]();
       else {
         while (Date.now() < Number(word));
         await Promise.all([take(), take(), take()]);
       }
       return held.length;
     })()`,
  );

test('a lock is held by one, in this process too, until it is disposed of', async () => {
  const first = await take();
  expect(first).toBeDefined();
  expect(await take()).toBeUndefined();
  const other = await takeLock(stateDir, 'another');
  expect(other).toBeDefined();
  await drop(first);
  await drop(first);
  const second = await take();
  expect(second).toBeDefined();
  expect(await take()).toBeUndefined();
  for (const path of [folder(), dirname(folder())]) expect(statSync(path).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder())) expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600);
});

const claims: [title: string, content: unknown, free: boolean, only?: boolean][] = [
  ['a claim of a living process is held', me, false],
  ['a claim of a process of somebody else is held', { ...me, pid: 1, started: linux ? startOf(1) : null }, false],
  ['a claim without a start time is held while its number is in use', { ...me, started: null, boot: null }, false],
  ['a claim of a process that is gone is free', { ...me, pid: 2 ** 22 + 1 }, true],
  ['a claim whose number went to a process that started later is free', { ...me, started: '1' }, true, linux],
  ['a claim from before the system started is free', { ...me, boot: 'another' }, true, linux],
  ['a released claim is free', { ...me, released: true }, true],
  ['an empty claim is free', '', true],
  ['a claim that is no JSON is free', '{"pid":', true],
  ['a claim that names no process is free', { ...me, pid: 0 }, true],
];
test.each(claims.filter(([, , , only]) => only ?? true))('%s', async (_, content, free) => {
  claim(content);
  expect((await take()) !== undefined).toBe(free);
  expect(readdirSync(folder())).toEqual([free ? '8' : '7']);
});

test.runIf(linux)('a process that ended is dead before anyone has noticed its end', async () => {
  // The second sleep takes the place of the shell, and never asks what became of the first.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [pid] = await once(parent.stdout, 'data');
  const stat = (): string => readFileSync(`/proc/${Number(pid)}/stat`, 'utf8');
  while (!stat().includes(') Z ')) await sleep(5);
  claim(ownerOf(Number(pid)));
  expect(await take()).toBeDefined();
  parent.kill('SIGKILL');
});

test.each(['', '..', 'a/b', 'a.b', 'x'.repeat(141)])('%j is no credential', async (id) => {
  await expect(takeLock(stateDir, id)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  expect(readdirSync(stateDir)).toEqual([]);
});

test('a folder that cannot be written says so', async () => {
  writeFileSync(join(stateDir, 'locks'), '');
  await expect(take()).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: `Rotations cannot be locked in ${folder()} (ENOTDIR). Nothing was changed.`,
    next: expect.stringContaining('writable'),
  });
});

test('a thousand rounds leave one file', async () => {
  for (let round = 0; round < 1000; round++) {
    const lock = await take();
    if (!lock) throw new Error(`not taken in round ${round}`);
    await drop(lock);
  }
  expect(readdirSync(folder())).toHaveLength(1);
});

test('many who want it at once never have it together', async () => {
  let holders = 0;
  let taken = 0;
  const contender = async (): Promise<void> => {
    for (let round = 0; round < 40; round++) {
      const lock = await take();
      if (!lock) continue;
      expect(++holders).toBe(1);
      taken++;
      await sleep(0);
      holders--;
      await drop(lock);
    }
  };
  await Promise.all(Array.from({ length: 8 }, contender));
  expect(taken).toBeGreaterThan(1);
  await drop(await take());
  expect(readdirSync(folder())).toHaveLength(1);
});

test('a contender that looked before others took and left cannot take an old number', async () => {
  await drop(await take());
  const { linkSync } = fs;
  let late = false;
  const afterOthers: typeof linkSync = (...paths) => {
    // Another took 2 and released it, a third took 3 and holds it.
    if (!late) fs.renameSync(join(folder(), '1'), join(folder(), '3'));
    if (!late) fs.writeFileSync(join(folder(), '3'), JSON.stringify(me));
    late = true;
    linkSync(...paths);
  };
  await withFs('linkSync', afterOthers, async () => expect(await take()).toBeUndefined());
  expect(late).toBe(true);
  expect(readdirSync(folder())).toEqual(['3']);
});

test('a contender that was overtaken while it listed the claims holds nothing', async () => {
  await drop(await take());
  const { readdirSync: list } = fs;
  let listings = 0;
  const old = ((path: string) => {
    const names = list(path);
    // After its own claim: another takes 3 and removes what is below.
    if (++listings === 2) fs.renameSync(join(path, '2'), join(path, '3'));
    return names;
  }) as typeof list;
  await withFs('readdirSync', old, async () => expect(await take()).toBeUndefined());
  expect(readdirSync(folder())).toContain('3');
});

test('a process that may not be asked is alive', async () => {
  claim(me);
  vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('not yours'), { code: 'EPERM' });
  });
  expect(await take()).toBeUndefined();
  vi.restoreAllMocks();
});

test('a lock is free again when the disk is too full to say so', async () => {
  const lock = await take();
  const full = (): never => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  await withFs('renameSync', full, () => drop(lock));
  expect(readdirSync(folder())).toEqual(['1']);
  expect(await take()).toBeDefined();
});

test('whoever held a lock in a folder that was emptied does not release that of another', async () => {
  const first = await take();
  rmSync(folder(), { recursive: true });
  expect(await take()).toBeDefined();
  await drop(first);
  expect(await take()).toBeUndefined();
});

test('of two processes that try at the same instant exactly one gets it, each time', async () => {
  await using one = holder();
  await using two = holder();
  const both = (word: string | number) => Promise.all([one.ask<number>(word), two.ask<number>(word)]);
  await both('drop');
  const winners = new Set<number>();
  for (let round = 0; round < 50; round++) {
    const [a, b] = await both(Date.now() + 2);
    expect(a + b).toBe(1);
    winners.add(a);
    expect(await take()).toBeUndefined();
    await both('drop');
  }
  expect(winners.size).toBe(2);
  expect(readdirSync(folder())).toHaveLength(1);
});

test('the lock of a process that was killed is taken over, whatever it called itself', async () => {
  await using child = holder();
  expect(await child.ask(0)).toBe(1);
  await child.ask('rename');
  expect(await take()).toBeUndefined();
  await child[Symbol.asyncDispose]();
  expect(await take()).toBeDefined();
});
