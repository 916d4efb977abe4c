import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { createLog } from '../src/core/log.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { redact, Secret } from '../src/secrets/secret.ts';
import { catalogue } from '../src/tools/index.ts';
import { startApp } from './app.ts';
import { type Call, callsOfEveryTool, LATEST, livingIn, play } from './every-tool.ts';
import { appleMaterial, serviceAccount } from './material.ts';
import { startProcess } from './process.ts';
import { until } from './until.ts';

const API_KEY = 'KEYcanaryApiKey0123456789';
const yes = (params: unknown): object => {
  const { requestedSchema } = params as {
    requestedSchema: { properties: Record<string, { type: string; description: string }> };
  };
  const fields = Object.entries(requestedSchema.properties);
  const content = fields.map(([key, { type, description }]) => [
    key,
    type === 'boolean' || description.replace('Type: ', ''),
  ]);
  return { action: 'accept', content: Object.fromEntries(content) };
};

/** Plants a distinct canary in every secret field of every record, and in fields Telnyx has not invented yet. */
async function plant(sandbox: Awaited<ReturnType<typeof startSandbox>>) {
  await sandbox.world.ready;
  const { telephony, push, connections } = sandbox.world;
  let count = 0;
  const canary = (what: string): string => `canary${what}${String(++count).padStart(5, '0')}`;
  const future = () => ({
    signing_secret: canary('Future'),
    tel_token: canary('Future'),
    nested: { token_material: [canary('Future')] },
  });
  for (const row of telephony.values()) Object.assign(row, { sip_password: canary('Sip'), ...future() });
  for (const row of connections.values()) Object.assign(row, { password: canary('Connection'), ...future() });
  for (const row of push.values()) {
    const account = row.project_account_json_file && {
      ...row.project_account_json_file,
      private_key: canary('Fcm'),
      new_secret: canary('Future'),
    };
    Object.assign(row, {
      ...(row.private_key && { private_key: canary('Apns') }),
      ...(account && { project_account_json_file: account }),
      ...future(),
    });
  }
}

let material: { certificate: string; key: string; account: ReturnType<typeof serviceAccount> };
beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  material = { certificate, key, account: serviceAccount() };
});

/** Lines of PEM bodies that must not show up anywhere. */
const pemLines = (pem: string): string[] => pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'));

test('no secret is in any byte of stdout or stderr, over every tool, on success and on failure', async () => {
  await using sandbox = await startSandbox({ apiKey: API_KEY });
  await plant(sandbox);
  const env = {
    TELNYX_API_KEY: API_KEY,
    TELNYX_BASE_URL: sandbox.baseUrl,
    TELNYX_MCP_LOG_LEVEL: 'debug',
    TELNYX_MCP_ALLOW_DIRS: tmpdir(),
  };
  await using server = await startProcess({ env, elicit: yes });
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-project-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const place = (name: string) => ({ deliver_to: `file:${join(folder, name)}` });
  const calls: Call[] = [
    ['create_telephony_token', { id: living(sandbox), ...place('.env') }],
    ['hand_off_secret', { id: living(sandbox), kind: 'telephony', ...place('s.json') }],
    ...callsOfEveryTool(sandbox, material, server.stateDir),
  ];
  await play(calls, async (name, args) => {
    const result = await server.call(name, args, { progressToken: name });
    expect(result.isError, `${name}: ${JSON.stringify(result)}`).toBeFalsy();
    return result.structuredContent;
  });
  const otherPush = [...sandbox.world.push.values()].find(({ alias }) => alias === 'acme-dialer-android')?.id;
  const reads = catalogue.flatMap(({ name, effect }) => (effect === 'read' ? [name] : []));
  const alive = { telephony: living(sandbox), push: otherPush };
  for (const [name, args] of calls.filter(([called, args]) => !reads.includes(called) && args.id !== LATEST)) {
    const about = name.includes('push') || ('kind' in args && args.kind === 'push') ? alive.push : alive.telephony;
    const fresh = { ...('alias' in args && { alias: 'planned' }), ...('id' in args && { id: about }) };
    const planned = await server.call(name, { ...args, ...fresh, dry_run: true });
    expect(planned.isError, `${name}: ${JSON.stringify(planned)}`).toBeFalsy();
  }
  // Then the same against a Telnyx that answers with what it was sent, and with what it keeps, in its errors.
  for (const status of [400, 401, 403, 404, 422, 500, 429]) {
    // Those that are retried take seconds each: a read and a create stand for all.
    for (const [name, args] of status === 429 || status === 500
      ? [calls[0], calls[2]].flatMap((it) => (it ? [it] : []))
      : calls.filter(([called, args]) => !LOCAL.includes(called) && args.id !== LATEST)) {
      sandbox.clearFaults();
      for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
        const row = [...sandbox.world.telephony.values()][0];
        const detail = `${disguised(API_KEY)} key ${API_KEY} password ${row?.sip_password} for ${material.key} and ${JSON.stringify(material.account)}`;
        const respond = {
          status,
          headers: { 'retry-after': '900' },
          body: { errors: [{ code: API_KEY, title: detail, detail, source: { pointer: detail } }] },
        };
        sandbox.fault({ method, times: Infinity, respond });
      }
      expect(
        (await server.call(name, { ...args, ...('alias' in args && { alias: `again ${status}` }) })).isError,
        name,
      ).toBe(true);
    }
  }
  server.child.stdin.end();
  expect(await server.exited).toBe(0);

  const everything = server.stdout() + server.stderr();
  expect(everything.match(/canary\w+/g)).toBeNull();
  expect(everything).not.toContain(API_KEY);
  for (const text of disguised(API_KEY).split(' ')) expect(everything).not.toContain(text);
  for (const line of [...pemLines(material.key), ...pemLines(material.account.private_key)])
    expect(everything).not.toContain(line);
  for (const record of sandbox.world.telephony.values()) expect(everything).not.toContain(record.sip_password);
  expect(server.stderr()).toContain('"path":"telephony_credentials"');
  for (const line of server.stdout().trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  // The one secret that was made is where it belongs, and in no other file name or file.
  const vault = readdirSync(join(server.stateDir, 'vault'));
  expect(vault).toHaveLength(6);
  for (const file of vault) {
    const kept = JSON.parse(readFileSync(join(server.stateDir, 'vault', file), 'utf8'));
    const secret: string = kept.sip_password ?? kept.login_token ?? kept.push_private_key;
    for (const line of secret.includes('\n') ? pemLines(secret) : [secret]) expect(everything).not.toContain(line);
  }
  const journal = readdirSync(join(server.stateDir, 'journal'), { recursive: true, withFileTypes: true });
  for (const file of journal.filter((entry) => entry.isFile())) {
    const kept = readFileSync(join(file.parentPath, file.name), 'utf8');
    expect(kept.match(/canary\w+/g)).toBeNull();
    expect(kept).not.toContain(sandbox.apiKey);
    for (const record of sandbox.world.telephony.values()) expect(kept).not.toContain(record.sip_password);
    for (const line of pemLines(material.account.private_key)) expect(kept).not.toContain(line);
  }
  const token = /^TELNYX_LOGIN_TOKEN=(.+)$/m.exec(readFileSync(join(folder, '.env'), 'utf8'))?.[1] ?? '-';
  expect(token).toMatch(/^eyJ/);
  expect(everything).not.toContain(token);
});

/** A secret as an answer could hold it beside its plain form. */
const disguised = (secret: string): string =>
  [
    Buffer.from(secret).toString('base64'),
    [...secret].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
    [...secret].map((char) => `&#${char.charCodeAt(0)};`).join(''),
    [...secret].join('\u200b'),
  ].join(' ');

/** These ask Telnyx nothing. */
const LOCAL = ['check_push_material', 'get_rotation'];

const living = (sandbox: Sandbox): string | undefined => livingIn(sandbox)[0];

test('a key that is refused, or no key at all, is not shown either', async () => {
  for (const key of ['', `bad key ${API_KEY}`, '${' + 'TELNYX_API_KEY}']) {
    await using server = await startProcess({ env: { TELNYX_API_KEY: key, TELNYX_MCP_LOG_LEVEL: 'debug' } });
    const result = await server.call('list_connections');
    expect(JSON.stringify(result)).toContain('CONFIGURATION');
    expect(server.stdout() + server.stderr()).not.toContain(API_KEY);
  }
});

test('a secret that comes back where an honest text belongs is caught on its way out', async () => {
  await using t = await startApp();
  const [first, second] = [...t.sandbox.world.telephony.values()];
  if (first && second) first.name = `call ${second.sip_password} now`;
  const result = await t.call('list_telephony_credentials');
  expect(JSON.stringify(result)).not.toContain(second?.sip_password);
  expect(result.structuredContent).toMatchObject({
    telephony_credentials: expect.arrayContaining([expect.objectContaining({ name: 'call [redacted] now' })]),
  });
});

test('a secret in a log line is hidden, behind escapes too', () => {
  const lines: string[] = [];
  const log = createLog(
    'debug',
    () => new Date(0),
    (line) => lines.push(line),
  );
  new Secret(material.key);
  log('debug', 'event', { a: VALUE, b: material.key, c: 'fine' });
  expect(lines[0]).toContain('"c":"fine"');
  for (const part of [VALUE, ...pemLines(material.key)]) expect(lines[0]).not.toContain(part);
});

test('no program that the server starts finds the key in its environment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-opener-'));
  const seen = join(folder, 'seen');
  // What `open` runs to show a page on Linux, from beside itself or from the path.
  for (const name of ['xdg-open', 'sensible-browser']) {
    writeFileSync(join(folder, name), `#!/bin/sh\nenv > ${seen}.new\nmv ${seen}.new ${seen}\n`, { mode: 0o755 });
  }
  await using sandbox = await startSandbox({ apiKey: API_KEY });
  const env = {
    TELNYX_API_KEY: API_KEY,
    TELNYX_BASE_URL: sandbox.baseUrl,
    DISPLAY: ':99',
    CI: '',
    PATH: `${folder}:${process.env.PATH}`,
  };
  await using server = await startProcess({ env });
  const result = await server.call('delete_telephony_credential', { id: living(sandbox) });
  expect(result.structuredContent).toMatchObject({ status: 'needs_approval' });
  await until(() => existsSync(seen));
  expect(readFileSync(seen, 'utf8')).toContain('DISPLAY=:99');
  expect(readFileSync(seen, 'utf8')).not.toContain(API_KEY);
  rmSync(folder, { recursive: true });
});

test.each(['http', 'HTTP', 'net', 'http,net,tls,undici', '*', 'h*'])(
  'with NODE_DEBUG=%s, by which Node prints what it sends, nothing starts',
  async (words) => {
    await using sandbox = await startSandbox({ apiKey: API_KEY });
    const env = { TELNYX_API_KEY: API_KEY, TELNYX_BASE_URL: sandbox.baseUrl, NODE_DEBUG: words };
    await using server = await startProcess({ env, initialize: false });
    server.child.stdin.end();
    expect(await server.exited).toBe(2);
    expect(server.stdout()).toBe('');
    const said = server
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('telnyx-credentials-mcp: '));
    expect(said).toEqual([expect.stringContaining('NODE_DEBUG')]);
    expect(server.stderr()).not.toContain(API_KEY);
    expect(sandbox.requests).toEqual([]);
  },
);

const VALUE = 'hunter2-hunter2';
const secret = new Secret(VALUE);
test.each([
  ['interpolated', () => `${secret}`],
  ['joined', () => ['a', secret].join()],
  ['stringified', () => JSON.stringify({ secret, nested: [secret] })],
  ['inspected', () => inspect({ secret }, { showHidden: true, depth: 9 })],
  ['cloned', () => inspect(structuredClone({ secret }))],
  ['spread', () => JSON.stringify({ ...secret })],
  ['thrown', () => inspect(new Error(`${secret}`))],
])('a secret that is %s does not show', (_, show) => {
  expect(show()).not.toContain(VALUE);
});

test.each([
  ['a value once wrapped', `x${VALUE}y`, 'x[redacted]y'],
  ['the same twice', `${VALUE} ${VALUE}`, '[redacted] [redacted]'],
  ['a JWT nobody wrapped', 'token eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl.', 'token [redacted].'],
  [
    'a PEM key nobody wrapped',
    'a -----BEGIN RSA PRIVATE KEY-----\nMIIEpQ\n-----END RSA PRIVATE KEY----- b',
    'a [redacted] b',
  ],
  ['half a PEM key', 'a -----BEGIN PRIVATE KEY-----\nMIIEpQ', 'a [redacted]'],
  ['a bearer header', 'Authorization: Bearer abcdefghijk', 'Authorization: [redacted]'],
  ['an honest text', 'nothing to hide', 'nothing to hide'],
])('redaction hides %s', (_, text, expected) => {
  expect(redact(text)).toBe(expected);
});

test('a key is hidden however its lines come back', async () => {
  const { key } = await appleMaterial();
  new Secret(key);
  for (const shape of [key, key.replaceAll('\n', '\\n'), key.replaceAll('\n', ''), JSON.stringify(key)]) {
    const shown = redact(`before ${shape.replace(/-----[A-Z ]+-----/g, '')} after`);
    for (const line of pemLines(key)) expect(shown).not.toContain(line);
    expect(shown).toMatch(/^"?before .* after"?$/s);
  }
});

test('of two secrets where one begins the other, the longer is hidden whole', () => {
  new Secret('abcdefgh-short');
  new Secret('abcdefgh-short-and-long');
  expect(redact('<abcdefgh-short-and-long>')).toBe('<[redacted]>');
});
