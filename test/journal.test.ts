import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Lease } from '../src/core/lease.ts';
import type { RotationEvent } from '../src/jobs/events.ts';
import { type Journal, JournalAway, jobOf } from '../src/jobs/journal.ts';
import { macOf, openJournal } from '../src/jobs/journal-files.ts';
import { encodeLine } from '../src/jobs/journal-line.ts';
import { verifyJournal } from '../src/jobs/journal-verify.ts';
import { openStateKey } from '../src/secrets/state-folder.ts';
import { type Child, startChild } from './child.ts';
import { journalContract } from './journal-contract.ts';
import { Memory, MemoryJournal } from './memory-journal.ts';
import { until } from './until.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = fs.mkdtempSync(join(tmpdir(), 'telnyx-mcp-journal-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(stateDir, { recursive: true, force: true });
});

const start = (folder = stateDir): Journal =>
  openJournal(
    folder,
    () => openStateKey(folder),
    () => new Date(),
  );

journalContract('files', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'telnyx-mcp-journal-'));
  return {
    journal: start(folder),
    another: () => start(folder),
    [Symbol.asyncDispose]: async () => fs.rmSync(folder, { recursive: true, force: true }),
  };
});

// The model of the property tests is held to what it stands for.
journalContract('memory', async () => {
  const memory = new Memory();
  const another = () => new MemoryJournal(memory, () => new Date());
  return { journal: another(), another, [Symbol.asyncDispose]: async () => undefined };
});

const BY = { actor: 'someone@here', host: 'api.telnyx.com', key: 'aaaa' };
const ID = '0190a0b0c0d0abcdefabcdef';
const idWith = (n: number): string => `${ID.slice(0, -2)}${n}`;
const OTHER = idWith(99);
const NOTE: RotationEvent = { type: 'given_up', note: 'enough' };
const began = (credential: string): RotationEvent => ({
  ...{ type: 'began', kind: 'telephony', wish: { overlap: 60, prefix: 'X' } },
  old: {
    ...{ id: credential, name: 'phone', connection_id: 'c', sip_username: null },
    ...{ expired: false, expires_at: null, stored_expiry: null },
  },
});

const at = (...names: string[]): string => join(stateDir, 'journal', ...names);
const file = (id = ID): string => at('open', `${id}.jsonl`);
const problems = (): string[] =>
  verifyJournal(stateDir).findings.map((found) => `${found.severity}: ${found.file} ${found.problem}`);

async function record(journal: Journal, id: string, ...events: RotationEvent[]): Promise<void> {
  await using lease = (await journal.lease(jobOf(id))) as Lease;
  for (const event of events) await journal.append(id, event, lease, BY);
}

async function recorded(): Promise<Buffer> {
  await record(start(), ID, began('old'), NOTE, NOTE);
  return fs.readFileSync(file());
}

/** How many entries can be read, and what is wrong after them. */
async function known(journal = start()): Promise<[entries: number, wrong: string | undefined]> {
  const job = await journal.job(ID);
  return [job?.of(ID).length ?? 0, job?.wrong?.problem];
}

test('a flipped byte stops the job, is found wherever it is, and nothing more is recorded', async () => {
  const whole = await recorded();
  const lines = whole.toString().split('\n').slice(0, -1);
  for (const [index, byte] of whole.entries()) {
    fs.writeFileSync(file(), whole.with(index, byte ^ (1 << (index % 8))));
    const [entries, wrong] = await known();
    const before = whole.subarray(0, index).toString().split('\n').length - 1;
    expect([index, entries, wrong]).toEqual([index, before, 'altered']);
    if (index % 40 > 0) continue;
    expect(problems()).toEqual([`error: journal/open/${ID}.jsonl altered`]);
    await expect(record(start(), ID, NOTE)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining(`Record ${before + 1} of job ${ID} was altered`),
    });
  }
  expect(lines).toHaveLength(3);
});

test('a process that has read a job before notices that it was written over since', async () => {
  const whole = await recorded();
  const journal = start();
  expect(await known(journal)).toEqual([3, undefined]);
  fs.writeFileSync(file(), whole.toString().replace('phone', 'phony'));
  fs.utimesSync(file(), new Date(), new Date(Date.now() + 1000));
  for (const seen of [journal, start()]) expect(await known(seen)).toEqual([0, 'altered']);
});

test('a process that has read a job before notices that records of it are missing', async () => {
  const whole = await recorded();
  const journal = start();
  expect(await known(journal)).toEqual([3, undefined]);
  fs.writeFileSync(file(), whole.subarray(0, whole.indexOf('\n') + 1));
  expect((await known(journal))[1]).toBe('altered');
  await expect(record(journal, ID, NOTE)).rejects.toMatchObject({ code: 'CONFLICT' });
  // Touched again, or given the name of one that never began: it is not taken for whole then.
  fs.utimesSync(file(), new Date(), new Date(Date.now() + 5000));
  expect((await known(journal))[1]).toBe('altered');
  fs.renameSync(file(), at('open', `${ID}.new`));
  expect(await journal.job(ID)).toBeUndefined();
  await expect(record(journal, ID, NOTE)).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('one that stood still while it condensed leaves what was recorded meanwhile', async () => {
  await recorded();
  const journal = start();
  const lease = (await journal.lease(ID)) as Lease;
  let checks = 0;
  const still = {
    ...lease,
    check: () => {
      checks += 1;
      if (checks > 1) throw new Error('another has it by now');
    },
  };
  await expect(journal.condense(ID, still)).rejects.toThrow();
  expect(await known()).toEqual([3, undefined]);
  expect((await start().open()).map(({ id }) => id)).toEqual([ID]);
  await lease[Symbol.asyncDispose]();
});

test('a last record that was cut off is harmless, wherever it was cut, and the next takes its place', async () => {
  const whole = await recorded();
  const ends = whole.lastIndexOf('\n', -2) + 1;
  for (let length = whole.length - 1; length >= ends; length -= 1) {
    fs.writeFileSync(file(), whole.subarray(0, length));
    expect(await known()).toEqual([2, undefined]);
    expect(problems()).toEqual(length === ends ? [] : [`note: journal/open/${ID}.jsonl cut`]);
  }
  fs.writeFileSync(file(), whole.subarray(0, -20));
  await record(start(), ID, NOTE);
  expect(await known()).toEqual([3, undefined]);
  expect(problems()).toEqual([]);
});

test('a job that a crash kept from its first record is no job, and its file keeps nobody from anything', async () => {
  await record(start(), ID, began('old'), NOTE);
  fs.writeFileSync(at('open', `${ID}.new`), fs.readFileSync(file()).subarray(0, 40));
  fs.rmSync(file());
  const [part] = await start().about('old');
  expect([...((await start().job(`${part?.rotation}`))?.ids() ?? ['gone'])]).toEqual([]);
  expect(await start().open()).toEqual([]);
  expect(problems()).toEqual([]);
});

test('a holder that stood still does not drop what the next has written after the cut line', async () => {
  const whole = await recorded();
  fs.writeFileSync(file(), whole.subarray(0, -20));
  const journal = start();
  const lease = (await journal.lease(ID)) as Lease;
  // As if it stood still right after it had found its lease in order, and another took over and wrote.
  const still = {
    ...lease,
    check: () => {
      const kept = whole.subarray(0, whole.lastIndexOf('\n', -2) + 1);
      fs.writeFileSync(file(), Buffer.concat([kept, Buffer.from(raw(NOTE, 2) + raw(NOTE, 3))]));
    },
  };
  await expect(journal.append(ID, NOTE, still, BY)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await known()).toEqual([4, undefined]);
  await lease[Symbol.asyncDispose]();
});

/** A file that is large and takes no space. */
function sparse(): void {
  fs.writeFileSync(file(), '');
  fs.truncateSync(file(), 2 ** 40);
}

test.each([
  ['a folder', () => fs.mkdirSync(file()), 'cannot be read (NO_FILE)'],
  ['a link to itself', () => fs.symlinkSync(file(), file()), 'cannot be read (ELOOP)'],
  ['a link to a device', () => fs.symlinkSync('/dev/zero', file()), 'cannot be read (ELOOP)'],
  ['a link to nothing', () => fs.symlinkSync('/nowhere', file()), 'cannot be read (ELOOP)'],
  ['a link to another', () => fs.symlinkSync(file(OTHER), file()), 'cannot be read (ELOOP)'],
  ['a pipe', () => execFileSync('mkfifo', [file()]), 'cannot be read (NO_FILE)'],
  ['a file of a terabyte', sparse, 'cannot be read (TOO_LARGE)'],
])('a job in whose place %s lies is damaged, and no other job is', async (_, place, says) => {
  await recorded();
  await record(start(), OTHER, began('else'));
  fs.rmSync(file());
  place();
  fs.writeFileSync(at('open', 'notes.jsonl'), 'of somebody');
  const jobs = await start().open();
  expect(Object.fromEntries(jobs.map(({ id, wrong }) => [id, wrong?.says]))).toEqual({
    [ID]: expect.stringContaining(says),
    [OTHER]: undefined,
  });
  expect(problems()).toEqual([`error: journal/open/${ID}.jsonl altered`]);
});

test.each([
  ['a record that was taken out', (lines: string[]) => [lines[0], lines[2]]],
  ['two that changed places', (lines: string[]) => [lines[0], lines[2], lines[1]]],
])('%s leaves a gap that stops the job', async (_, other) => {
  const lines = (await recorded()).toString().split('\n').slice(0, -1);
  fs.writeFileSync(
    file(),
    other(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
  expect(await known()).toEqual([1, 'altered']);
});

test('a record that was copied from another job stops the one it was copied to', async () => {
  await recorded();
  const other = OTHER;
  await record(start(), other, began('else'));
  fs.appendFileSync(file(), fs.readFileSync(file(other)));
  expect((await known())[1]).toBe('altered');
  expect(problems()).toHaveLength(1);
});

test('records under another key are no records', async () => {
  await recorded();
  fs.writeFileSync(join(stateDir, 'key'), Buffer.alloc(32, 7));
  expect(await known()).toEqual([0, 'altered']);
  fs.rmSync(join(stateDir, 'key'));
  expect(problems()).toEqual(['error: key missing']);
  expect(fs.existsSync(join(stateDir, 'key'))).toBe(false);
});

test('a file that was removed is missed, and not made again', async () => {
  await recorded();
  const journal = start();
  await journal.job(ID);
  fs.rmSync(file());
  expect(await journal.job(ID)).toBeUndefined();
  expect(await journal.about('old')).toHaveLength(1);
  await expect(record(journal, ID, NOTE)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(fs.existsSync(file())).toBe(false);
  expect(problems()).toEqual([`error: journal/open/${ID}.jsonl missing`]);
});

const raw = (event: unknown, n = 3, more: object = {}): string =>
  encodeLine(
    { job: ID, rotation: ID, n, at: '2026-10-01T12:00:00.000Z', by: BY, token: Date.now(), event, ...more },
    macOf(openStateKey(stateDir)),
  );

test.each([
  ['an event of a kind that is not known', { type: 'approved', by: 'a policy' }],
  ['a known event with something that is not', { type: 'done', step: 'announce', facts: {} }],
])('%s is kept, and stops the job until a version comes that knows it', async (_, event) => {
  await recorded();
  fs.appendFileSync(file(), raw(event));
  const job = await start().job(ID);
  expect(job?.wrong?.problem).toBe('unknown');
  expect(job?.of(ID).at(-1)?.event).toEqual({ type: 'unknown' });
  await expect(record(start(), ID, NOTE)).rejects.toMatchObject({ next: expect.stringContaining('update') });
  await using lease = (await start().lease(ID)) as Lease;
  await start().condense(ID, lease);
  expect(fs.readFileSync(file(), 'utf8')).toContain(JSON.stringify(event));
});

test('what a holder wrote after it had lost its lease does not count', async () => {
  await recorded();
  const journal = start();
  const late = raw({ type: 'rollback' }, 3, { token: 1 });
  fs.appendFileSync(file(), late);
  expect(await known()).toEqual([3, undefined]);
  await record(journal, ID, NOTE);
  expect(await known()).toEqual([4, undefined]);
  // Nor when it comes to the disk first, and the new holder has not seen it.
  fs.appendFileSync(file(), raw({ type: 'rollback' }, 4, { token: Date.now() + 5 }));
  fs.appendFileSync(file(), raw(NOTE, 4, { token: Date.now() + 9 }));
  const job = await start().job(ID);
  expect(job?.of(ID).map(({ event }) => event.type)).toEqual(['began', 'given_up', 'given_up', 'given_up', 'given_up']);
});

test('of a credential whose parts were altered nothing is said', async () => {
  await recorded();
  const [bucket = ''] = fs.readdirSync(at('parts'));
  const whole = fs.readFileSync(at('parts', bucket), 'utf8');
  fs.writeFileSync(at('parts', bucket), whole.replace('"old"', '"odd"'));
  const message = expect.stringContaining('of credential old was altered');
  await expect(start().about('old')).rejects.toMatchObject({ code: 'CONFLICT', message });
  expect(problems()).toEqual([`error: journal/parts/${bucket} altered`]);
  // A crash cuts; whoever writes next begins a new line.
  fs.writeFileSync(at('parts', bucket), `${whole}${whole.slice(0, 50)}`);
  expect(await start().about('old')).toHaveLength(1);
  expect(problems()).toEqual([`note: journal/parts/${bucket} cut`]);
  await record(start(), OTHER, began('old'));
  expect(await start().about('old')).toHaveLength(2);
  expect(problems()).toEqual([]);
});

test('what lies in the place of a lease is found', async () => {
  await recorded();
  fs.mkdirSync(at('leases', 'credential.1'));
  fs.writeFileSync(at('leases', 'credential.999999999999999'), '');
  fs.mkdirSync(at('leases', 'of-somebody'));
  expect(problems()).toEqual([
    'error: journal/leases/credential.1 altered',
    'error: journal/leases/credential.999999999999999 altered',
  ]);
  fs.rmSync(at('leases'), { recursive: true });
  fs.writeFileSync(at('leases'), '');
  expect(problems()).toEqual(['error: journal/leases altered']);
});

test('a pipe in the place of what credentials have a part in keeps nobody waiting', async () => {
  await recorded();
  const [bucket = ''] = fs.readdirSync(at('parts'));
  fs.rmSync(at('parts', bucket));
  execFileSync('mkfifo', [at('parts', bucket)]);
  await expect(start().about('old')).rejects.toBeInstanceOf(JournalAway);
  expect(problems()).toEqual([`error: journal/parts/${bucket} altered`]);
});

test('a job that no credential leads to any more is found', async () => {
  await recorded();
  const [bucket = ''] = fs.readdirSync(at('parts'));
  fs.rmSync(at('parts', bucket));
  expect(problems()).toEqual(['error: journal/parts missing']);
  // While it is open, the job itself says whose it is.
  expect(await start().about('old')).toEqual([{ credential: 'old', rotation: ID, as: 'old' }]);
});

test('nothing is left behind by jobs that are finished but one file each, and what a crash left is no second job', async () => {
  const journal = start();
  for (let n = 10; n < 50; n += 1) {
    await record(journal, idWith(n), began(`credential-${n}`), NOTE);
    await using lease = (await journal.lease(idWith(n))) as Lease;
    await journal.condense(idWith(n), lease);
  }
  expect(fs.readdirSync(at('leases'))).toEqual([]);
  expect(fs.readdirSync(at('open'))).toEqual([]);
  expect(fs.readdirSync(at('done'))).toHaveLength(40);
  fs.copyFileSync(at('done', `${idWith(20)}.jsonl`), file(idWith(20)));
  expect((await start().finished(0, 100)).jobs).toHaveLength(39);
  expect(await start().open()).toHaveLength(1);
});

test('nothing of a journal can be read by others', async () => {
  await recorded();
  for (const name of fs.readdirSync(at(), { recursive: true, withFileTypes: true })) {
    const { mode } = fs.statSync(join(name.parentPath, name.name));
    expect(mode & 0o777).toBe(name.isFile() ? 0o600 : 0o700);
  }
});

test('an entry counts as recorded once it is on disk, and not before', async () => {
  await recorded();
  const handle = await fs.promises.open(file(), 'r');
  const prototype = Object.getPrototypeOf(handle) as fs.promises.FileHandle;
  await handle.close();
  let wrote = (): void => undefined;
  vi.spyOn(prototype, 'datasync').mockImplementation(
    () =>
      new Promise((resolve) => {
        wrote = resolve;
      }),
  );
  let kept = false;
  const recording = record(start(), ID, NOTE).then(() => {
    kept = true;
  });
  await until(() => fs.readFileSync(file(), 'utf8').split('\n').length === 5);
  await new Promise(setImmediate);
  expect(kept).toBe(false);
  wrote();
  await recording;
  expect(kept).toBe(true);
});

test('a holder that loses its lease while it records is told so, and what it recorded gives way to the next', async () => {
  await recorded();
  const journal = start();
  const lease = (await journal.lease(ID)) as Lease;
  const handle = await fs.promises.open(file(), 'r');
  const prototype = Object.getPrototypeOf(handle) as fs.promises.FileHandle;
  await handle.close();
  // As if it had stood still for minutes, and another had taken over.
  vi.spyOn(prototype, 'datasync').mockImplementation(async () => {
    for (const name of fs.readdirSync(at('leases'))) fs.rmSync(at('leases', name));
  });
  await expect(journal.append(ID, { type: 'rollback' }, lease, BY)).rejects.toMatchObject({ code: 'CONFLICT' });
  vi.restoreAllMocks();
  await record(start(), ID, NOTE);
  expect((await start().job(ID))?.of(ID).at(-1)?.event).toEqual(NOTE);
});

test.each([
  ['a file where its folder should be', () => fs.writeFileSync(at(), '')],
  ['a file where that of the open ones should be', () => fs.rmSync(at('open'), { recursive: true })],
])('%s is said to keep the journal away', async (_, damage) => {
  if (_.includes('open')) await recorded();
  damage();
  if (_.includes('open')) fs.writeFileSync(at('open'), '');
  await expect(start().open()).rejects.toBeInstanceOf(JournalAway);
  await expect(start().open()).rejects.toMatchObject({ code: 'CONFIGURATION', message: expect.stringContaining(at()) });
  await expect(record(start(), idWith(10), began('x'))).rejects.toMatchObject({ code: 'CONFIGURATION' });
});

/** Another process that records 30 entries of a job of its own, or one entry at a time; with a disk of so many blocks. */
const recorder = (blocks?: number): Child =>
  startChild(
    'jobs/journal-files',
    `const { openStateKey } = await import(import.meta.resolve ? new URL('../secrets/state-folder.js', ${JSON.stringify(new URL('../.build/src/jobs/x.js', import.meta.url).href)}).href : '');
     const key = openStateKey(${JSON.stringify(stateDir)});
     const journal = ours.openJournal(${JSON.stringify(stateDir)}, () => key, () => new Date());
     const by = ${JSON.stringify(BY)};
     const began = ${JSON.stringify(began('theirs'))};
     const id = '01' + String(process.pid).padStart(22, '0');
     const lease = await journal.lease(id);
     let n = 0;
     const one = () => journal.append(id, n++ === 0 ? began : { type: 'given_up', note: 'x'.repeat(200) }, lease, by)
       .then(() => id, ({ code, message }) => ({ code, message }));`,
    `await (async () => {
       if (word !== 'many') return one();
       for (let round = 0; round < 30; round++) await one();
       return id;
     })()`,
    blocks,
  );

test('two processes that record at the same time lose nothing', async () => {
  await using one = recorder();
  await using two = recorder();
  const ids = await Promise.all([one.ask<string>('many'), two.ask<string>('many')]);
  for (const id of ids) expect((await start().job(id))?.of(id)).toHaveLength(30);
  expect(verifyJournal(stateDir)).toEqual({ jobs: 2, records: 60, findings: [] });
  expect(await start().about('theirs')).toHaveLength(2);
});

test('a full disk says so, leaves a journal that can be read, and the next entry finds space again', async () => {
  await recorded();
  await using child = recorder(4);
  const answers = [];
  for (let n = 0; n < 6; n += 1) answers.push(await child.ask<unknown>(n));
  const id = answers[0] as string;
  const failed = answers.filter((answer) => answer !== id);
  expect(failed.length).toBeGreaterThan(0);
  expect(failed[0]).toEqual({
    code: 'CONFIGURATION',
    message: `What a rotation did or was about to do could not be recorded in ${at()} (EFBIG).`,
  });
  const kept = answers.length - failed.length;
  expect((await start().job(id))?.of(id)).toHaveLength(kept);
  expect(problems().filter((problem) => problem.startsWith('error'))).toEqual([]);
});
