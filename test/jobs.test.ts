import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Lease } from '../src/core/lease.ts';
import { macOf, openJournal } from '../src/jobs/journal-files.ts';
import { encodeLine } from '../src/jobs/journal-line.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { Secret } from '../src/secrets/secret.ts';
import { openStateKey } from '../src/secrets/state-folder.ts';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';
import { until } from './until.ts';

interface View {
  id: string;
  kind: string;
  state: string;
  warnings: string[];
  next?: string;
}

/** One address at which several accounts are, told apart by their keys as they are at Telnyx. */
async function startFront(accounts: Record<string, Sandbox>): Promise<AsyncDisposable & { baseUrl: string }> {
  const server = createServer((from, to) => {
    const account = accounts[`${from.headers.authorization}`.replace('Bearer ', '')];
    if (!account) return to.writeHead(401).end('{}');
    const { port, pathname } = new URL(account.baseUrl);
    const headers = { ...from.headers, authorization: `Bearer ${account.apiKey}`, host: `127.0.0.1:${port}` };
    const path = `${pathname.replace(/\/$/, '')}${from.url}`;
    const forward = request({ port, path, method: from.method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    return from.pipe(forward.on('error', () => to.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const KEYS = { first: 'KEY-first-0001', renewed: 'KEY-first-0002', other: 'KEY-other-0001' } as const;

/** Two accounts at one address; the first has two keys. */
async function town() {
  const [first, other] = [await startSandbox(), await startSandbox()];
  await Promise.all([first.world.ready, other.world.ready]);
  // As at Telnyx: another account has other ids.
  const theirs = [...other.world.telephony.values()];
  other.world.telephony.clear();
  for (const row of theirs)
    other.world.telephony.set(`their-${row.id}`, { ...row, id: `their-${row.id}`, user_id: 'they' });
  const front = await startFront({ [KEYS.first]: first, [KEYS.renewed]: first, [KEYS.other]: other });
  let stateDir: string | undefined;
  const server = async (key: keyof typeof KEYS, options: Options = {}): Promise<Started> => {
    const account = key === 'other' ? other : first;
    const settings = {
      apiKey: new Secret(KEYS[key]),
      baseUrl: front.baseUrl,
      ...(stateDir !== undefined && { stateDir }),
    };
    const app = await startApp({
      account,
      person: yes,
      shape: undefined,
      ...options,
      config: { ...settings, ...options.config },
    });
    stateDir ??= app.stateDir;
    return app;
  };
  return {
    first,
    other,
    server,
    baseUrl: front.baseUrl,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await Promise.all([first.close(), other.close()]);
    },
  };
}

const livingIn = (sandbox: Sandbox): string =>
  `${[...sandbox.world.telephony.values()].find((row) => !sandbox.world.isExpired(row))?.id}`;

const rotationsOf = async (app: Started): Promise<View[]> =>
  dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations;

/** Begins a rotation without overlap and fails at the deletion of the old one. */
async function stoppedAtDeletion(app: Started, sandbox: Sandbox): Promise<{ id: string; oldId: string }> {
  const oldId = livingIn(sandbox);
  sandbox.fault({ method: 'DELETE', respond: { status: 403, body: { errors: [] } }, times: 1 });
  expect((await app.call('rotate_telephony_credential', { id: oldId, overlap: '0' })).isError).toBe(true);
  const [view] = await rotationsOf(app);
  expect(view?.state).toBe('in_progress');
  return { id: `${view?.id}`, oldId };
}

const changesIn = (sandbox: Sandbox) => sandbox.requests.filter(({ method }) => method !== 'GET');

describe('a rotation that was stopped at the deletion', () => {
  test('is neither shown to nor gone on with by another account at the same address', async () => {
    await using place = await town();
    await using mine = await place.server('first');
    const { id, oldId } = await stoppedAtDeletion(mine, place.first);
    await using theirs = await place.server('other');
    expect(await rotationsOf(theirs)).toEqual([]);
    for (const name of ['get_rotation', 'continue_rotation', 'roll_back_rotation']) {
      const error = errorOf(await theirs.call(name, { id }));
      expect(error).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('another account') });
      expect(JSON.stringify(error)).not.toMatch(/KEY/);
      expect(error.message).toContain('with another API key');
    }
    const again = errorOf(await theirs.call('rotate_telephony_credential', { id: oldId }));
    expect(again).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('another account') });
    expect(changesIn(place.other)).toEqual([]);
    expect(theirs.asked).toEqual([]);
    expect(place.first.world.telephony.has(oldId)).toBe(true);
    // Its own goes on.
    await mine.call('continue_rotation', { id });
    expect((await rotationsOf(mine))[0]?.state).toBe('done');
    expect(place.first.world.telephony.has(oldId)).toBe(false);
  });

  test('is gone on with by another key of the same account, which Telnyx names by its user', async () => {
    await using place = await town();
    await using mine = await place.server('first');
    const { id, oldId } = await stoppedAtDeletion(mine, place.first);
    await using renewed = await place.server('renewed');
    expect((await rotationsOf(renewed)).map((view) => view.id)).toEqual([id]);
    await renewed.call('continue_rotation', { id });
    expect(place.first.world.telephony.has(oldId)).toBe(false);
    expect((await rotationsOf(renewed))[0]?.state).toBe('done');
  });

  test('is gone on with by another key that sees its credentials, where Telnyx names no user', async () => {
    await using place = await town();
    for (const row of place.first.world.telephony.values()) row.user_id = '';
    await using mine = await place.server('first');
    const { id, oldId } = await stoppedAtDeletion(mine, place.first);
    await using renewed = await place.server('renewed');
    expect(await rotationsOf(renewed)).toEqual([]);
    await renewed.call('continue_rotation', { id });
    expect(place.first.world.telephony.has(oldId)).toBe(false);
    // The key that went on with it is known from then on.
    expect((await rotationsOf(renewed)).map((view) => view.state)).toEqual(['done']);
  });

  test('is not begun anew by another key of the account, whatever Telnyx names', async () => {
    await using place = await town();
    for (const row of place.first.world.telephony.values()) row.user_id = '';
    await using mine = await place.server('first');
    const { id, oldId } = await stoppedAtDeletion(mine, place.first);
    await using renewed = await place.server('renewed');
    const { rotation } = dataOf<{ rotation: View }>(
      await renewed.call('rotate_telephony_credential', { id: oldId, overlap: '1h' }),
    );
    expect(rotation.id).toBe(id);
    expect(
      changesIn(place.first).filter(({ method, path }) => method === 'POST' && !path.endsWith('token')),
    ).toHaveLength(1);
  });

  test('is shown without the network to its own key, and to no other', async () => {
    await using place = await town();
    await using mine = await place.server('first');
    const { id } = await stoppedAtDeletion(mine, place.first);
    const limits = { requestMs: 500, callMs: 1000, recoveryMs: 100 };
    await using renewed = await place.server('renewed', { limits });
    await using theirs = await place.server('other', { limits });
    await place[Symbol.asyncDispose]();
    expect((await rotationsOf(mine)).map((view) => view.id)).toEqual([id]);
    expect(dataOf<{ rotations: View[] }>(await mine.call('get_rotation', { id })).rotations[0]?.id).toBe(id);
    for (const app of [renewed, theirs]) {
      expect(await rotationsOf(app)).toEqual([]);
      expect(errorOf(await app.call('continue_rotation', { id })).code).toBe('CONFLICT');
    }
  });

  test('is not shown to the same key at another address, which the refusal names', async () => {
    await using place = await town();
    await using mine = await place.server('first');
    const { id } = await stoppedAtDeletion(mine, place.first);
    await using front = await startFront({ [KEYS.first]: place.other });
    await using elsewhere = await place.server('first', { config: { baseUrl: front.baseUrl } });
    expect(await rotationsOf(elsewhere)).toEqual([]);
    const { message } = errorOf(await elsewhere.call('continue_rotation', { id }));
    expect(message).toContain(`at ${new URL(place.baseUrl).host}`);
    expect(changesIn(place.other)).toEqual([]);
  });
});

/** The file of the only job of a state folder. */
function fileOf(app: Started): string {
  const folder = join(app.stateDir, 'journal', 'open');
  return join(folder, readdirSync(folder)[0] ?? '');
}

/** The errors of all that could be done with a rotation, or with its credential once more. */
async function refused(server: Started, id: string, oldId: string) {
  const calls = [
    ['continue_rotation', { id }],
    ['roll_back_rotation', { id }],
    ['rotate_telephony_credential', { id: oldId, overlap: '1h' }],
  ] as const;
  const errors = [];
  for (const [name, args] of calls) errors.push(errorOf(await server.call(name, args)));
  expect(errors.map(({ code }) => code)).toEqual(calls.map(() => 'CONFLICT'));
  return errors;
}

const damages: [title: string, damage: (file: string, lines: string[]) => void, kind: string][] = [
  [
    'whose beginning was altered',
    (file, lines) => writeFileSync(file, lines.join('\n').replace('"began"', '"begun"')),
    'unknown',
  ],
  [
    'of which a later record was altered',
    (file, lines) => writeFileSync(file, lines.join('\n').replace('"done"', '"dome"')),
    'telephony',
  ],
  [
    'of which a record was taken out',
    (file, lines) => writeFileSync(file, lines.filter((_, index) => index !== 1).join('\n')),
    'telephony',
  ],
  ['of which nothing is left', (file) => writeFileSync(file, ''), 'unknown'],
  ['whose file is all zeros', (file, lines) => writeFileSync(file, Buffer.alloc(lines.join('\n').length)), 'unknown'],
  ['to which something was added', (file) => appendFileSync(file, '{"mac":"x","record":{}}\n'), 'telephony'],
];
test.each(damages)(
  'a rotation %s is left alone and told of, and its credential is not rotated again',
  async (_, damage, kind) => {
    await using app = await startApp({ person: yes });
    const oldId = livingIn(app.sandbox);
    const begun = await app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' });
    const { rotation } = dataOf<{ rotation: View }>(begun);
    damage(fileOf(app), readFileSync(fileOf(app), 'utf8').split('\n'));
    const before = changesIn(app.sandbox).length;
    // A server that starts then, as well as the one that has seen it whole.
    await using next = await startApp({ person: yes, account: app.sandbox, config: { stateDir: app.stateDir } });
    for (const server of [next, app]) {
      for (const error of await refused(server, rotation.id, oldId)) {
        expect(error.message).toContain(`What was recorded of ${rotation.id} cannot be relied on`);
        expect(error.next).toContain('journal verify');
      }
      expect(await rotationsOf(server)).toMatchObject([
        {
          id: rotation.id,
          kind,
          state: 'damaged',
          warnings: expect.arrayContaining([expect.stringMatching(/^Record \d+ of job/)]),
        },
      ]);
      const { findings } = dataOf<{ findings: { finding: string; severity: string; examples: object[] }[] }>(
        await server.call('report_credential_health'),
      );
      expect(findings[0]).toMatchObject({
        finding: 'rotation_damaged',
        severity: 'error',
        examples: [{ id: rotation.id }],
      });
    }
    expect(changesIn(app.sandbox)).toHaveLength(before);
    // Another credential is nobody's business of this.
    const other = [...app.sandbox.world.telephony.values()].filter((row) => !app.sandbox.world.isExpired(row)).at(-2);
    const { isError, content } = await app.call('rotate_telephony_credential', { id: other?.id, overlap: '30m' });
    expect([isError, isError && content]).toEqual([undefined, undefined]);
  },
);

/** Adds an event to the file of a rotation, or puts it in the place of the n-th, as a newer version would that knows more. */
function newer(app: Started, event: object, place?: number): void {
  const lines = readFileSync(fileOf(app), 'utf8').split('\n').slice(0, -1);
  const n = place ?? lines.length;
  const { record } = JSON.parse(lines[0] ?? '') as { record: object };
  const line = encodeLine({ ...record, n, event }, macOf(openStateKey(app.stateDir)));
  writeFileSync(fileOf(app), [...lines.slice(0, n).map((kept) => `${kept}\n`), line].join(''));
}

const newerEvents: [title: string, event: object, n?: number][] = [
  ['an event of a new type', { type: 'approved', by: 'policy' }],
  ['a step that is done, without what came of it', { type: 'done', step: 'create' }],
  ['a step of a new name', { type: 'intent', step: 'announce', facts: {} }],
  ['a beginning of another form', { type: 'began', kind: 'telephony' }, 0],
];
test.each(newerEvents)(
  'a rotation with %s is left alone, whoever asks, and told to be for a newer version',
  async (_, event, n) => {
    await using app = await startApp({ person: yes });
    const oldId = livingIn(app.sandbox);
    const begun = await app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' });
    const { rotation } = dataOf<{ rotation: View }>(begun);
    newer(app, event, n);
    const before = changesIn(app.sandbox).length;
    await using next = await startApp({ person: yes, account: app.sandbox, config: { stateDir: app.stateDir } });
    for (const server of [next, app]) {
      for (const error of await refused(server, rotation.id, oldId)) {
        expect(error.next).toContain('update telnyx-credentials-mcp');
      }
      const [shown, ...others] = await rotationsOf(server);
      expect(others).toEqual([]);
      expect(shown).toMatchObject({ id: rotation.id, state: 'damaged' });
      expect(shown?.next).toContain('update telnyx-credentials-mcp');
      const { findings } = dataOf<{ findings: object[] }>(await server.call('report_credential_health'));
      expect(findings[0]).toMatchObject({ finding: 'rotation_damaged', examples: [{ id: rotation.id }] });
    }
    expect(changesIn(app.sandbox)).toHaveLength(before);
  },
);

test('a damaged rotation of another account is not told of, but for one whose beginning is damaged', async () => {
  await using place = await town();
  await using mine = await place.server('first');
  await stoppedAtDeletion(mine, place.first);
  await using theirs = await place.server('other');
  const told = async () =>
    dataOf<{ findings: { finding: string }[] }>(await theirs.call('report_credential_health')).findings.filter(
      ({ finding }) => finding === 'rotation_damaged',
    ).length;
  const whole = readFileSync(fileOf(mine), 'utf8');
  appendFileSync(fileOf(mine), '{"mac":"x","record":{}}\n');
  expect([await told(), await rotationsOf(theirs)]).toEqual([0, []]);
  writeFileSync(fileOf(mine), whole.replace('"began"', '"begun"'));
  expect([await told(), (await rotationsOf(theirs)).length]).toEqual([1, 1]);
});

test('what is damaged is listed before what began since', async () => {
  await using app = await startApp({ person: yes });
  const [first, second] = [...app.sandbox.world.telephony.values()].filter((row) => !app.sandbox.world.isExpired(row));
  await app.call('rotate_telephony_credential', { id: first?.id, overlap: '30m' });
  appendFileSync(fileOf(app), '{"mac":"x","record":{}}\n');
  await app.call('rotate_telephony_credential', { id: second?.id, overlap: '30m' });
  expect((await rotationsOf(app)).map(({ state }) => state)).toEqual(['damaged', 'overlap']);
});

test('a job that a crash kept from beginning is none', async () => {
  await using app = await startApp({ person: yes });
  await app.call('rotate_telephony_credential', { id: livingIn(app.sandbox), overlap: '30m' });
  writeFileSync(join(app.stateDir, 'journal', 'open', `${'0'.repeat(24)}.new`), '');
  expect(errorOf(await app.call('get_rotation', { id: '0'.repeat(24) })).code).toBe('NOT_FOUND');
  expect(await rotationsOf(app)).toHaveLength(1);
});

test('a file of somebody among the jobs is none', async () => {
  await using app = await startApp({ person: yes });
  await app.call('rotate_telephony_credential', { id: livingIn(app.sandbox), overlap: '30m' });
  writeFileSync(join(app.stateDir, 'journal', 'open', 'zzz.jsonl'), 'junk');
  for (const name of ['get_rotation', 'continue_rotation', 'roll_back_rotation'])
    expect(errorOf(await app.call(name, { id: 'zzz' })).code).toBe('NOT_FOUND');
  expect(await rotationsOf(app)).toHaveLength(1);
});

test('a finished rotation that was altered is told of in its place, and cannot be looked at as if it was whole', async () => {
  await using app = await startApp({ person: yes });
  await app.call('rotate_telephony_credential', { id: livingIn(app.sandbox), overlap: '0' });
  const folder = join(app.stateDir, 'journal', 'done');
  const [name = ''] = readdirSync(folder);
  const path = join(folder, name);
  const id = name.replace('.jsonl', '');
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, whole.replace('"done"', '"dome"'));
  const shown = { id, kind: 'unknown', state: 'damaged', next: expect.stringContaining('journal verify') };
  expect(await rotationsOf(app)).toEqual([expect.objectContaining(shown)]);
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation', { id }));
  expect(rotations).toEqual([expect.objectContaining(shown)]);
  expect(errorOf(await app.call('continue_rotation', { id })).code).toBe('CONFLICT');
  writeFileSync(path, whole);
  expect(await rotationsOf(app)).toMatchObject([{ id, state: 'done' }]);
});

test('a rotation whose record was removed is not begun again', async () => {
  await using app = await startApp({ person: yes });
  const oldId = livingIn(app.sandbox);
  await app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' });
  rmSync(fileOf(app));
  const error = errorOf(await app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' }));
  expect(error).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('Its file is gone') });
});

test('whoever loses the lease while a create waits out a 429 does not send it again', async () => {
  await using app = await startApp({ person: yes });
  const oldId = livingIn(app.sandbox);
  const creates = () =>
    app.sandbox.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/telephony_credentials'));
  app.sandbox.fault({
    method: 'POST',
    path: '/telephony_credentials',
    respond: { status: 429, headers: { 'retry-after': '1' }, body: { errors: [] } },
  });
  const before = app.sandbox.world.telephony.size;
  const call = app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' });
  await until(() => creates().length === 1);
  // As if this process had been taken for dead, and another had gone on.
  rmSync(join(app.stateDir, 'journal', 'leases'), { recursive: true });
  expect(errorOf(await call)).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('taken for dead') });
  expect(creates()).toHaveLength(1);
  expect(app.sandbox.world.telephony.size).toBe(before);
});

test('who goes on with a rotation that someone else is at is told so, and nothing is done', async () => {
  await using app = await startApp({ person: yes });
  const oldId = livingIn(app.sandbox);
  const begun = await app.call('rotate_telephony_credential', { id: oldId, overlap: '30m' });
  const { rotation } = dataOf<{ rotation: View }>(begun);
  const journal = openJournal(
    app.stateDir,
    () => openStateKey(app.stateDir),
    () => new Date(),
  );
  await using lease = (await journal.lease(oldId)) as Lease;
  const before = changesIn(app.sandbox).length;
  for (const name of ['continue_rotation', 'roll_back_rotation']) {
    const told = dataOf<{ status: string; message: string }>(await app.call(name, { id: rotation.id }));
    expect([name, told.status]).toEqual([name, 'in_progress']);
    expect(told.message).toMatch(/^Nothing was done by this call, since someone else is working/);
  }
  expect(changesIn(app.sandbox)).toHaveLength(before);
  lease.check();
});

test('a list of rotations goes on where its page ended, the finished ones last', async () => {
  await using app = await startApp({ person: yes });
  const living = [...app.sandbox.world.telephony.values()].filter((row) => !app.sandbox.world.isExpired(row));
  const ids = living.slice(0, 5).map(({ id }) => id);
  for (const [index, id] of ids.entries()) {
    const result = await app.call('rotate_telephony_credential', { id, overlap: index < 2 ? '30m' : '0' });
    if (result.isError) throw new Error(textOf(result));
  }
  const seen: View[] = [];
  for (let cursor: string | undefined, pages = 0; pages === 0 || cursor !== undefined; pages += 1) {
    const page = dataOf<{ rotations: View[]; next_cursor?: string }>(
      await app.call('get_rotation', { limit: 2, ...(cursor !== undefined && { cursor }) }),
    );
    seen.push(...page.rotations);
    cursor = page.next_cursor;
    expect(pages).toBeLessThan(4);
  }
  expect(seen.map(({ state }) => state)).toEqual(['overlap', 'overlap', 'done', 'done', 'done']);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(5);
});
