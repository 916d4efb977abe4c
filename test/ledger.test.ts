import fs, {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RotationEvent } from '../src/rotation/events.ts';
import { openLedger } from '../src/rotation/ledger-files.ts';
import { encodeLine } from '../src/rotation/ledger-line.ts';
import { verifyLedger } from '../src/rotation/ledger-verify.ts';
import type { Entry, Ledger } from '../src/rotation/records.ts';
import { type Child, startChild } from './child.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-ledger-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(stateDir, { recursive: true, force: true });
});

const AT = '2026-10-01T12:00:00.000Z';
const folder = (): string => join(stateDir, 'ledger');
const at = (run: number | string): string => join(folder(), typeof run === 'string' ? run : `00000${run}.jsonl`);
const start = (): Ledger => openLedger(stateDir, () => new Date(AT));
const entry = (rotation: string, n: number, event: RotationEvent = { type: 'turned_back' }): Entry => ({
  rotation,
  n,
  at: AT,
  event,
});
const linesOf = (run: number): string[] => readFileSync(at(run), 'utf8').split('\n').slice(0, -1);
/** What can be read, as `rotation n`. */
const known = async (ledger: Ledger = start()): Promise<string[]> => {
  const records = await ledger.read();
  return [...records.ids()].flatMap((id) => records.of(id)).map(({ rotation, n }) => `${rotation} ${n}`);
};
const problems = async (): Promise<string[]> =>
  (await verifyLedger(stateDir)).findings.map(({ file, severity, problem }) => `${severity}: ${file} ${problem}`);

/** One process after another, each recording two entries of a rotation of its own. */
async function runs(count: number): Promise<void> {
  for (let run = 1; run <= count; run++) {
    const ledger = start();
    await ledger.append(entry(`r${run}`, 0));
    await ledger.append(entry(`r${run}`, 1));
  }
}

const recorder = (fileBlocks?: number): Child =>
  startChild(
    'rotation/ledger-files',
    `let ledger;
     const restart = () => (ledger = ours.openLedger(${JSON.stringify(stateDir)}, () => new Date()));
     restart();
     const append = (n, rotation = 'r' + process.pid) =>
       ledger.append({ rotation, n, at: 'now', event: { type: 'given_up', note: 'x'.repeat(150) } })
         .then(() => 'kept', ({ code, message, next }) => ({ code, message, next }));
     const many = async () => {
       for (let n = 0; n < 30; n += 3) {
         restart();
         await Promise.all([append(n), append(n + 1), append(n + 2)]);
       }
     };`,
    `word === 'many' ? (await many(), process.pid) : await append(Number(word), 'theirs')`,
    fileBlocks,
  );

test('a start and a reading write nothing, and know of nothing', async () => {
  const ledger = start();
  expect(await known(ledger)).toEqual([]);
  expect(await verifyLedger(stateDir)).toEqual({ files: 0, entries: 0, findings: [] });
  expect(readdirSync(stateDir)).toEqual([]);
});

test('what was recorded is read at once, by rotation and in order, from files of the person alone', async () => {
  const ledger = start();
  await ledger.append(entry('one', 0));
  expect(await known(ledger)).toEqual(['one 0']);
  await ledger.append(entry('two', 0));
  await ledger.append(entry('one', 2));
  await start().append(entry('one', 1));
  for (const reader of [ledger, start()]) expect(await known(reader)).toEqual(['one 0', 'one 1', 'one 2', 'two 0']);
  expect((await ledger.read()).of('two')).toEqual([entry('two', 0)]);
  expect(statSync(folder()).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder())) expect(statSync(at(name)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder())).toEqual(['000001.jsonl', '000002.jsonl', 'last']);
  expect(await verifyLedger(stateDir)).toEqual({ files: 2, entries: 4, findings: [] });
  expect(JSON.parse(linesOf(2)[0] ?? '').entry).toEqual({
    run: 2,
    at: AT,
    previous: { file: '000001.jsonl', hash: JSON.parse(linesOf(1).at(-1) ?? '').hash },
  });
});

test('two hundred entries at once keep their order, one chain and few writes', async () => {
  const synced = vi.spyOn(await handles(), 'datasync');
  const ledger = start();
  const order: number[] = [];
  const entries = Array.from({ length: 200 }, (_, n) => entry('fleet', n));
  await Promise.all(entries.map((one) => ledger.append(one).then(() => void order.push(one.n))));
  expect(order).toEqual(entries.map(({ n }) => n));
  const written = linesOf(1).map((line) => JSON.parse(line).entry);
  expect(written.slice(1)).toEqual(entries);
  expect(synced.mock.calls.length).toBeLessThan(5);
  expect(await verifyLedger(stateDir)).toEqual({ files: 1, entries: 200, findings: [] });
});

/** Puts other functions in the place of those that files are handled with, for as long as `run` lasts. */
async function withFiles(others: object, run: () => Promise<void>): Promise<void> {
  const real = { ...fs.promises };
  Object.assign(fs.promises, others);
  syncBuiltinESMExports();
  try {
    await run();
  } finally {
    Object.assign(fs.promises, real);
    syncBuiltinESMExports();
  }
}

/** What all open files inherit from. */
async function handles(): Promise<FileHandle> {
  await using file = await open(import.meta.filename);
  return Object.getPrototypeOf(file);
}

test.runIf(process.platform === 'linux')(
  'a new file is on disk with its name and all that it is linked to',
  async () => {
    await runs(1);
    const synced: string[] = [];
    const proto = await handles();
    for (const how of ['sync', 'datasync'] as const) {
      const real = proto[how];
      vi.spyOn(proto, how).mockImplementation(function (this: FileHandle) {
        synced.push(readlinkSync(`/proc/self/fd/${this.fd}`).replace(/last\..*/, 'last'));
        return real.call(this);
      });
    }
    await start().append(entry('r2', 0));
    expect(synced).toEqual([stateDir, at('last'), folder(), at(1), at(2)]);
  },
);

test('what is recorded can be read from then on, however much is recorded and read at once', async () => {
  const ledgers = Array.from({ length: 6 }, start);
  const reader = start();
  const each = async (ledger: Ledger, file: number): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      await ledger.append(entry(`f${file}`, n));
      expect(await known(reader)).toContain(`f${file} ${n}`);
    }
  };
  await Promise.all(ledgers.map(each));
});

test('of many that begin at the same instant each has its own file', async () => {
  await Promise.all(Array.from({ length: 12 }, (_, n) => start().append(entry('fleet', n))));
  expect(await verifyLedger(stateDir)).toEqual({ files: 12, entries: 12, findings: [] });
});

test('an entry counts as recorded once it is on disk, and not before', async () => {
  const ledger = start();
  await ledger.append(entry('r', 0));
  let wrote = (): void => undefined;
  vi.spyOn(await handles(), 'datasync').mockImplementation(
    () =>
      new Promise((resolve) => {
        wrote = resolve;
      }),
  );
  let recorded = false;
  const appending = ledger.append(entry('r', 1)).then(() => {
    recorded = true;
  });
  await vi.waitFor(() => expect(linesOf(1)).toHaveLength(3));
  await sleep(20);
  expect(recorded).toBe(false);
  wrote();
  await appending;
});

test('after a disk failed, entries go on in a new file that is linked to what was kept', async () => {
  const ledger = start();
  await ledger.append(entry('r', 0));
  const failing = vi
    .spyOn(await handles(), 'datasync')
    .mockRejectedValueOnce(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  const lost = await Promise.allSettled([ledger.append(entry('r', 1)), ledger.append(entry('r', 2))]);
  for (const one of lost) expect(one).toMatchObject({ reason: { code: 'CONFIGURATION' } });
  failing.mockRestore();
  await ledger.append(entry('r', 3));
  expect(readdirSync(folder())).toEqual(['000001.jsonl', '000002.jsonl', 'last']);
  expect(linesOf(2)).toHaveLength(2);
  expect(await problems()).toEqual([]);
});

test('a file that is deleted while its process runs is not written to', async () => {
  const ledger = start();
  await ledger.append(entry('r', 0));
  rmSync(at(1));
  await expect(ledger.append(entry('r', 1))).rejects.toMatchObject({ message: expect.stringContaining('(ENOENT)') });
  await ledger.append(entry('r', 1));
  expect(await known(ledger)).toEqual(['r 1']);
  expect(await problems()).toEqual(['error: 000001.jsonl missing']);
});

test('a flipped byte is an error, wherever it is', async () => {
  await start().append(entry('a', 0));
  await start().append(entry('b', 0));
  for (const name of readdirSync(folder())) {
    const whole = readFileSync(at(name));
    for (const [index, byte] of whole.entries()) {
      writeFileSync(at(name), whole.with(index, byte ^ (1 << (index % 8))));
      const { findings } = await verifyLedger(stateDir);
      const [first] = findings;
      if (first?.severity !== 'error' || first.file !== name || first.problem !== 'altered') {
        expect.fail(`byte ${index} of ${name}: ${JSON.stringify(findings)}`);
      }
      if (name !== 'last' && index % 9 === 0) expect((await known()).length).toBeLessThan(2);
    }
    writeFileSync(at(name), whole);
  }
  expect(await problems()).toEqual([]);
});

test('an altered line is named, and what it says is not', async () => {
  await runs(1);
  writeFileSync(at(1), readFileSync(at(1), 'utf8').replace('"n":1', '"n":7'));
  expect((await verifyLedger(stateDir)).findings).toEqual([
    {
      file: '000001.jsonl',
      severity: 'error',
      problem: 'altered',
      says: 'Line 3 of 000001.jsonl was altered or lines before it are gone; the rest does not count.',
    },
  ]);
});

test('bytes that are no text cannot pass for the character that stands for them', async () => {
  await start().append(entry('r', 0, { type: 'given_up', note: '\ufffd' }));
  const bytes = readFileSync(at(1));
  const index = bytes.indexOf('\ufffd');
  bytes[index] = 0xf0;
  expect(bytes.subarray(index, index + 4).toString()).toBe('\ufffd"');
  writeFileSync(at(1), bytes);
  expect(await problems()).toEqual(['error: 000001.jsonl altered']);
});

test('a last line that was cut off is harmless, wherever it was cut', async () => {
  await runs(2);
  const whole = readFileSync(at(2));
  const ends = whole.lastIndexOf('\n', -2) + 1;
  const reader = start();
  for (let length = whole.length - 1; length >= ends; length--) {
    truncateSync(at(2), length);
    expect(await problems()).toEqual(length === ends ? [] : ['note: 000002.jsonl cut']);
    expect(await known(reader)).toEqual(['r1 0', 'r1 1', 'r2 0']);
  }
  await start().append(entry('r2', 1));
  expect(await known(reader)).toEqual(['r1 0', 'r1 1', 'r2 0', 'r2 1']);
  expect(await problems()).toEqual([]);
});

test('a header that was cut off is harmless, and so is a file without one', async () => {
  await runs(2);
  for (const length of [100, 0]) {
    truncateSync(at(2), length);
    expect(await problems()).toEqual(['note: 000002.jsonl cut']);
    expect(await known()).toEqual(['r1 0', 'r1 1']);
  }
  await start().append(entry('r3', 0));
  expect(JSON.parse(linesOf(3)[0] ?? '').entry.previous.file).toBe('000001.jsonl');
  expect(await problems()).toEqual(['note: 000002.jsonl cut']);
});

const deletions: [title: string, names: string[], findings: string[], left: string[]][] = [
  ['the first file', ['000001.jsonl'], ['000001.jsonl'], ['r2', 'r3', 'r4']],
  ['a file in the middle', ['000002.jsonl'], ['000002.jsonl'], ['r1', 'r3', 'r4']],
  ['two files in the middle', ['000002.jsonl', '000003.jsonl'], ['000002.jsonl'], ['r1', 'r4']],
  ['the newest file', ['000004.jsonl'], ['000004.jsonl'], ['r1', 'r2', 'r3']],
  ['the file that names the newest', ['last'], ['last'], ['r1', 'r2', 'r3', 'r4']],
  ['all but that', [1, 2, 3, 4].map((run) => `00000${run}.jsonl`), ['000001.jsonl'], []],
];
test.each(deletions)('%s is missed when it is deleted, also after the next start', async (_, names, findings, left) => {
  await runs(4);
  for (const name of names) rmSync(at(name));
  expect(await problems()).toEqual(findings.map((name) => `error: ${name} missing`));
  expect(await known()).toEqual(left.flatMap((rotation) => [`${rotation} 0`, `${rotation} 1`]));
  await start().append(entry('r5', 0));
  expect(readdirSync(folder())).toContain('000005.jsonl');
  const mended = findings.filter((name) => name !== 'last');
  expect(await problems()).toEqual(mended.map((name) => `error: ${name} missing`));
});

test('missing files are told in one sentence', async () => {
  await runs(4);
  rmSync(at(2));
  expect((await verifyLedger(stateDir)).findings[0]?.says).toBe('000002.jsonl is missing.');
  rmSync(at(3));
  const { findings } = await verifyLedger(stateDir);
  expect(findings.map(({ says }) => says)).toEqual(['000002.jsonl and what follows up to 000003.jsonl are missing.']);
});

test.each([0, 1, 2])('lines that were removed from the end of an older file are missed: %i left', async (left) => {
  await runs(3);
  const lines = linesOf(2);
  writeFileSync(
    at(2),
    lines
      .slice(0, left)
      .map((line) => `${line}\n`)
      .join(''),
  );
  const found = (await verifyLedger(stateDir)).findings.filter(({ severity }) => severity === 'error');
  expect(found).toEqual([
    {
      file: '000003.jsonl',
      severity: 'error',
      problem: 'unlinked',
      says: '000002.jsonl had more lines when 000003.jsonl began: they were removed from its end.',
    },
  ]);
});

test('a line that was removed from the middle, and a file that took the place of another, are noticed', async () => {
  await runs(3);
  const lines = linesOf(1);
  writeFileSync(at(1), `${lines[0]}\n${lines[2]}\n`);
  copyFileSync(at(2), at(3));
  expect(await problems()).toEqual(['error: 000001.jsonl altered', 'error: 000003.jsonl altered']);
});

test('a process that goes on after a newer one began is in order', async () => {
  const old = start();
  await old.append(entry('old', 0));
  const young = start();
  await young.append(entry('young', 0));
  await old.append(entry('old', 1));
  expect(await problems()).toEqual([]);
  expect(await known(young)).toEqual(['old 0', 'old 1', 'young 0']);
});

test('the newest file stays known when an older process is late to name its own', async () => {
  const { rename } = fs.promises;
  let younger: Promise<void> | undefined;
  const late: typeof rename = async (...paths) => {
    const first = !younger;
    younger ??= start().append(entry('young', 0));
    if (first) await younger;
    await rename(...paths);
  };
  await withFiles({ rename: late }, () => start().append(entry('old', 0)));
  expect(await problems()).toEqual([]);
  rmSync(at(2));
  expect(await problems()).toEqual(['error: 000002.jsonl missing']);
});

test('a ledger that grows while it is looked through is in order', async () => {
  const old = start();
  await old.append(entry('old', 0));
  await old.append(entry('old', 1));
  await start().append(entry('young', 0));
  const { readFile, readdir } = fs.promises;
  const seen = new Set<string>();
  // The second file comes after `last` was looked at, and its first line after the last line of the first.
  const growing = {
    readdir: async (path: string) => (await readdir(path)).filter((name) => seen.has('last') || !name.includes('2')),
    readFile: async (path: string) => {
      seen.add(basename(path));
      const bytes = await readFile(path);
      return path !== at(1) || seen.has('000002.jsonl') ? bytes : bytes.subarray(0, bytes.lastIndexOf('\n', -2) + 1);
    },
  };
  await withFiles(growing, async () => {
    expect(await verifyLedger(stateDir)).toEqual({ files: 2, entries: 3, findings: [] });
  });
});

/** Appends lines as another version of this program could have, in a good chain. */
function appendRaw(run: number, ...entries: unknown[]): void {
  let { hash } = JSON.parse(linesOf(run).at(-1) ?? '');
  for (const one of entries) {
    const line = encodeLine(hash, one);
    hash = line.hash;
    appendFileSync(at(run), line.text);
  }
}

const strange: [title: string, entry: unknown][] = [
  ['an event that is not known', { ...entry('r1', 2), event: { type: 'from the future' } }],
  ['a rotation that is no name', entry('../r1', 2)],
  ['a place that is no number', { ...entry('r1', 2), n: 'two' }],
  ['something else', ['r1', 2]],
  ['nothing', null],
];
test.each(strange)('%s in a ledger is left out, and what is around it is read', async (_, one) => {
  await runs(1);
  appendRaw(1, one, entry('r1', 3));
  expect(await known()).toEqual(['r1 0', 'r1 1', 'r1 3']);
  expect(await problems()).toEqual([]);
});

test('what follows an altered line of a file is left out, and other files are read', async () => {
  await runs(2);
  const lines = linesOf(1);
  writeFileSync(at(1), `${lines[0]}\n${lines[1]}\nnot this\n${lines[2]}\n`);
  expect(await known()).toEqual(['r1 0', 'r2 0', 'r2 1']);
  writeFileSync(at(1), `{"run":1}\n`);
  expect(await known()).toEqual(['r2 0', 'r2 1']);
});

test('a reader takes what is new, waits for the end of a line, and begins anew with a file that was replaced', async () => {
  await runs(1);
  const reader = start();
  expect(await known(reader)).toEqual(['r1 0', 'r1 1']);
  const same = await reader.read();
  expect(await reader.read()).toBe(same);
  const { text } = encodeLine(JSON.parse(linesOf(1).at(-1) ?? '').hash, entry('r1', 2));
  appendFileSync(at(1), text.slice(0, 90));
  expect(await known(reader)).toEqual(['r1 0', 'r1 1']);
  appendFileSync(at(1), text.slice(90));
  expect(await Promise.all([known(reader), known(reader)])).toEqual(Array(2).fill(['r1 0', 'r1 1', 'r1 2']));
  truncateSync(at(1), Buffer.byteLength(`${linesOf(1).slice(0, 2).join('\n')}\n`));
  expect(await known(reader)).toEqual(['r1 0']);
  rmSync(folder(), { recursive: true });
  const young = start();
  for (const n of [0, 1, 2]) await young.append(entry('new', n));
  expect(await known(reader)).toEqual(['new 0', 'new 1', 'new 2']);
  const read = vi.spyOn(await handles(), 'read');
  await young.append(entry('new', 3));
  expect(await known(reader)).toHaveLength(4);
  expect(read.mock.calls.map((args: unknown[]) => args[2])).toEqual([`${linesOf(1).at(-1)}\n`.length]);
  rmSync(folder(), { recursive: true });
  expect(await known(reader)).toEqual([]);
});

test('a folder that cannot be read or written says so', async () => {
  writeFileSync(folder(), '');
  const says = (message: RegExp) => ({ code: 'CONFIGURATION', message: expect.stringMatching(message) });
  await expect(start().read()).rejects.toMatchObject(says(/ledger in \S+\/ledger cannot be read \(ENOTDIR\)/));
  await expect(verifyLedger(stateDir)).rejects.toMatchObject(says(/cannot be read \(ENOTDIR\)/));
  await expect(start().append(entry('r', 0))).rejects.toMatchObject(says(/recorded in \S+\/ledger \(EEXIST\)/));
  rmSync(folder());
  mkdirSync(at(1), { recursive: true });
  await expect(start().read()).rejects.toMatchObject(says(/\(EISDIR\)/));
});

test('a lock is that of the state folder', async () => {
  await using lock = await start().lock('one');
  expect(lock).toBeDefined();
  expect(await start().lock('one')).toBeUndefined();
});

test('two processes that record at the same time share no file and lose nothing', async () => {
  await using one = recorder();
  await using two = recorder();
  const reader = start();
  let done = false;
  const both = Promise.all([one.ask<number>('many'), two.ask<number>('many')]).finally(() => {
    done = true;
  });
  // Seen from outside, all is in order at any moment but for a line that is being written.
  while (!done) {
    expect((await problems()).filter((problem) => !problem.startsWith('note'))).toEqual([]);
    await reader.read();
  }
  const expected = [...(await both)].flatMap((pid) => Array.from({ length: 30 }, (_, n) => `r${pid} ${n}`));
  for (const ledger of [reader, start()]) expect((await known(ledger)).toSorted()).toEqual(expected.toSorted());
  expect(await verifyLedger(stateDir)).toEqual({ files: 20, entries: 60, findings: [] });
  rmSync(at('000020.jsonl'));
  expect(await problems()).toContain('error: 000020.jsonl missing');
});

test('a reader sees what another process records as soon as that knows it is kept', async () => {
  await using child = recorder();
  const reader = start();
  for (let n = 0; n < 5; n++) {
    expect(await child.ask(n)).toBe('kept');
    expect(await known(reader)).toEqual(Array.from({ length: n + 1 }, (_, i) => `theirs ${i}`));
  }
});

test('a full disk says so, leaves a ledger that can be read, and the next entry finds space again', async () => {
  await using child = recorder(2);
  const answers = [];
  for (let n = 0; n < 4; n++) answers.push(await child.ask(n));
  expect(answers).toEqual([
    'kept',
    'kept',
    {
      code: 'CONFIGURATION',
      message: `What a rotation did or was about to do could not be recorded in ${folder()} (EFBIG).`,
      next: expect.stringContaining('continue_rotation'),
    },
    'kept',
  ]);
  expect(await known()).toEqual(['theirs 0', 'theirs 1', 'theirs 3']);
  expect(await problems()).toEqual(['note: 000001.jsonl cut']);
});

test('a disk without any space leaves nothing that stops a later start', async () => {
  await using child = recorder(0);
  for (const n of [0, 1]) expect(await child.ask(n)).toMatchObject({ code: 'CONFIGURATION' });
  expect(await known()).toEqual([]);
  await start().append(entry('r', 0));
  expect(await known()).toEqual(['r 0']);
  expect((await problems()).filter((problem) => !problem.startsWith('note'))).toEqual([]);
});
