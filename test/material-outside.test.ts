import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataOf, errorOf, type Options, type Started, startApp, yes } from './app.ts';
import { press, visit } from './browser/visitor.ts';
import { appleMaterial, serviceAccount } from './material.ts';

const CREATE = 'create_mobile_push_credential';
const root = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-mcp-outside-')));
const [project, elsewhere] = [join(root, 'project'), join(root, 'elsewhere')];
const account = JSON.stringify(serviceAccount());
const { certificate, key } = await appleMaterial();

beforeAll(() => {
  for (const folder of [project, elsewhere]) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'account.json'), account);
    writeFileSync(join(folder, 'twin.json'), account);
    writeFileSync(join(folder, 'voip.pem'), certificate);
    writeFileSync(join(folder, 'voip.key'), key);
  }
  symlinkSync(join(elsewhere, 'account.json'), join(project, 'link.json'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const start = ({ config, ...options }: Options = {}) =>
  startApp({ person: yes, ...options, config: { allowDirs: [project], workingFolder: project, ...config } });
const android = (service_account_file: string) => ({ type: 'android', alias: 'new', service_account_file });
const ios = (certificate_file: string, private_key_file: string) => ({
  ...{ type: 'ios', alias: 'new' },
  ...{ certificate_file, private_key_file },
});
const uploads = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'POST').length;
const { project_id, client_email } = serviceAccount();

test.each<[string, Record<string, string>, string[]]>([
  ['a service account', android('../elsewhere/account.json'), [`${elsewhere}/account.json`, project_id, client_email]],
  ['one behind a link', android('link.json'), [`${elsewhere}/account.json`, project_id, client_email]],
  ['a key', ios('voip.pem', '../elsewhere/voip.key'), [`${elsewhere}/voip.key`, 'VoIP Services: com.example.dialer']],
])(
  '%s from outside the allowed folders is uploaded after a yes to its path and to what it is',
  async (_, args, named) => {
    await using t = await start();
    expect(dataOf(await t.call(CREATE, args))).toMatchObject({ status: 'done' });
    expect(t.asked).toHaveLength(1);
    for (const part of named) expect(t.asked[0]?.message).toContain(part);
    expect(t.asked[0]?.message).not.toContain(`${project}/`);
  },
);

test.each<[string, Options, string]>([
  ['declined', { person: () => ({ action: 'decline' }) }, 'declined'],
  ['left', { person: () => ({ action: 'cancel' }) }, 'unanswered'],
])('a question about such a file that is %s uploads nothing', async (_, options, status) => {
  await using t = await start(options);
  expect(dataOf(await t.call(CREATE, android('link.json')))).toMatchObject({ status });
  expect(uploads(t)).toBe(0);
});

test('without a way to ask such a file is not uploaded', async () => {
  await using t = await start({ person: undefined });
  expect(errorOf(await t.call(CREATE, android('link.json'))).code).toBe('CANNOT_ASK');
  expect(uploads(t)).toBe(0);
});

test.each<[string, NonNullable<Options['config']>, Record<string, string>]>([
  ['in an allowed folder', {}, android(join(project, 'account.json'))],
  ['in the working folder', { allowDirs: undefined }, ios('voip.pem', 'voip.key')],
])('material %s is uploaded without a question', async (_, config, args) => {
  await using t = await start({ config });
  expect(dataOf(await t.call(CREATE, args))).toMatchObject({ status: 'done' });
  expect(t.asked).toEqual([]);
});

test('no folder is allowed by itself where the working folder is a root', async () => {
  await using t = await start({ config: { allowDirs: undefined, workingFolder: '/' } });
  await t.call(CREATE, android(join(project, 'account.json')));
  expect(t.asked).toHaveLength(1);
});

test('a yes is to the path that was shown: the same account at another is asked about anew', async () => {
  const launched: string[] = [];
  const launch = async (url: string): Promise<void> => void launched.push(url);
  await using t = await start({ person: undefined, launch });
  const link = join(project, 'moving.json');
  symlinkSync(join(elsewhere, 'account.json'), link);
  const { approval_id } = dataOf<{ approval_id: string }>(await t.call(CREATE, android(link)));
  await press(await visit(launched[0] ?? ''), { answer: 'accept' });
  rmSync(link);
  symlinkSync(join(elsewhere, 'twin.json'), link);
  const again = dataOf<{ approval_id: string }>(await t.call(CREATE, { ...android(link), approval_id }));
  expect(again).toMatchObject({ status: 'needs_approval' });
  expect(uploads(t)).toBe(0);
  await press(await visit(launched[1] ?? ''), { answer: 'accept' });
  const done = await t.call(CREATE, { ...android(link), approval_id: again.approval_id });
  expect(dataOf(done)).toMatchObject({ status: 'done' });
});

test('a path outside that nobody can see as it is is refused', async () => {
  const hidden = join(elsewhere, 'a\u200bccount.json');
  writeFileSync(hidden, account);
  await using t = await start();
  expect(errorOf(await t.call(CREATE, android(hidden)))).toMatchObject({ code: 'BAD_INPUT' });
  expect([t.asked, uploads(t)]).toEqual([[], 0]);
});

test('the question of a rotation names the path of material from outside, and of no other', async () => {
  for (const [folder, times] of [
    [elsewhere, 1],
    [project, 0],
  ] as const) {
    await using t = await start();
    await t.sandbox.world.ready;
    const id = [...t.sandbox.world.push.values()].find(
      ({ type, alias }) => type === 'android' && /acme/.test(`${alias}`),
    )?.id;
    const args = { id, service_account_file: join(folder, 'account.json') };
    expect(dataOf(await t.call('rotate_mobile_push_credential', args))).toMatchObject({ status: 'done' });
    expect(t.asked[0]?.message.split(join(folder, 'account.json'))).toHaveLength(times + 1);
  }
});

const spaced = "my app's (old) key.json";

test.each<[string, string]>([
  ['as a file URL', pathToFileURL(join(elsewhere, spaced)).href],
  ['as a file URL of this host', pathToFileURL(join(elsewhere, spaced)).href.replace('file://', 'file://localhost')],
  ['in double quotes', `"${join(elsewhere, spaced)}"`],
  ['in single quotes, with a blank behind', `'${join(elsewhere, 'account.json')}' `],
  ['with backslashes, as a terminal writes it', join(elsewhere, "my\\ app\\'s\\ \\(old\\)\\ key.json")],
  ['with what looks like all of these in its name', join(elsewhere, '"a\\ b"')],
])('a path is read %s', async (_, path) => {
  writeFileSync(join(elsewhere, spaced), account);
  writeFileSync(join(elsewhere, '"a\\ b"'), account);
  await using t = await start();
  const checked = await t.call('check_push_material', { type: 'android', service_account_file: path });
  expect(dataOf(checked)).toMatchObject({ status: 'usable' });
});

test.each([
  ['of the web', 'https://example.com/a.json', 'is a web address, not a path on this machine'],
  ['of a file elsewhere', 'file://server/share/a.json', 'is a web address, not a path on this machine'],
  ['quoted, of no file', "'nowhere at all.json'", 'does not exist'],
])('an address %s is refused and named', async (_, path, says) => {
  await using t = await start();
  const { message } = errorOf(await t.call('check_push_material', { type: 'android', service_account_file: path }));
  expect(message).toContain(says);
});
