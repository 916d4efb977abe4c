import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../src/tools/index.ts';
import { errorOf, type Started, startApp, yes } from './app.ts';
import { appleMaterial, bare, serviceAccount } from './material.ts';
import { archive } from './material-p12.ts';

let t: Started;
let at: (name: string) => string;

beforeAll(async () => {
  t = await startApp({ person: yes });
  at = (name) => join(t.stateDir, name);
  const { certificate, key, otherKey, lockedKey, ecKey, p12 } = await appleMaterial();
  const files: Record<string, string | Buffer> = {
    'cert.pem': certificate,
    'key.pem': key,
    'other.pem': otherKey,
    'locked.pem': lockedKey,
    'apns.p8': ecKey,
    'voip.p12': p12,
    'account.json': JSON.stringify(serviceAccount()),
    'no-key.json': JSON.stringify({ ...serviceAccount(), private_key: undefined }),
    'google-services.json': JSON.stringify({ project_info: { project_id: 'p' }, client: [] }),
    'oauth.json': JSON.stringify({ installed: { client_secret: 'GOCSPX-canary' } }),
    'broken.json': '{"type": "service_account", "private_key": "canary',
    'array.json': '[]',
    'notes.txt': 'canary: my diary',
    'empty.pem': '',
    'huge.pem': Buffer.alloc(5 * 1024 * 1024, 'a'),
    'unreadable.pem': 'canary',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(at(name), content);
  chmodSync(at('unreadable.pem'), 0);
  mkdirSync(at('folder'));
  execFileSync('mkfifo', [at('pipe')]);
});
afterAll(() => t[Symbol.asyncDispose]());

const ID = 'c215ade3-0d39-418e-94be-c5f780760199';
const arguments_: [title: string, tool: string, args: Record<string, unknown>, says: RegExp][] = [
  ['an undeclared argument', 'get_telephony_credential', { id: ID, reveal: true }, /Unrecognized key: "reveal"/],
  [
    'a tool argument that would skip the question',
    'delete_telephony_credential',
    { id: ID, confirm: true },
    /Unrecognized key/,
  ],
  ['an undeclared argument without a value', 'get_telephony_credential', { id: ID, reveal: null }, /Unrecognized key/],
  ['a wrong type', 'list_telephony_credentials', { name: 5 }, /expected string/],
  ['text where a number is asked for', 'list_telephony_credentials', { limit: 'ten' }, /expected number/],
  ['half a number as text', 'list_telephony_credentials', { limit: '1.5' }, /expected number/],
  ['a number as text that is too large', 'list_telephony_credentials', { limit: '501' }, /<=500/],
  ['true as text', 'delete_telephony_credential', { id: ID, dry_run: 'true' }, /expected boolean/],
  ['an id that is null', 'get_telephony_credential', { id: null }, /^id is required, and was given without a value/],
  ['a connection that is null', 'create_telephony_credential', { connection_id: null }, /^connection_id is required/],
  ['a platform that is empty', 'create_mobile_push_credential', { type: '', alias: 'a' }, /^type is required/],
  ['a missing id', 'get_telephony_credential', {}, /id/],
  ['an id that is a path', 'get_telephony_credential', { id: '../balance' }, /an id holds only/],
  ['an id that is encoded', 'delete_mobile_push_credential', { id: '%2e%2e%2fbalance' }, /an id holds only/],
  ['an empty id', 'get_mobile_push_credential', { id: '' }, /^id is required, and was given without a value/],
  ['limit 0', 'list_telephony_credentials', { limit: 0 }, />=1/],
  ['limit 501', 'list_connections', { limit: 501 }, /<=500/],
  ['half a limit', 'list_connections', { limit: 1.5 }, /int/],
  ['a forged cursor', 'list_telephony_credentials', { cursor: '100.AAAAAAAAAAAAAAAA' }, /not given by this list/],
  ['a cursor of no known form', 'list_connections', { cursor: 'eyJvZmZzZXQiOjUwfQ' }, /not given by this list/],
  ['an unknown status', 'list_telephony_credentials', { status: 'inactive' }, /active/],
  ['an unknown kind of connection', 'list_connections', { kind: 'texml' }, /credential/],
  ['a part of a name too short to search', 'list_connections', { name: 'ab' }, />=3/],
  ['a name with a line break', 'create_telephony_credential', { connection_id: '1', name: 'a\nb' }, /one line/],
  ['no connection', 'create_telephony_credential', { name: 'x' }, /connection_id/],
  [
    'an expiry that is no date',
    'create_telephony_credential',
    { connection_id: '1', expires_at: 'tomorrow' },
    /not an ISO 8601 date/,
  ],
  [
    'a day that does not exist',
    'create_telephony_credential',
    { connection_id: '1', expires_at: '2099-02-31' },
    /not an ISO 8601 date/,
  ],
  [
    'a date in the past',
    'create_telephony_credential',
    { connection_id: '1', expires_at: '2020-01-01T00:00:00Z' },
    /in the future/,
  ],
  ['an update to the past', 'update_telephony_credential', { id: ID, expires_at: '2020-01-01' }, /in the future/],
  ['an update of nothing', 'update_telephony_credential', { id: ID }, /Nothing to change/],
  ['an unknown platform', 'create_mobile_push_credential', { type: 'web', alias: 'a' }, /ios/],
  ['an alias with hidden characters', 'create_mobile_push_credential', { type: 'ios', alias: 'a\u200bb' }, /visible/],
  [
    'key material as an argument',
    'create_mobile_push_credential',
    { type: 'ios', alias: 'a', private_key: 'x' },
    /Unrecognized key/,
  ],
];

test.each(arguments_)('%s is refused before anything is sent', async (_, tool, args, says) => {
  const before = t.sandbox.requests.length;
  const error = errorOf(await t.call(tool, args));
  expect(error).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(says),
    next: expect.stringMatching(/\w/),
  });
  expect(t.sandbox.requests.length).toBe(before);
});

const selectors = catalogue.flatMap(({ name, selects = [] }) => selects.map((argument) => ({ name, argument })));

test.each(selectors.flatMap((selector) => [null, ''].map((value) => ({ ...selector, value }))))(
  'of $name the $argument $value is refused: without it there may be more',
  async ({ name, argument, value }) => {
    const before = t.sandbox.requests.length;
    const error = errorOf(await t.call(name, { [argument]: value }));
    expect(error).toEqual({
      code: 'BAD_INPUT',
      message: expect.stringContaining(`${argument} was given without a value`),
      next: expect.stringContaining('or leave it out'),
    });
    expect(t.sandbox.requests.length).toBe(before);
  },
);

test('a cursor of one list or of other filters opens no other', async () => {
  await using big = await startApp({ sandbox: { credentials: 60 } });
  const first = await big.call('list_telephony_credentials', { limit: 10 });
  const cursor = (first.structuredContent as { next_cursor: string }).next_cursor;
  for (const [tool, args] of [
    ['list_connections', {}],
    ['list_telephony_credentials', { status: 'expired' }],
  ] as const) {
    expect(errorOf(await big.call(tool, { ...args, cursor })).code).toBe('BAD_INPUT');
  }
});

type Files = Partial<Record<'certificate_file' | 'private_key_file' | 'service_account_file', string>>;
const ios = (certificate_file: string, private_key_file: string): Files => ({ certificate_file, private_key_file });
const files: [title: string, type: string, files: Files, says: RegExp][] = [
  ['a missing key argument', 'ios', { certificate_file: 'cert.pem' }, /KEY_MISSING: There is no private key/],
  [
    'an Android file for iOS',
    'ios',
    { service_account_file: 'account.json' },
    /takes certificate_file and private_key_file/,
  ],
  ['iOS files for Android', 'android', ios('cert.pem', 'key.pem'), /takes service_account_file/],
  [
    'a key file that is not there',
    'ios',
    ios('cert.pem', 'nowhere.pem'),
    /private_key_file: .*nowhere\.pem does not exist/,
  ],
  ['a folder', 'ios', ios('folder', 'key.pem'), /certificate_file: .* is a folder/],
  ['a named pipe', 'ios', ios('pipe', 'key.pem'), /not a regular file/],
  ['a file of 5 MB', 'ios', ios('huge.pem', 'key.pem'), /5242880 bytes/],
  ['an empty file', 'ios', ios('empty.pem', 'key.pem'), /is empty/],
  ['a .p12 as certificate', 'ios', ios('voip.p12', 'key.pem'), /it is a PKCS#12 archive/],
  ['a .p12 as service account', 'android', { service_account_file: 'voip.p12' }, /it is a PKCS#12 archive/],
  [
    'swapped files',
    'ios',
    ios('key.pem', 'cert.pem'),
    /certificate_file must hold a PEM certificate; it is a private key/,
  ],
  ['a certificate as key', 'ios', ios('cert.pem', 'cert.pem'), /private_key_file must hold .*; it is a certificate/],
  ['a key of another certificate', 'ios', ios('cert.pem', 'other.pem'), /does not belong to the certificate/],
  ['an encrypted key', 'ios', ios('cert.pem', 'locked.pem'), /encrypted private key/],
  ['an APNs token key', 'ios', ios('cert.pem', 'apns.p8'), /not an RSA key/],
  ['a text file', 'ios', ios('notes.txt', 'key.pem'), /it is a text file of another kind/],
  [
    'google-services.json',
    'android',
    { service_account_file: 'google-services.json' },
    /google-services\.json, the app's own settings/,
  ],
  ['an OAuth client file', 'android', { service_account_file: 'oauth.json' }, /an OAuth client file/],
  ['broken JSON', 'android', { service_account_file: 'broken.json' }, /a broken JSON file/],
  ['a JSON array', 'android', { service_account_file: 'array.json' }, /text file of another kind/],
  ['a service account without its key', 'android', { service_account_file: 'no-key.json' }, /with fields missing/],
  ['a PEM key as service account', 'android', { service_account_file: 'key.pem' }, /it is a private key/],
];

test.each(files)('%s is refused, named, and not quoted', async (_, type, files, says) => {
  const before = t.sandbox.requests.length;
  const paths = Object.fromEntries(Object.entries(files).map(([key, name]) => [key, at(name)]));
  const error = errorOf(await t.call('create_mobile_push_credential', { type, alias: 'new', ...paths }));
  expect(error).toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(says) });
  expect(JSON.stringify(error)).not.toMatch(/canary|MII/);
  expect(t.sandbox.requests.length).toBe(before);
});

test('an unreadable file is refused and named', async () => {
  const args = { type: 'ios', alias: 'new', certificate_file: at('unreadable.pem'), private_key_file: at('key.pem') };
  // Root reads everything, and so it is another user who is refused there.
  if (process.getuid?.() === 0) expect(refusalOfNobody()).toMatch(/may not be read by this process/);
  else expect(errorOf(await t.call('create_mobile_push_credential', args)).message).toMatch(/may not be read/);
});

function refusalOfNobody(): string {
  const script = `import { readMaterial } from ${JSON.stringify(new URL('../.build/src/material/file.js', import.meta.url).href)};
    process.setuid(65534);
    await readMaterial('certificate_file', ${JSON.stringify(at('unreadable.pem'))}, '/').catch((error) => console.log(error.message));`;
  chmodSync(t.stateDir, 0o755);
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

test('a path may start at the home folder', async () => {
  const args = { type: 'ios', alias: 'new', certificate_file: '~/no-such.pem', private_key_file: at('key.pem') };
  expect(errorOf(await t.call('create_mobile_push_credential', args)).message).toContain(
    '~/no-such.pem does not exist',
  );
  expect(homedir()).not.toBe('~');
});

test('good files are accepted: the blocks alone, the key as PKCS#1, the body flat', async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(at('bag.pem'), `Bag Attributes\n    friendlyName: x\n${certificate}`);
  const made = await t.call('create_mobile_push_credential', {
    type: 'ios',
    alias: 'fresh ios',
    certificate_file: at('bag.pem'),
    private_key_file: at('key.pem'),
  });
  expect(made.isError).toBeFalsy();
  const body = t.sandbox.requests.at(-1)?.body as Record<string, string>;
  expect(Object.keys(body).sort()).toEqual(['alias', 'certificate', 'private_key', 'type']);
  expect(body.certificate).toMatch(/^-----BEGIN CERTIFICATE-----/);
  expect(key).toMatch(/BEGIN PRIVATE KEY/);
  expect(body.private_key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);

  const args = { type: 'android', alias: 'fresh android', service_account_file: at('account.json') };
  expect((await t.call('create_mobile_push_credential', args)).isError).toBeFalsy();
  expect(t.sandbox.requests.at(-1)?.body).toEqual({
    type: 'android',
    alias: 'fresh android',
    project_account_json_file: expect.objectContaining({
      type: 'service_account',
      private_key: expect.stringContaining('PRIVATE KEY'),
    }),
  });
  expect(errorOf(await t.call('create_mobile_push_credential', args)).code).toBe('CONFLICT');
});

test.each([
  ['legacy RC2 and 3DES', {}],
  ['AES-256', { certificateLock: 'aes-256', keyLock: 'aes-256', hash: 'sha256' }],
] as const)('a .p12 with %s becomes the same credential, its passphrase read from a file', async (title, locks) => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(
    at('real.p12'),
    archive({ certificates: [bare(certificate)], keys: [bare(key)], passphrase: 'open sesame', ...locks }),
  );
  writeFileSync(at('passphrase'), 'open sesame\n');
  const material = { type: 'ios', p12_file: at('real.p12'), p12_passphrase_file: at('passphrase') };
  const args = { ...material, alias: title };
  const checked = await t.call('check_push_material', material);
  expect(checked.structuredContent).toMatchObject({
    status: 'usable',
    certificate: { bundle_id: 'com.example.dialer', voip: true },
  });
  const made = await t.call('create_mobile_push_credential', args);
  expect(made.isError, JSON.stringify(made.content)).toBeFalsy();
  const body = t.sandbox.requests.at(-1)?.body as Record<string, string>;
  expect(body.private_key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  expect(bare(body.certificate ?? '').equals(bare(certificate))).toBe(true);
  writeFileSync(at('passphrase'), 'my\ndiary');
  expect(errorOf(await t.call('check_push_material', material)).message).toContain('must hold one line');
  writeFileSync(at('passphrase'), 'open barley');
  expect(errorOf(await t.call('create_mobile_push_credential', { ...args, alias: 'again' }))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining('P12_PASSPHRASE_WRONG'),
  });
});

test.each<[string, string | Buffer]>([
  ['a mark in front', '\uFEFFopen sesame'],
  ['UTF-16', Buffer.from('\uFEFFopen sesame\r\n', 'utf16le')],
  ['a blank line at the end', 'open sesame\n\n'],
  ['blank lines of Windows at the end', 'open sesame\r\n\r\n  \r\n'],
  ['a line end of an old Mac', 'open sesame\r'],
])('a passphrase is read from a file with %s', async (title, text) => {
  const { certificate, key } = await appleMaterial();
  const [p12_file, p12_passphrase_file] = [at(`${title}.p12`), at(`${title}.txt`)];
  writeFileSync(p12_file, archive({ certificates: [bare(certificate)], keys: [bare(key)], passphrase: 'open sesame' }));
  writeFileSync(p12_passphrase_file, text);
  const checked = await t.call('check_push_material', { type: 'ios', p12_file, p12_passphrase_file });
  expect(checked.structuredContent).toMatchObject({ status: 'usable' });
});
