import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openLocalPages } from '../src/approval/local-pages.ts';
import { openVault } from '../src/secrets/vault.ts';
import { dataOf, errorOf, type Options, type Started, startApp } from './app.ts';
import { press, sendFiles, visit } from './browser/visitor.ts';
import { appleCertificate, appleMaterial, BUNDLE_ID, bare, serviceAccount } from './material.ts';
import { archive } from './material-p12.ts';

const DELETE = 'delete_telephony_credential';
const idOf = (t: Started): string => [...t.sandbox.world.telephony.keys()][0] ?? '';
const deletions = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'DELETE').length;

interface Waiting {
  status: string;
  approval_id: string;
  message: string;
}

/** A server whose client declares no elicitation, and the addresses it opened in a browser. */
async function start(options: Options = {}): Promise<{ t: Started; launched: string[] }> {
  const launched: string[] = [];
  const launch = async (url: string): Promise<void> => void launched.push(url);
  return { t: await startApp({ launch, ...options }), launched };
}

test('a client that cannot ask gets an approval id at once, and the person a page', async () => {
  const { t, launched } = await start();
  await using _ = t;
  const id = idOf(t);
  const name = t.sandbox.world.telephony.get(id)?.name ?? '-';
  const asked = dataOf<Waiting>(await t.call(DELETE, { id }));
  expect(asked).toMatchObject({ status: 'needs_approval', approval_id: expect.stringMatching(/^[\w-]{36}$/) });
  expect(launched).toHaveLength(1);
  const page = await visit(launched[0] ?? '');
  expect(page.body).toContain(name);
  expect(page.body).toContain('Delete a telephony credential');
  const code = /code (\w{4}) /.exec(asked.message)?.[1] ?? '-';
  expect(page.body).toContain(code);

  const waiting = dataOf<Waiting>(await t.call(DELETE, { id, approval_id: asked.approval_id }));
  expect(waiting).toMatchObject({
    status: 'needs_approval',
    approval_id: asked.approval_id,
    message: expect.stringMatching(/for \d+ more seconds/),
  });
  expect(deletions(t)).toBe(0);

  expect((await press(page, { answer: 'accept' })).status).toBe(200);
  expect(deletions(t)).toBe(0);
  expect(dataOf(await t.call(DELETE, { id, approval_id: asked.approval_id }))).toEqual({ status: 'done', id });
  expect(deletions(t)).toBe(1);
  // Neither the address nor a part of it is in anything the model or a log gets.
  for (const secret of [new URL(launched[0] ?? '').pathname, new URL(page.url).pathname, page.token]) {
    expect(JSON.stringify([asked, waiting, t.log])).not.toContain(secret);
  }
});

test('an approval holds for the call that is meant, however it is written', async () => {
  const { t, launched } = await start();
  await using _ = t;
  const id = idOf(t);
  const written = { connection_id: null, name: 'renamed', tag: '' };
  const expires_at = new Date(Date.now() + 60_000).toISOString();
  const args = { id, ...written, expires_at, approval_id: '', dry_run: null };
  const { approval_id } = dataOf<Waiting>(await t.call('update_telephony_credential', args));
  await press(await visit(launched[0] ?? ''), { answer: 'accept' });
  const again = { expires_at, name: 'renamed', id, approval_id };
  expect(dataOf(await t.call('update_telephony_credential', again))).toMatchObject({ status: 'done' });
  expect(t.sandbox.requests.at(-1)?.body).toEqual({ name: 'renamed', expires_at });
});

test('calls that come at once have one page and one approval, which is good for one of them', async () => {
  const launched: string[] = [];
  // A browser takes its time to open.
  const launch = (url: string) => sleep(200, void launched.push(url));
  await using t = await startApp({ launch });
  const args = { id: idOf(t) };
  const asked = await Promise.all([1, 2, 3].map(async () => dataOf<Waiting>(await t.call(DELETE, args))));
  const [approval_id = '-', ...others] = new Set(asked.map((one) => one.approval_id));
  expect([others, launched.length]).toEqual([[], 1]);
  await press(await visit(launched[0] ?? ''), { answer: 'accept' });
  const again = await Promise.all([1, 2].map(() => t.call(DELETE, { ...args, approval_id })));
  const codes = again.map((result) => (result.isError ? errorOf(result).code : dataOf<Waiting>(result).status));
  expect(codes.sort()).toEqual(['BAD_INPUT', 'done']);
  expect(deletions(t)).toBe(1);
});

test('a question that is asked again has the page of the first, at whatever moment of its opening', async () => {
  const vault = openVault('/nowhere');
  for (let moments = 0; moments < 40; moments += 1) {
    const opening: (() => void)[] = [];
    const launch = () => new Promise<void>((resolve) => opening.push(resolve));
    const pages = openLocalPages({ env: {}, account: 'a', vault, clock: () => 0, launch });
    const asked = { key: 'k', title: 't', question: { text: 'q' }, state: 's' };
    const first = pages.approvals.ask(asked);
    while (opening.length === 0) await new Promise(setImmediate);
    opening[0]?.();
    for (let moment = 0; moment < moments; moment += 1) await undefined;
    const second = pages.approvals.ask(asked);
    await new Promise(setImmediate);
    for (const open of opening) open();
    expect([(await first).id === (await second).id, opening.length]).toEqual([true, 1]);
    await pages.close();
  }
});

test('files that nobody asks for leave the memory ten minutes after they were dropped', async () => {
  let url = '';
  const launch = async (address: string): Promise<void> => {
    url = address;
  };
  const pages = openLocalPages({ env: {}, account: 'a', vault: openVault('/nowhere'), clock: () => 0, launch });
  const { id } = await pages.uploads.open('t', async (files) =>
    files.map(({ name }) => ({ name, what: 'w', ok: true })),
  );
  const files = [{ name: 'a.json', data: Buffer.from('{}').toString('base64') }];
  const page = await visit(url);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await sendFiles(page, { action: 'use', files });
    expect(pages.uploads.take(id)).toHaveProperty('files');
    vi.advanceTimersByTime(10 * 60_000);
    expect(pages.uploads.take(id)).toBeUndefined();
  } finally {
    vi.useRealTimers();
    await pages.close();
  }
});

test('what was said at a page and never asked for is forgotten, and the person is asked anew', async () => {
  let now = 0;
  const { t, launched } = await start({ clock: () => now });
  await using _ = t;
  const args = { id: idOf(t) };
  const { approval_id } = dataOf<Waiting>(await t.call(DELETE, args));
  await press(await visit(launched[0] ?? ''), { answer: 'decline' });
  now += 10 * 60_000;
  expect(errorOf(await t.call(DELETE, { ...args, approval_id })).code).toBe('BAD_INPUT');
  const again = dataOf<Waiting>(await t.call(DELETE, args));
  expect([again.approval_id === approval_id, launched.length]).toEqual([false, 2]);
});

test('a ninth page is refused, and not for want of a browser', async () => {
  const { t } = await start();
  await using _ = t;
  const ids = [...t.sandbox.world.telephony.keys()];
  const results = [];
  for (const id of ids.slice(0, 9)) results.push(await t.call(DELETE, { id }));
  expect(results.map(({ isError }) => isError ?? false)).toEqual([...Array(8).fill(false), true]);
  results.push(await t.call('check_push_material', { type: 'ios', upload: true }));
  expect(results.flatMap((result) => (result.isError ? [errorOf(result).code] : []))).toEqual(['CONFLICT', 'CONFLICT']);
});

test('a refusal at the page is a no', async () => {
  const { t, launched } = await start();
  await using _ = t;
  const args = { id: idOf(t) };
  const { approval_id } = dataOf<Waiting>(await t.call(DELETE, args));
  await press(await visit(launched[0] ?? ''), { answer: 'decline' });
  expect(dataOf(await t.call(DELETE, { ...args, approval_id }))).toMatchObject({ status: 'declined' });
  expect(deletions(t)).toBe(0);
});

test('what is in use takes its phrase at the page, too', async () => {
  const { t, launched } = await start();
  await using _ = t;
  await t.sandbox.world.ready;
  const args = { id: [...t.sandbox.world.push.values()].find(({ alias }) => alias === 'acme-dialer-ios')?.id };
  const { approval_id } = dataOf<Waiting>(await t.call('delete_mobile_push_credential', args));
  const page = await visit(launched[0] ?? '');
  expect((await press(page, { answer: 'accept' })).status).toBe(422);
  expect(dataOf(await t.call('delete_mobile_push_credential', { ...args, approval_id }))).toMatchObject({
    status: 'needs_approval',
  });
  expect(
    (await press(page, { answer: 'accept', phrase: 'delete acme-dialer-ios in use by 2 connections' })).status,
  ).toBe(200);
  expect(dataOf(await t.call('delete_mobile_push_credential', { ...args, approval_id }))).toMatchObject({
    status: 'done',
  });
});

test('the same question again is the same page', async () => {
  const { t, launched } = await start();
  await using _ = t;
  const args = { id: idOf(t) };
  const first = dataOf<Waiting>(await t.call(DELETE, args));
  const second = dataOf<Waiting>(await t.call(DELETE, args));
  expect(second.approval_id).toBe(first.approval_id);
  expect(launched).toHaveLength(1);
});

test('an approval serves one call, of the thing as it was shown', async () => {
  const { t, launched } = await start();
  await using _ = t;
  const [id, other] = [...t.sandbox.world.telephony.keys()];
  const record = t.sandbox.world.telephony.get(id ?? '');
  const approve = async (args: object): Promise<string> => {
    const { approval_id } = dataOf<Waiting>(await t.call(DELETE, { ...args }));
    await press(await visit(launched.at(-1) ?? ''), { answer: 'accept' });
    return approval_id;
  };
  // Of another thing.
  const misplaced = await approve({ id });
  expect(dataOf(await t.call(DELETE, { id: other, approval_id: misplaced }))).toMatchObject({
    status: 'needs_approval',
  });
  // Of a thing that changed after the yes.
  const stale = await approve({ id });
  if (record) record.name = 'renamed';
  expect(dataOf(await t.call(DELETE, { id, approval_id: stale }))).toMatchObject({ status: 'needs_approval' });
  expect(deletions(t)).toBe(0);
  // Twice.
  const good = await approve({ id });
  expect(dataOf(await t.call(DELETE, { id, approval_id: good }))).toMatchObject({ status: 'done' });
  if (record) t.sandbox.world.telephony.set(record.id, record);
  expect(errorOf(await t.call(DELETE, { id, approval_id: good }))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/unknown, used or too old/),
  });
  expect(deletions(t)).toBe(1);
});

test.each(['x', '00000000-0000-4000-8000-000000000000'])('a made-up approval id %j is refused', async (approval_id) => {
  const { t } = await start();
  await using _ = t;
  expect(errorOf(await t.call(DELETE, { id: idOf(t), approval_id })).code).toBe('BAD_INPUT');
  expect(deletions(t)).toBe(0);
});

test('an approval older than ten minutes is worth nothing', async () => {
  let now = 0;
  const { t, launched } = await start({ clock: () => now });
  await using _ = t;
  const args = { id: idOf(t) };
  const { approval_id } = dataOf<Waiting>(await t.call(DELETE, args));
  await press(await visit(launched[0] ?? ''), { answer: 'accept' });
  now += 10 * 60_000;
  expect(dataOf(await t.call(DELETE, { ...args, approval_id }))).not.toMatchObject({ status: 'done' });
  expect(deletions(t)).toBe(0);
});

test.each([
  ['ios', false],
  ['android', true],
])('a service account dropped for %s is usable: %j', async (type, usable) => {
  const { t, launched } = await start();
  await using _ = t;
  const asked = dataOf<{ status: string }>(await t.call('check_push_material', { type, upload: true }));
  expect(asked.status).toBe('needs_upload');
  const files = [{ name: 'a.json', data: Buffer.from(JSON.stringify(serviceAccount())).toString('base64') }];
  const seen = await sendFiles(await visit(launched[0] ?? ''), { action: 'check', files });
  expect(JSON.parse(seen.body)).toMatchObject({ usable, found: [{ what: 'a service account key' }] });
});

const { certificate, key } = await appleMaterial();
const another = generateKeyPairSync('rsa', { modulusLength: 2048 });
const authority = appleCertificate({ key: another, ca: true });
const anotherKey = another.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

test.each<[string, (string | Buffer)[]]>([
  ['a certificate, an intermediate and the key', [certificate, authority, key]],
  ['an intermediate, the key and a certificate', [authority, key, certificate]],
  ['binary files', [bare(certificate), bare(authority), bare(key)]],
  ['two keys', [certificate, key, anotherKey]],
  ['one file with both and an intermediate', [certificate + key, authority]],
])('of all that was dropped at once nothing is left out: %s', async (_, dropped) => {
  const { t, launched } = await start();
  await using _t = t;
  const { upload_id } = dataOf<{ upload_id: string }>(
    await t.call('check_push_material', { type: 'ios', upload: true }),
  );
  const files = dropped.map((file, at) => ({ name: `${at}`, data: Buffer.from(file).toString('base64') }));
  await sendFiles(await visit(launched[0] ?? ''), { action: 'use', files });
  const checked = dataOf(await t.call('check_push_material', { type: 'ios', upload_id }));
  expect(checked).toMatchObject({ status: 'usable', certificate: { bundle_id: BUNDLE_ID } });
});

test.each<[string, string, string | Buffer]>([
  ['a second .p12', 'ios', archive({ certificates: [bare(certificate)], keys: [bare(key)] })],
  ['a second service account', 'android', JSON.stringify(serviceAccount())],
])('%s is not taken for the first: the page says that one is enough', async (_, type, file) => {
  const { t, launched } = await start();
  await using _t = t;
  await t.call('check_push_material', { type, upload: true });
  const files = ['a', 'b'].map((name) => ({ name, data: Buffer.from(file).toString('base64') }));
  const seen = await sendFiles(await visit(launched[0] ?? ''), { action: 'check', files });
  const second = { ok: false, what: expect.stringMatching(/^a second one: .*; leave only the one that is meant$/) };
  expect(JSON.parse(seen.body)).toMatchObject({ usable: false, found: [{ ok: true }, second] });
});

test('an APNs token key that is dropped is named and not taken', async () => {
  const { t, launched } = await start();
  await using _t = t;
  await t.call('check_push_material', { type: 'ios', upload: true });
  const { ecKey } = await appleMaterial();
  const files = [{ name: 'AuthKey_A1B2C3D4E5.p8', data: Buffer.from(ecKey).toString('base64') }];
  const seen = await sendFiles(await visit(launched[0] ?? ''), { action: 'check', files });
  const found = [{ ok: false, what: expect.stringMatching(/token key \(\.p8\).*Telnyx takes no token keys/) }];
  expect(JSON.parse(seen.body)).toMatchObject({ usable: false, found });
});

test('without a browser nobody can be asked', async () => {
  await using t = await startApp();
  expect(errorOf(await t.call(DELETE, { id: idOf(t) }))).toMatchObject({ code: 'CANNOT_ASK' });
  expect(deletions(t)).toBe(0);
});
