import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { project } from '../src/core/tool.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { redact, Secret } from '../src/secrets/secret.ts';
import { dataOf, errorOf, startApp, textOf, yes } from './app.ts';
import { appleMaterial, serviceAccount } from './material.ts';
import { startProcess } from './process.ts';

const LIST = 'list_telephony_credentials';
const DELETE = 'delete_telephony_credential';

/** An account, and the built server on it: what is a secret in one process is not in that of other tests. */
async function start(elicit: (params: unknown) => object = (params) => yes(params as Parameters<typeof yes>[0])) {
  const sandbox = await startSandbox();
  await sandbox.world.ready;
  const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, TELNYX_MCP_LOG_LEVEL: 'debug' };
  const server = await startProcess({ env, elicit });
  const rows = [...sandbox.world.telephony.values()].filter(({ expired }) => !expired);
  return {
    sandbox,
    server,
    rows,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

type Result = Parameters<typeof dataOf>[0];

test('a passphrase takes no word out of anything: it is sent nowhere, and nothing can come back of it', async () => {
  await using t = await start();
  const [row] = t.rows;
  const file = join(t.server.stateDir, 'passphrase');
  for (const words of ['elicitation/create', 'telephony credential', `${row?.name}`]) {
    writeFileSync(file, words);
    const args = { type: 'ios', p12_file: file, p12_passphrase_file: file };
    expect((await t.server.call('check_push_material', args)).isError).toBeFalsy();
  }
  expect(dataOf((await t.server.call(DELETE, { id: row?.id })) as Result)).toEqual({ status: 'done', id: row?.id });
  expect(t.server.stdout()).toContain('"method":"elicitation/create"');
  expect(t.server.stdout()).not.toContain('[redacted]');
});

const OUR_WORDS = [
  'telephony_credentials',
  'sip_username',
  'expires_at',
  'declined',
  'structuredContent',
  'requestedSchema',
  'elicitation/create',
  'VALIDATION',
  'http_status',
  'serverInfo',
  '"jsonrpc"',
];

test('a secret that is a word of ours or of the protocol takes it out of nothing', async () => {
  await using t = await start(() => ({ action: 'decline' }));
  const before = (await t.server.request('tools/list')).result;
  const connections = await t.server.call('list_connections');
  expect(JSON.stringify(connections)).toContain('"kind":"credential"');
  for (const [n, word] of OUR_WORDS.entries()) Object.assign(t.rows[n] ?? {}, { sip_password: word });
  expect(t.rows.length).toBeGreaterThanOrEqual(OUR_WORDS.length);
  const list = (await t.server.call(LIST, { limit: 500 })) as Result;
  const again = (await t.server.call(LIST, { limit: 500 })) as Result;
  expect(again).toEqual(list);
  expect(textOf(again)).toContain('telephony_credentials (');
  expect(textOf(again)).toContain('sip_username');
  expect((await t.server.request('tools/list')).result).toEqual(before);

  t.sandbox.fault({ method: 'GET', respond: { status: 422, body: { errors: [{ code: '10015', detail: 'No.' }] } } });
  expect(errorOf((await t.server.call(LIST)) as Result)).toMatchObject({ code: 'VALIDATION', http_status: 422 });
  t.sandbox.clearFaults();
  // A no sooner than a person reads is the client's own: a page would be next, and there is none here.
  await t.server.call(DELETE, { id: t.rows[0]?.id });
  // In a question even this is a hole; in a result it stays what it is.
  Object.assign(t.rows[0] ?? {}, { sip_password: 'credential' });
  await t.server.call(LIST);
  expect(await t.server.call('list_connections')).toEqual(connections);
  expect(t.server.stdout()).toMatch(/"method":"elicitation\/create".*"requestedSchema"/);
  expect(t.server.stdout()).not.toContain('[redacted]');
});

const refusal = {
  code: 'CONFLICT',
  message: expect.stringMatching(/secret.*Nothing was changed/),
  next: expect.stringContaining('Telnyx portal'),
};

test.each(['at the client', 'on a page'])('a question that would have a hole in it is not asked %s', async (where) => {
  const launched: string[] = [];
  const launch = async (url: string): Promise<void> => void launched.push(url);
  await using t = await startApp({ launch, ...(where === 'at the client' && { person: yes }) });
  const [row, other] = [...t.sandbox.world.telephony.values()];
  if (!row || !other) throw new Error('no rows');
  const secret = `desk-of-${where.replaceAll(' ', '-')}`;
  Object.assign(row, { name: `phone ${secret}` });
  Object.assign(other, { sip_password: secret });
  await t.call(LIST);
  expect(errorOf(await t.call(DELETE, { id: row.id }))).toMatchObject(refusal);
  expect([t.asked, launched]).toEqual([[], []]);
  expect(t.sandbox.world.telephony.has(row.id)).toBe(true);
  const planned = dataOf<{ plan: { asks: string } }>(await t.call(DELETE, { id: row.id, dry_run: true }));
  expect(planned.plan.asks).toContain('phone [redacted]');
});

const LONG_SECRET = 'Zq7Rt2Lm9Xw4Kc8Vb1Ny6Hd3Jf5Gs0Pa7Ue2Io9';
const ODD_SECRET = 'p%41ss&amp;w\\u0041rd "x" y';
new Secret(LONG_SECRET);
new Secret(ODD_SECRET);
const hexed = (text: string, by: (code: string) => string): string =>
  [...text].map((char) => by((char.codePointAt(0) ?? 0).toString(16).padStart(2, '0'))).join('');
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const disguises: [string, (secret: string) => string][] = [
  ['as it is', (secret) => secret],
  ['with escapes of URLs', (secret) => hexed(secret, (code) => `%${code}`)],
  ['as a URL has it', encodeURIComponent],
  ['as a query has it', (secret) => new URLSearchParams({ '': secret }).toString().slice(1).replaceAll('+', ' ')],
  ['with escapes of HTML', (secret) => hexed(secret, (code) => `&#x${code};`)],
  ['with decimal escapes of HTML', (secret) => hexed(secret, (code) => `&#${Number.parseInt(code, 16)};`)],
  ['with escapes of JSON', (secret) => hexed(secret, (code) => `\\u${code.padStart(4, '0')}`)],
  ['as JSON', (secret) => JSON.stringify(secret).slice(1, -1)],
  ['in base64', base64],
  ['in base64 for URLs', (secret) => Buffer.from(secret).toString('base64url')],
  ['in base64 behind a user', (secret) => base64(`user:${secret}`)],
  ['in base64 with a line broken', (secret) => base64(secret).replace(/.{7}/g, '$&\r\n')],
  ['with blanks between', (secret) => [...secret].join(' ')],
  ['with a character of no width between', (secret) => [...secret].join('\u200b')],
  ['with a filler between', (secret) => [...secret].join('\u3164')],
  ['with a soft hyphen in it', (secret) => `${secret.slice(0, 9)}\u00ad${secret.slice(9)}`],
  ['behind half an escape', (secret) => `%4${secret}`],
];

test.each(
  disguises.flatMap(([how, disguise]) =>
    [LONG_SECRET, ODD_SECRET].map((value): [string, string, string] => [how, value, disguise(value)]),
  ),
)('a secret that comes back %s is hidden: %s', (_, value, text) => {
  const shown = redact(`It was <${text}>, and no other.`);
  expect(shown).toMatch(/^It was <.*\[redacted\]>, and no other\.$/su);
  expect(shown.replace(/\s/g, '')).not.toContain(text.replace(/\s/g, '').slice(4, 14));
  expect(shown).not.toContain(value.slice(4, 14));
});

test.each([
  ['its first half', LONG_SECRET.slice(0, 20)],
  ['its second half', LONG_SECRET.slice(20)],
  ['what a cut left of it', LONG_SECRET.slice(0, 17)],
  ['its middle', LONG_SECRET.slice(7, 31)],
])('of a long secret %s is hidden too', (_, part) => {
  const [, before = '', after = ''] = /^<(.*)\[redacted\](.*)>$/.exec(redact(`<${part}>`)) ?? [];
  expect(redact(`<${part}>`)).toContain('[redacted]');
  expect(before.length + after.length).toBeLessThanOrEqual(6);
});

test.each([
  ['a word of a passphrase', 'a telephone for everyone'],
  ['half of a short secret', 'of hunter2'],
])('%s is no secret', (_, text) => {
  new Secret('correct telephone horse');
  expect(redact(text)).toBe(text);
});

test('a secret for use on this machine alone is not searched for, and does not print', () => {
  const passphrase = new Secret('elicitation/create', 'local');
  expect(redact('elicitation/create')).toBe('elicitation/create');
  expect(`${passphrase}${inspect(passphrase)}`).not.toContain('elicitation');
  expect(passphrase.reveal()).toBe('elicitation/create');
});

const alike = (n: number): string => `alike-in-their-beginning-${String(n).padStart(6, '0')}`;
/** What it costs this process in milliseconds, however much else the machine does. */
const costOf = (text: string): number => {
  const started = process.cpuUsage();
  redact(text);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
};
test.each([
  ['beginnings of tokens', (n: number) => 'eyJ-'.repeat(n)],
  ['beginnings of tokens with points', (n: number) => 'eyJaaaaaaaa.'.repeat(n / 3)],
  ['points', (n: number) => `${'.'.repeat(n)}-`.repeat(4)],
  ['frames of keys', (n: number) => '-----BEGIN '.repeat(n / 2)],
  ['bearers', (n: number) => 'Bearer '.repeat(n / 2)],
  ['beginnings of secrets', (n: number) => 'alike-in-their-beginning-'.repeat(n / 6)],
  ['escapes', (n: number) => '&#x&#x'.repeat(n)],
  ['characters of base64', (n: number) => 'QUJD'.repeat(n)],
])('the work of a search grows with its text and not faster: %s', (_, text) => {
  for (let n = 0; n < 10_000; n += 1) new Secret(alike(n));
  expect(redact(alike(9999))).toBe('[redacted]');
  const [short, long] = [text(500), text(32_000)];
  const least = (measured: string): number => Math.min(...[0, 1, 2].map(() => costOf(measured)));
  // 64 times as much: 4096 times the work if it grew with the square.
  expect(least(long) / Math.max(least(short), 0.3)).toBeLessThan(1000);
});

const material = await appleMaterial();
const account = serviceAccount();

test.each([
  ['ios', 'as it is', (key: string) => key],
  ['ios', 'turned around', (key: string) => [...key].reverse().join('')],
  ['ios', 'in hex', (key: string) => Buffer.from(key).toString('hex')],
  ['ios', 'in base64 of base64', (key: string) => btoa(btoa(key))],
  ['android', 'a character a field', (key: string) => [...key].join('","')],
  ['android', 'as the code', (key: string) => key.split('\n')[3] ?? ''],
])('of the answer to a call that sent an %s key nothing is quoted that could be it %s', async (type, _, disguise) => {
  await using t = await startApp({ person: yes });
  const sent = type === 'ios' ? material.key : account.private_key;
  const text = disguise(sent);
  const body = {
    errors: [{ code: text, title: text, detail: `Bad: ${text}`, source: { pointer: `/private_key/${text}` } }],
  };
  t.sandbox.fault({ method: 'POST', respond: { status: 422, body } });
  const at = (name: string, content: string): string => {
    writeFileSync(join(t.stateDir, name), content);
    return join(t.stateDir, name);
  };
  const files =
    type === 'ios'
      ? { certificate_file: at('c.pem', material.certificate), private_key_file: at('k.pem', material.key) }
      : { service_account_file: at('a.json', JSON.stringify(account)) };
  const error = errorOf(await t.call('create_mobile_push_credential', { type, alias: 'fresh', ...files }));
  expect(error).toMatchObject({ code: 'VALIDATION', http_status: 422, next: expect.stringContaining('not shown') });
  expect(error).not.toHaveProperty('telnyx');

  const honest = { code: '10015', title: text, detail: text, source: { pointer: '/private_key' } };
  t.sandbox.fault({ method: 'POST', respond: { status: 422, body: { errors: [honest] } } });
  expect(errorOf(await t.call('create_mobile_push_credential', { type, alias: 'fresh', ...files })).telnyx).toEqual({
    code: '10015',
    pointer: '/private_key',
  });
});

test('the password of a connection is hidden where it comes back', async () => {
  await using t = await startApp({ shape: undefined });
  const rewrite = (body: unknown): unknown => {
    const { data, ...rest } = body as { data: object[] };
    const [one, other, ...others] = data;
    const told = { ...other, connection_name: 'desk Battery-Staple-88' };
    return { data: [{ ...one, password: 'Battery-Staple-88' }, told, ...others], ...rest };
  };
  t.sandbox.fault({ method: 'GET', path: '/credential_connections', rewrite });
  const result = await t.call('list_connections', { kind: 'credential' });
  expect(JSON.stringify(result)).toContain('desk [redacted]');
  expect(JSON.stringify(result)).not.toContain('Battery');
});

test('an error text without end is cut before it is searched', async () => {
  await using t = await startApp();
  const detail = 'eyJ-'.repeat(500_000);
  t.sandbox.fault({ method: 'GET', respond: { status: 422, body: { errors: [{ code: '10015', detail }] } } });
  expect(errorOf(await t.call(LIST)).telnyx?.detail).toBe(`${detail.slice(0, 299)}…`);
});

// Default_Ignorable_Code_Point of the Unicode Character Database, a filler that looks like nothing, and tags.
const UNSEEN = [
  '\u3164',
  '\u115f',
  '\uffa0',
  '\u034f',
  '\ufe0f',
  '\u{e0100}',
  '\u2800',
  '\u{e0041}',
  '\u202e',
  '\u0000',
];

test.each(UNSEEN)('no result, error or question shows what nobody sees: %j', async (char) => {
  await using t = await startApp({ person: yes });
  const hidden = `a${char}b`;
  for (const row of t.sandbox.world.telephony.values()) Object.assign(row, { name: hidden, user_id: hidden });
  for (const row of t.sandbox.world.connections.values()) Object.assign(row, { connection_name: hidden });
  for (const row of t.sandbox.world.push.values()) Object.assign(row, { alias: hidden, type: hidden });
  const [id, other, odd] = [...t.sandbox.world.telephony.values()].map((row) => row.id);
  Object.assign(t.sandbox.world.telephony.get(odd ?? '') ?? {}, { expires_at: hidden });
  const results = [
    await t.call(LIST),
    await t.call('list_connections'),
    await t.call('list_mobile_push_credentials'),
    await t.call('report_credential_health'),
    await t.call('hand_off_secret', { id: other, kind: 'telephony', deliver_to: `file:${join(t.stateDir, hidden)}` }),
    await t.call('rotate_telephony_credential', { id: other }),
    await t.call('check_push_material', { type: 'ios', p12_file: `${hidden}.p12` }),
    await t.call(DELETE, { id }),
    await t.call('get_telephony_credential', { id: hidden }),
  ];
  expect(t.asked).toHaveLength(2);
  expect(results.filter(({ isError }) => isError)).toHaveLength(3);
  const texts = [...results.flatMap((result) => [textOf(result), leaves(result)]), ...t.asked.map(leaves)];
  expect(texts.flat().filter((text) => text.includes(char))).toEqual([]);
});

test.each(UNSEEN)('a text that a tool gives as it came leaves without what nobody sees: %j', (char) => {
  const declared = z.object({ name: z.string().nullable(), rows: z.array(z.object({ name: z.string() })) });
  const given = { name: `a${char}b`, rows: [{ name: `c${char}`, more: 'x' }] };
  expect(project(declared, given)).toEqual({ name: 'a b', rows: [{ name: 'c ' }] });
});

const leaves = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(leaves);

test.each([
  ['turned around', (secret: string) => [...secret].reverse().join('')],
  ['turned around, with blanks between', (secret: string) => [...secret].reverse().join(' ')],
])('a known secret that an error tells %s is not told', async (_, disguise) => {
  await using t = await startApp();
  const text = disguise(t.sandbox.apiKey);
  t.sandbox.fault({ respond: { status: 422, body: { errors: [{ code: '1', title: 'x', detail: `See ${text}` }] } } });
  const { telnyx } = errorOf(await t.call('list_telephony_credentials')) as { telnyx?: { detail?: string } };
  expect(telnyx?.detail).toBe('[redacted]');
});
