import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataOf, errorOf, type Options, type Person, type Started, startApp, textOf, yes } from './app.ts';
import { until } from './until.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

interface View {
  id: string;
  state: string;
  old: { id: string; name: string; sip_username: string; expires_at: string };
  successor: { id: string; name: string; sip_username: string };
  secret: { destination: string; place: string; fingerprint: string };
  retires_at: string | null;
  done: string[];
  left: string[];
  warnings: string[];
  next?: string;
}
interface Result {
  status: string;
  rotation: View;
  message?: string;
  plan?: { steps: string[]; asks: string; secret_to: string };
}

/** A clock that stands still until it is told to go on. */
function clock() {
  let at = Date.now();
  return { now: () => new Date(at), advance: (ms: number) => (at += ms) };
}

interface Stage extends Started {
  advance(ms: number): void;
  /** A credential that lives, on a connection, with a year of life. */
  old(expiresInDays?: number): Promise<{ id: string; connection_id: string; sip_username: string; expires_at: string }>;
  rotate(args: Record<string, unknown>): Promise<Result>;
  rotation(name: string, args: Record<string, unknown>): Promise<Result>;
}

async function stage(options: Options = {}): Promise<Stage> {
  const { now, advance } = clock();
  const started = await startApp({ person: yes, now, ...options, sandbox: { now, ...options.sandbox } });
  const rotation = async (name: string, args: Record<string, unknown>) => {
    const answer = await started.call(name, args);
    if (answer.isError) throw new Error(textOf(answer));
    return dataOf<Result>(answer);
  };
  return Object.assign(started, {
    advance,
    rotation,
    rotate: (args: Record<string, unknown>) => rotation('rotate_telephony_credential', args),
    old: async (expiresInDays = 300) => {
      const { connections } = dataOf<{ connections: { id: string }[] }>(await started.call('list_connections'));
      const made = await started.call('create_telephony_credential', {
        connection_id: connections[0]?.id,
        name: 'front desk',
        expires_at: new Date(now().getTime() + expiresInDays * DAY).toISOString(),
      });
      return dataOf<{ credential: Awaited<ReturnType<Stage['old']>> }>(made).credential;
    },
  });
}

test('a rotation makes a successor, hands its password over, tries it, and lets the old one expire', async () => {
  await using app = await stage({ reads: ['name', 'expires_at'] });
  const old = await app.old();
  const before = app.sandbox.world.telephony.size;
  const { status, rotation } = await app.rotate({ id: old.id, overlap: '30m', tag: 'team-a', reason: 'yearly' });
  expect(status).toBe('done');
  expect(rotation).toMatchObject({ state: 'overlap', old: { id: old.id, sip_username: old.sip_username } });
  expect(app.sandbox.world.telephony.size).toBe(before + 1);
  const successor = app.sandbox.world.telephony.get(rotation.successor.id);
  expect(successor).toMatchObject({
    name: 'front desk',
    tag: 'team-a',
    resource_id: `connection:${old.connection_id}`,
  });
  const kept = JSON.parse(readFileSync(rotation.secret.place, 'utf8')) as Record<string, string>;
  expect(kept.sip_password).toBe(successor?.sip_password);
  expect(Date.parse(`${rotation.retires_at}`)).toBeGreaterThan(Date.now() + 29 * MINUTE);
  const { telephony_credentials: rows } = dataOf<{ telephony_credentials: { expires_at: string }[] }>(
    await app.call('list_telephony_credentials', { sip_username: old.sip_username }),
  );
  expect(rows[0]?.expires_at).toBe(rotation.retires_at);
  expect(rotation.old.expires_at).toBe(rotation.retires_at);
  expect(rotation.successor).toHaveProperty('expires_at');
  expect(rotation.done.join()).toContain(`hand over its password (to ${rotation.secret.place})`);
  expect(rotation.done.join()).toContain(`(it expires ${rotation.retires_at})`);
  expect(rotation.warnings.join(' ')).toContain(rotation.successor.sip_username);
  expect(app.asked).toHaveLength(1);
});

test('after the overlap the old one is deleted, once the person agrees', async () => {
  await using app = await stage({ reads: ['name'] });
  const old = await app.old();
  const { rotation } = await app.rotate({ id: old.id, overlap: '30m' });
  const early = await app.rotation('continue_rotation', { id: rotation.id });
  expect(early.rotation.state).toBe('overlap');
  expect(app.sandbox.world.telephony.has(old.id)).toBe(true);
  app.advance(31 * MINUTE);
  const seen = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  expect(seen.rotations[0]).toMatchObject({ id: rotation.id, state: 'old_one_left', left: ['delete the old one'] });
  const { rotation: after } = await app.rotation('continue_rotation', { id: rotation.id });
  expect(after).toMatchObject({ state: 'done', left: [] });
  expect(app.sandbox.world.telephony.has(old.id)).toBe(false);
  expect(app.asked.at(-1)?.message).toContain(`Delete the telephony credential "front desk"`);
});

test('no overlap deletes the old one at once, and the question says so', async () => {
  await using app = await stage();
  const old = await app.old();
  const { rotation } = await app.rotate({ id: old.id, overlap: '0' });
  expect(app.asked[0]?.message).toContain('DELETED AT ONCE');
  expect(rotation.state).toBe('done');
  expect(app.sandbox.world.telephony.has(old.id)).toBe(false);
});

test('rotating what is being rotated gives that rotation, and asks nobody', async () => {
  await using app = await stage();
  const old = await app.old();
  const first = await app.rotate({ id: old.id });
  const second = await app.rotate({ id: old.id, overlap: '0' });
  expect(second.rotation.id).toBe(first.rotation.id);
  expect(app.asked).toHaveLength(1);
});

test('rotating it again says when and by which arguments it was begun, and what to do for another one', async () => {
  await using app = await stage();
  const old = await app.old();
  await app.rotate({ id: old.id, overlap: '90m', tag: 'team "a"', reason: 'a leak' });
  const { message } = await app.rotate({ id: old.id, overlap: '0', dry_run: false });
  expect(message).toMatch(/begun before, \d{4}-\d\d-\d\d \d\d:\d\d UTC, with overlap 90m/);
  for (const part of [`tag "team 'a'"`, 'deliver_to vault', 'reason "a leak"', 'roll_back_rotation', 'not used'])
    expect(message).toContain(part);
  const { plan } = await app.rotate({ id: old.id, overlap: '0', dry_run: true });
  expect(plan?.steps).toEqual([expect.stringMatching(/^nothing: rotation \w+ was begun before$/)]);
});

test('two calls at once make one rotation', async () => {
  await using app = await stage();
  const old = await app.old();
  const before = app.sandbox.world.telephony.size;
  await Promise.all([1, 2, 3].map(() => app.call('rotate_telephony_credential', { id: old.id })));
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  expect(rotations).toHaveLength(1);
  expect(app.sandbox.world.telephony.size).toBe(before + 1);
});

test('an expired credential gets a successor and is left as it is', async () => {
  await using app = await stage({ reads: ['expires_at'] });
  const old = await app.old(1);
  app.advance(2 * DAY);
  const { rotation } = await app.rotate({ id: old.id });
  expect(rotation).toMatchObject({ state: 'done' });
  expect(rotation).not.toHaveProperty('retires_at');
  expect(app.sandbox.world.telephony.has(old.id)).toBe(true);
});

test('an old one that would end sooner keeps its own end', async () => {
  await using app = await stage({ reads: ['expires_at'] });
  const old = await app.old(1);
  const { rotation } = await app.rotate({ id: old.id, overlap: '7d' });
  expect(Date.parse(`${rotation.retires_at}`)).toBe(Date.parse(old.expires_at));
});

const lives: [string, Record<string, unknown>, number | null][] = [
  ['as long a life as the old one had', {}, 300],
  ['the life asked for', { expires_in: '90d' }, 90],
  ['the end asked for', { expires_at: new Date(Date.now() + 10 * DAY).toISOString() }, 10],
];
test.each(lives)('the successor has %s', async (_, args, days) => {
  await using app = await stage({ reads: ['expires_at', 'created_at'] });
  const old = await app.old();
  const { rotation } = await app.rotate({ id: old.id, ...args });
  const { expires_at } = dataOf<{ expires_at: string }>(
    await app.call('get_telephony_credential', { id: rotation.successor.id }),
  );
  expect((Date.parse(expires_at) - Date.now()) / DAY).toBeCloseTo(days ?? 0, 1);
});

test('a rollback gives the old one its expiry back and deletes the successor', async () => {
  await using app = await stage({ reads: ['expires_at'] });
  const old = await app.old();
  const was = { ...app.sandbox.world.telephony.get(old.id) };
  const { rotation } = await app.rotate({ id: old.id });
  const { rotation: back } = await app.rotation('roll_back_rotation', { id: rotation.id });
  expect(back.state).toBe('rolled_back');
  expect(app.sandbox.world.telephony.has(rotation.successor.id)).toBe(false);
  const is = app.sandbox.world.telephony.get(old.id);
  expect(Date.parse(`${is?.expires_at}Z`)).toBe(Date.parse(`${was.expires_at}Z`));
  expect(back.warnings.join(' ')).toContain('hand_off_secret');
});

test('a credential that never expired never expires again after a rollback', async () => {
  await using app = await stage({ reads: ['expires_at', 'created_at'] });
  const [id] = [...app.sandbox.world.telephony.values()]
    .filter((row) => row.expires_at > '2040' && !app.sandbox.world.isExpired(row))
    .map((row) => row.id);
  const before = app.sandbox.world.telephony.get(`${id}`)?.expires_at;
  const { rotation } = await app.rotate({ id });
  await app.rotation('roll_back_rotation', { id: rotation.id });
  expect(app.sandbox.world.telephony.get(`${id}`)?.expires_at.slice(0, 19)).toBe(`${before}`.slice(0, 19));
});

test('a rollback after the end of the old one is refused, and the successor lives', async () => {
  await using app = await stage({ reads: ['expires_at'] });
  const old = await app.old();
  const { rotation } = await app.rotate({ id: old.id, overlap: '30m' });
  app.advance(31 * MINUTE);
  const { code, message } = errorOf(await app.call('roll_back_rotation', { id: rotation.id }));
  expect({ code, message }).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('too late') });
  expect(app.sandbox.world.telephony.has(rotation.successor.id)).toBe(true);
});

test('a rotation whose successor was rotated goes back last', async () => {
  await using app = await stage();
  const old = await app.old();
  const first = await app.rotate({ id: old.id });
  const second = await app.rotate({ id: first.rotation.successor.id });
  expect(errorOf(await app.call('roll_back_rotation', { id: first.rotation.id })).message).toContain(
    second.rotation.id,
  );
  await app.rotation('roll_back_rotation', { id: second.rotation.id });
  expect((await app.rotation('roll_back_rotation', { id: first.rotation.id })).rotation.state).toBe('rolled_back');
});

test('a tag that Telnyx refuses does not hold up the rest, and is told', async () => {
  await using app = await stage();
  const old = await app.old();
  app.sandbox.fault({
    method: 'PATCH',
    when: ({ body }) => typeof body === 'object' && body !== null && 'tag' in body,
    respond: { status: 422, body: { errors: [{ code: '10015', title: 'too many of this tag' }] } },
  });
  const { status, rotation } = await app.rotate({ id: old.id, tag: 'team', overlap: '1h' });
  expect({ status, state: rotation.state }).toEqual({ status: 'done', state: 'overlap' });
  expect(rotation.warnings).toContainEqual(expect.stringContaining('refused the tag'));
  expect(app.sandbox.world.telephony.get(rotation.successor.id)?.tag).toBe(`mcp_rotation_${rotation.id}`);
  expect((await app.rotation('roll_back_rotation', { id: rotation.id })).rotation.state).toBe('rolled_back');
});

test('a successor that an earlier try had made is told of when it is taken up, and so is what a rollback restores', async () => {
  await using app = await stage({ limits: { requestMs: 5000, callMs: 8000, recoveryMs: 1000 }, reads: ['expires_at'] });
  const old = await app.old();
  app.sandbox.fault({ method: 'POST', path: '/telephony_credentials', reset: 'after' });
  app.sandbox.fault({ method: 'GET', path: '/telephony_credentials', times: 8, respond: { status: 500 } });
  expect((await app.call('rotate_telephony_credential', { id: old.id })).isError).toBe(true);
  app.sandbox.clearFaults();
  app.advance(60_000);
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  const { rotation } = await app.rotation('continue_rotation', { id: rotations[0]?.id });
  expect(rotation.state).toBe('overlap');
  expect(rotation.warnings.join()).toContain('An earlier try had made a successor: it was found, and taken up.');
  const back = await app.rotation('roll_back_rotation', { id: rotation.id });
  expect(back.rotation).toMatchObject({ state: 'rolled_back', old: { expires_at: old.expires_at } });
  expect(back.rotation).not.toHaveProperty('retires_at');
  expect(back.rotation.done.join()).toContain(`former expiry back (it expires ${old.expires_at})`);
});

test('a call that is cancelled amid a rotation counts as no failure of it', async () => {
  await using app = await stage();
  const old = await app.old();
  app.sandbox.fault({ method: 'PATCH', hang: 'before', times: 1 });
  const cancel = new AbortController();
  const { signal } = cancel;
  const call = app.client.callTool({ name: 'rotate_telephony_credential', arguments: { id: old.id } }, undefined, {
    signal,
  });
  await until(() => app.sandbox.requests.some(({ method }) => method === 'PATCH'));
  cancel.abort();
  await expect(call).rejects.toThrow();
  await until(() => readdirSync(join(app.stateDir, 'journal', 'leases')).length === 0);
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  expect(rotations[0]?.done).toHaveLength(3);
  expect(rotations[0]?.done.join()).not.toContain('failed');
  const { rotation } = await app.rotation('continue_rotation', { id: rotations[0]?.id });
  expect(rotation.state).toBe('overlap');
});

test('a successor that was never recorded, and then rotated by hand, is not deleted by a rollback', async () => {
  await using app = await stage({ limits: { requestMs: 5000, callMs: 8000, recoveryMs: 1000 } });
  const old = await app.old();
  const before = new Set(app.sandbox.world.telephony.keys());
  app.sandbox.fault({ method: 'POST', path: '/telephony_credentials', reset: 'after' });
  app.sandbox.fault({ method: 'GET', path: '/telephony_credentials', times: 8, respond: { status: 500 } });
  expect((await app.call('rotate_telephony_credential', { id: old.id })).isError).toBe(true);
  const [stray = ''] = [...app.sandbox.world.telephony.keys()].filter((id) => !before.has(id));
  expect(stray).not.toBe('');
  app.sandbox.clearFaults();
  const { rotation: later } = await app.rotate({ id: stray });
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  const first = rotations.find(({ id }) => id !== later.id);
  app.advance(60_000);
  expect(errorOf(await app.call('roll_back_rotation', { id: first?.id })).message).toContain(later.id);
  expect(app.sandbox.world.telephony.has(stray)).toBe(true);
});

const noes: [string, Person][] = [
  ['declines', () => ({ action: 'decline' })],
  ['does not answer', () => ({ action: 'cancel' })],
  ['accepts without a tick', () => ({ action: 'accept', content: { confirm: false } })],
];
test.each(noes)('a person who %s changes nothing', async (_, person) => {
  await using app = await stage({ person });
  const old = await app.old();
  const before = JSON.stringify([...app.sandbox.world.telephony]);
  const { status } = await app.rotate({ id: old.id, overlap: '0' });
  expect(['declined', 'unanswered']).toContain(status);
  expect(JSON.stringify([...app.sandbox.world.telephony])).toBe(before);
  expect(dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations).toEqual([]);
});

test('a person who answers after the world moved is asked again', async () => {
  let asked = 0;
  const app = await stage({
    reads: ['name'],
    person: (question) => {
      asked += 1;
      for (const row of app.sandbox.world.telephony.values()) if (row.name === 'front desk') row.name = 'back desk';
      return asked < 3 ? yes(question) : { action: 'decline' };
    },
  });
  await using _ = app;
  const old = await app.old();
  const { status } = await app.rotate({ id: old.id, overlap: '0' });
  expect(asked).toBeGreaterThan(1);
  expect(status === 'done' || status === 'declined').toBe(true);
  expect(app.asked.at(-1)?.message).toContain('back desk');
});

test('a successor that takes a while to work is tried again', async () => {
  await using app = await stage();
  const old = await app.old();
  const refusal = { status: 404, body: { errors: [{ code: '10005', title: 'Not found' }] } };
  app.sandbox.fault({ method: 'POST', path: /token$/, times: 2, respond: refusal });
  const { status, rotation } = await app.rotate({ id: old.id });
  expect(status).toBe('done');
  expect(rotation.state).toBe('overlap');
});

test('a successor that never works leaves the old one alone, and says how to go on', async () => {
  await using app = await stage({ limits: { requestMs: 5000, callMs: 8000, recoveryMs: 1000 } });
  const old = await app.old();
  const was = app.sandbox.world.telephony.get(old.id)?.expires_at;
  const refusal = { status: 422, body: { errors: [{ code: '10015', title: 'no' }] } };
  app.sandbox.fault({ method: 'POST', path: /token$/, times: Number.POSITIVE_INFINITY, respond: refusal });
  const { status, rotation } = await app.rotate({ id: old.id });
  expect({ status, state: rotation.state }).toEqual({ status: 'in_progress', state: 'in_progress' });
  expect(rotation.next).toContain('continue_rotation');
  app.advance(31_000);
  const failure = errorOf(await app.call('continue_rotation', { id: rotation.id }));
  expect(failure.message).toContain('stopped at "see that it can log in"');
  expect(failure.next).toContain('roll_back_rotation');
  expect(app.sandbox.world.telephony.get(old.id)?.expires_at).toBe(was);
});

const meanwhile: [string, (row: { expires_at: string; resource_id: string }, other: string) => void, string][] = [
  ['gave it another expiry', (row) => (row.expires_at = '2031-05-05T05:05:05'), 'its expiry is 2031'],
  ['moved it', (row, other) => (row.resource_id = `connection:${other}`), 'it is on connection'],
];
test.each(meanwhile)(
  'an old one whose owner %s meanwhile is left alone until the person agrees',
  async (_, change, says) => {
    await using app = await stage({ reads: ['expires_at'] });
    const old = await app.old();
    const other = [...app.sandbox.world.connections.values()].find(
      ({ kind, id }) => kind === 'credential' && id !== old.connection_id,
    );
    app.sandbox.fault({
      method: 'POST',
      path: /token$/,
      meanwhile: (world) => {
        const row = world.telephony.get(old.id);
        if (row) change(row, `${other?.id}`);
      },
    });
    const failure = errorOf(await app.call('rotate_telephony_credential', { id: old.id, overlap: '30m' }));
    expect(failure.message).toContain(says);
    const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
    const { rotation } = await app.rotation('continue_rotation', { id: rotations[0]?.id });
    expect(app.asked.at(-1)?.message).toContain(says);
    expect(rotation.state).toBe('overlap');
  },
);

test('an old one that somebody deleted meanwhile ends the rotation', async () => {
  await using app = await stage();
  const old = await app.old();
  app.sandbox.fault({ method: 'POST', path: /token$/, meanwhile: (world) => world.telephony.delete(old.id) });
  const { rotation } = await app.rotate({ id: old.id });
  expect(rotation.state).toBe('done');
  expect(rotation.warnings).toContain('The old credential was deleted by someone else.');
});

test('a destination that is of no use stops a rotation before it begins', async () => {
  await using app = await stage();
  const old = await app.old();
  const before = app.sandbox.world.telephony.size;
  errorOf(await app.call('rotate_telephony_credential', { id: old.id, deliver_to: 'file:/etc/not-here.env' }));
  expect(app.sandbox.world.telephony.size).toBe(before);
  expect(dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations).toEqual([]);
});

test('a create that Telnyx refuses ends the rotation, and another may begin', async () => {
  await using app = await stage();
  const old = await app.old();
  app.sandbox.fault({ method: 'POST', path: '/telephony_credentials', respond: { status: 422, body: { errors: [] } } });
  const failure = errorOf(await app.call('rotate_telephony_credential', { id: old.id }));
  expect(failure).toMatchObject({ code: 'VALIDATION', message: expect.stringContaining('before it changed anything') });
  expect((await app.rotate({ id: old.id })).rotation.state).toBe('overlap');
});

test('a dry run says what would be sent, and sends nothing', async () => {
  await using app = await stage();
  const old = await app.old();
  const sent = app.sandbox.requests.length;
  const { status, plan } = await app.rotate({ id: old.id, overlap: '0', tag: 'x', dry_run: true });
  expect(status).toBe('planned');
  expect(plan?.steps).toEqual([
    'create the successor',
    'hand over its password',
    'see that it can log in',
    'give it its tag',
    'delete the old one',
  ]);
  expect(plan?.asks).toContain('DELETED AT ONCE');
  expect(app.sandbox.requests.slice(sent).every(({ method }) => method === 'GET')).toBe(true);
});

const bad: [string, Record<string, unknown>][] = [
  ['an overlap that is no length of time', { overlap: 'soon' }],
  ['a negative overlap', { overlap: '-1h' }],
  ['an overlap of a hundred years', { overlap: '36500d' }],
  ['both ends of the successor', { expires_in: '1d', expires_at: '2040-01-01' }],
  ['a life of no length', { expires_in: '0' }],
  ['an end in the past', { expires_at: '2020-01-01' }],
];
test.each(bad)('%s is refused, and nothing is made', async (_, args) => {
  await using app = await stage();
  const old = await app.old();
  const before = app.sandbox.world.telephony.size;
  expect(errorOf(await app.call('rotate_telephony_credential', { id: old.id, ...args })).code).toBe('BAD_INPUT');
  expect(app.sandbox.world.telephony.size).toBe(before);
});

test('an overlap is not promised to an old one that ends before it is over', async () => {
  await using app = await stage({ reads: ['expires_at'] });
  const old = await app.old(2);
  await app.rotate({ id: old.id, overlap: '30d' });
  const asked = app.asked.at(-1)?.message;
  expect(asked).toMatch(/The old one expires [\d-]+ [\d:]+ UTC as it is, sooner than the overlap of 30d/);
  expect(asked).not.toContain('lives 30d more');
});

test('who wants an old one cut off before its overlap is over is told how', async () => {
  await using app = await stage();
  const old = await app.old();
  await app.rotate({ id: old.id, overlap: '24h' });
  const { message } = await app.rotate({ id: old.id, overlap: '0' });
  expect(message).toContain('delete_telephony_credential');
  expect(app.asked).toHaveLength(1);
});

test('a deletion whose answer was lost is not told as that of someone else', async () => {
  await using app = await stage();
  const old = await app.old();
  app.sandbox.fault({ method: 'DELETE', reset: 'after' });
  app.sandbox.fault({ method: 'DELETE', times: Infinity, respond: { status: 403 } });
  const failed = errorOf(await app.call('rotate_telephony_credential', { id: old.id, overlap: '0' }));
  app.sandbox.clearFaults();
  expect([failed.code, app.sandbox.world.telephony.has(old.id)]).toEqual(['PERMISSION', false]);
  const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation'));
  const { rotation } = await app.rotation('continue_rotation', { id: rotations[0]?.id });
  expect(rotation.state).toBe('done');
  expect(rotation.done.join() + rotation.warnings.join()).not.toContain('someone else');
});

test('a question after one that was answered and done is not told as a change of it', async () => {
  await using app = await stage();
  const old = await app.old();
  const args = { id: old.id, expires_at: new Date(Date.now() + 40 * DAY).toISOString() };
  const record = app.sandbox.world.telephony.get(old.id);
  for (const before of ['2090-01-01T00:00:00', '2091-01-01T00:00:00']) {
    if (record) record.expires_at = before;
    await app.rotation('update_telephony_credential', args);
  }
  expect(app.asked).toHaveLength(2);
  expect(app.asked[1]?.message).not.toContain('Changed since');
});
