import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOfStream } from 'node:stream/consumers';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { afterAll, describe, expect, test } from 'vitest';
import { CLIENT_NAMES, type Client, clientsOf } from '../src/clients/clients.ts';
import { changed } from '../src/clients/edit.ts';
import { launchOf } from '../src/clients/entry.ts';
import { fileOf } from '../src/clients/plan.ts';
import { readSettings, writeSettings } from '../src/clients/settings-file.ts';
import { init, type Machine, uninstall } from '../src/front/cli/init.ts';
import { ConfigError, loadConfig } from '../src/host/config.ts';
import { version } from '../src/host/version.ts';
import { MAIN } from './process.ts';

const GUARD = new URL('./loopback-only.mjs', import.meta.url).href;
const CANARY = 'sk-CANARY-of-another-server';
/** A reference as clients write it in their settings. */
const ref = (name: string): string => `\${${name}}`;
const NPX = ['-y', `telnyx-credentials-mcp@${version}`];

const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-init-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function machine(more: Partial<Machine> = {}): Machine {
  return {
    platform: 'linux',
    home: mkdtempSync(join(root, 'home-')),
    env: {},
    main: '/opt/lib/node_modules/telnyx-credentials-mcp/dist/main.js',
    holdsKey: async () => false,
    now: () => new Date('2026-11-22T06:18:03.000Z'),
    ...more,
  };
}

function clientOf(on: Machine, name: string): Client {
  const client = clientsOf(on).find((one) => one.name === name);
  if (!client) throw new Error(`no client ${name}`);
  return client;
}

/** Writes the settings of a client; gives their path. */
function put(on: Machine, name: string, content: string | Uint8Array): string {
  const path = fileOf(clientOf(on, name));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const config = (...flags: string[]) => loadConfig(['init', ...flags], {}).config;

async function run(command: typeof init, on: Machine, ...flags: string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const status = await command([], config(...flags), { stdin, stdout, stderr }, on);
  stdout.end();
  stderr.end();
  const [out, err] = await Promise.all([textOfStream(stdout), textOfStream(stderr)]);
  return { status, out, err };
}

const backupsOf = (path: string): string[] =>
  readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.bak-`));
const read = (path: string): string => readFileSync(path, 'utf8');
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);

/** A settings file of each client as its people have it: comments, other settings, another server with a key in clear. */
const OTHER = `{ "command": "other", "args": ["--token", "${CANARY}"], "env": { "OTHER_KEY": "${CANARY}" } }`;
const SETTINGS: Record<string, string> = {
  'claude-code': `{\n  "numStartups": 7,\n  "mcpServers": {\n    "other": ${OTHER}\n  },\n  "projects": { "/home/me": { "mcpServers": {} } }\n}\n`,
  'claude-desktop': `{\n  "mcpServers": {\n    "other": ${OTHER}\n  },\n  "globalShortcut": ""\n}`,
  vscode: `{\n\t// by hand\n\t"servers": {\n\t\t"other": ${OTHER}, // keep\n\t},\n\t"inputs": []\n}\n`,
  'vscode-insiders': `{\n\t"servers": {\n\t\t"other": ${OTHER}\n\t}\n}\n`,
  cursor: `{\r\n  "mcpServers": { // all of them ${CANARY}\r\n    /* ${CANARY} */\r\n    "other": ${OTHER},\r\n  },\r\n}\r\n`,
  windsurf: `{"mcpServers":{"other":${OTHER}}}`,
  'gemini-cli': `\uFEFF{\n    "theme": "Dracula", // ${CANARY}\n    "mcpServers": {\n        "other": ${OTHER}\n        // the end\n    }\n}\n`,
  'copilot-cli': `{ "mcpServers": { "other": ${OTHER} } }\n`,
};

const KEYS: Record<string, string | undefined> = {
  'claude-code': ref('TELNYX_API_KEY'),
  'claude-desktop': undefined,
  vscode: ref('input:telnyx-api-key'),
  'vscode-insiders': ref('input:telnyx-api-key'),
  cursor: ref('env:TELNYX_API_KEY'),
  windsurf: ref('env:TELNYX_API_KEY'),
  'gemini-cli': ref('TELNYX_API_KEY'),
  'copilot-cli': ref('TELNYX_API_KEY'),
};

describe.each(CLIENT_NAMES)('%s', (name) => {
  const settings = SETTINGS[name] ?? '';
  const inside = [clientOf(machine(), name).servers, 'telnyx'] as const;

  test.each(['linux', 'darwin'] as const)('init and then uninstall on %s give back every byte', async (platform) => {
    const on = machine({ platform });
    const path = put(on, name, settings);
    chmodSync(path, 0o640);
    const done = await run(init, on, '--client', name);
    expect(done).toMatchObject({ status: 0, err: '' });
    const after = parse(read(path).replace(/^\uFEFF/, ''), [], { allowTrailingComma: true });
    expect(at(after, ...inside)).toMatchObject({ command: 'npx', args: NPX });
    expect(at(after, ...inside, 'env', 'TELNYX_API_KEY')).toBe(KEYS[name]);
    expect(at(after, inside[0], 'other', 'env', 'OTHER_KEY')).toBe(CANARY);
    const [backup = ''] = backupsOf(path);
    expect(backup).toBe(`${basename(path)}.bak-20261122T061803Z`);
    expect(read(join(dirname(path), backup))).toBe(settings);
    for (const file of [path, join(dirname(path), backup)]) expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(done.out).toContain(backup);

    const undone = await run(uninstall, on, '--client', name);
    expect(undone).toMatchObject({ status: 0, err: '' });
    expect(readFileSync(path)).toEqual(Buffer.from(settings));
    expect(backupsOf(path)).toHaveLength(2);
    expect(readdirSync(dirname(path)).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    for (const { out } of [done, undone]) expect(out).not.toContain('CANARY');
  });

  test('a file that is not there is made for its owner alone; a second time there is nothing to change', async () => {
    const on = machine();
    const path = fileOf(clientOf(on, name));
    expect(await run(uninstall, on, '--client', name)).toMatchObject({ status: 0, err: '' });
    expect(existsSync(dirname(path)) && readdirSync(dirname(path)).length > 0).toBe(false);
    expect(await run(init, on, '--client', name)).toMatchObject({ status: 0, err: '' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(at(JSON.parse(read(path)), ...inside)).toMatchObject({ command: 'npx', args: NPX });
    const again = await run(init, on, '--client', name);
    expect(again).toMatchObject({ status: 0, out: expect.stringContaining('nothing to change') });
    expect(backupsOf(path)).toEqual([]);
    await run(uninstall, on, '--client', name);
    expect(JSON.parse(read(path))).toEqual({ [inside[0]]: {} });
  });

  test('our entry is brought up to date in place, with what the person added to it', async () => {
    const on = machine();
    const entry = `{ // ours\n"disabled": true, "command": "npx", "args": ["-y", "telnyx-credentials-mcp@0.0.1", "--read-only"], "env": { "TELNYX_MCP_LOG_LEVEL": "info" } }`;
    const path = put(
      on,
      name,
      settings.replace('"other"', () => `"telnyx": ${entry},\n"other"`),
    );
    expect(await run(init, on, '--client', name)).toMatchObject({ status: 0, err: '' });
    const text = read(path);
    expect(text).toContain('// ours');
    expect(at(parse(text.replace(/^\uFEFF/, ''), [], { allowTrailingComma: true }), ...inside)).toMatchObject({
      disabled: true,
      args: [...NPX, '--read-only'],
      env: { TELNYX_MCP_LOG_LEVEL: 'info', ...(KEYS[name] && { TELNYX_API_KEY: KEYS[name] }) },
    });
    expect(text.match(/"telnyx"/g)).toHaveLength(1);
  });

  test.each([
    ['an entry of another program', '{ "command": "telnyx", "args": ["@evil/telnyx-credentials-mcp"] }'],
    ['an entry that is no object', `"${CANARY}"`],
  ])('%s called telnyx stays, by both commands', async (_, entry) => {
    const on = machine();
    const theirs = settings.replace('"other"', () => `"telnyx": ${entry},\n"other"`);
    const path = put(on, name, theirs);
    const { status, err } = await run(init, on, '--client', name);
    expect({ status, err }).toMatchObject({ status: 1, err: expect.stringMatching(/telnyx.*\n.*another name/) });
    expect(err).toContain(path);
    expect((await run(uninstall, on, '--client', name)).status).toBe(0);
    expect(readFileSync(path)).toEqual(Buffer.from(theirs));
    expect(backupsOf(path)).toEqual([]);
  });

  test.each<[string, string | Uint8Array]>([
    ['is cut short', settings.slice(0, settings.lastIndexOf('}') - 3)],
    ['is no JSON', `key = ${CANARY}`],
    ['has a list at its top', `["${CANARY}"]`],
    ['has servers that are a list', `{ "${inside[0]}": ["${CANARY}"] }`],
    ['has its servers twice', `{ "${inside[0]}": {}, "${inside[0]}": { "other": "${CANARY}" } }`],
    ['is not UTF-8', Buffer.from(settings, 'utf16le')],
    ['is nested too deep', `{"a":${'['.repeat(20_000)}`],
  ])('a file that %s is named, not quoted and not touched', async (_, content) => {
    const on = machine();
    const path = put(on, name, content);
    const { status, out, err } = await run(init, on, '--client', name);
    expect(status).toBe(1);
    expect(err).toContain(path);
    expect(out + err).not.toContain('CANARY');
    expect(readFileSync(path)).toEqual(Buffer.from(content));
    expect(backupsOf(path)).toEqual([]);
  });

  test.each([
    ['whose folder is a file', (path: string) => writeFileSync(dirname(path), 'x')],
    ['that is a folder', (path: string) => mkdirSync(path, { recursive: true })],
    [
      'that is a link to nothing',
      (path: string) => (mkdirSync(dirname(path), { recursive: true }), symlinkSync('/nowhere/at/all', path)),
    ],
  ])('a file %s is an error that names it', async (_, make) => {
    const on = machine({
      env: name === 'claude-code' ? { CLAUDE_CONFIG_DIR: join(root, `claude-${Math.random()}`) } : {},
    });
    const path = fileOf(clientOf(on, name));
    mkdirSync(dirname(dirname(path)), { recursive: true });
    make(path);
    for (const command of [init, uninstall]) {
      const { status, err } = await run(command, on, '--client', name);
      expect({ status, err }).toMatchObject({ status: 1, err: expect.stringContaining(path) });
    }
  });
});

test.each([
  ['linux', {}, '/h/.config/Claude/claude_desktop_config.json', '/h/.config/Code/User/mcp.json', '/h/.cursor/mcp.json'],
  [
    'linux',
    { XDG_CONFIG_HOME: '/x' },
    '/x/Claude/claude_desktop_config.json',
    '/x/Code/User/mcp.json',
    '/h/.cursor/mcp.json',
  ],
  [
    'linux',
    { XDG_CONFIG_HOME: 'x' },
    '/h/.config/Claude/claude_desktop_config.json',
    '/h/.config/Code/User/mcp.json',
    '/h/.cursor/mcp.json',
  ],
  [
    'darwin',
    {},
    '/h/Library/Application Support/Claude/claude_desktop_config.json',
    '/h/Library/Application Support/Code/User/mcp.json',
    '/h/.cursor/mcp.json',
  ],
  [
    'win32',
    { APPDATA: 'C:\\A' },
    'C:\\A\\Claude\\claude_desktop_config.json',
    'C:\\A\\Code\\User\\mcp.json',
    'C:\\h\\.cursor\\mcp.json',
  ],
] as const)('on %s with %o the settings are where the clients look', (platform, env, desktop, vscode, cursor) => {
  const home = platform === 'win32' ? 'C:\\h' : '/h';
  const clients = clientsOf({ platform, home, env });
  const lastOf = (name: string) => clients.find((one) => one.name === name)?.files.at(-1);
  expect(clients.map(({ name }) => name)).toEqual(CLIENT_NAMES);
  expect([lastOf('claude-desktop'), lastOf('vscode'), lastOf('cursor')]).toEqual([desktop, vscode, cursor]);
  const slash = platform === 'win32' ? '\\' : '/';
  expect(['claude-code', 'windsurf', 'gemini-cli', 'copilot-cli'].map(lastOf)).toEqual(
    ['.claude.json', '.codeium/windsurf/mcp_config.json', '.gemini/settings.json', '.copilot/mcp-config.json'].map(
      (path) => `${home}${slash}${path.replaceAll('/', slash)}`,
    ),
  );
});

test('Windows shows the packaged Claude Desktop a folder of its own', () => {
  const [desktop] = clientsOf({ platform: 'win32', home: 'C:\\h', env: {} }).filter(
    ({ name }) => name === 'claude-desktop',
  );
  expect(desktop?.files[0]).toBe(
    'C:\\h\\AppData\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json',
  );
});

test.each([
  [
    '/home/me/.npm/_npx/1a/node_modules/telnyx-credentials-mcp/dist/main.js',
    'linux',
    'npx',
    ['-y', 'telnyx-credentials-mcp@1.2.3'],
  ],
  [
    'C:\\n\\node_modules\\telnyx-credentials-mcp\\dist\\main.js',
    'win32',
    'cmd',
    ['/c', 'npx', '-y', 'telnyx-credentials-mcp@1.2.3'],
  ],
  ['/src/checkout/dist/main.js', 'darwin', 'node', ['/src/checkout/dist/main.js']],
  ['C:\\src\\dist\\main.js', 'win32', 'node', ['C:\\src\\dist\\main.js']],
] as const)('%s on %s is started as %s', (main, platform, command, args) => {
  expect(launchOf(main, '1.2.3', platform)).toEqual({ command, args });
});

test('a checkout in a folder of any name knows its entry again', async () => {
  const on = machine({ main: '/src/checkout/dist/main.js' });
  const path = put(on, 'cursor', SETTINGS.cursor ?? '');
  await run(init, on, '--client', 'cursor');
  expect((await run(init, on, '--client', 'cursor')).out).toContain('nothing to change');
  await run(uninstall, on, '--client', 'cursor');
  expect(read(path)).toBe(SETTINGS.cursor);
});

test.each(CLIENT_NAMES)('with a key in the keychain no environment and no input is written for %s', async (name) => {
  const on = machine({ holdsKey: async () => true });
  const path = put(on, name, '{}');
  const { out } = await run(init, on, '--client', name);
  expect(read(path)).not.toMatch(/env|inputs/);
  expect(out).toContain('keychain');
});

test.each([
  ['cursor', false, 'replaced by a reference', ref('env:TELNYX_API_KEY'), 'delete the copy'],
  ['cursor', true, 'taken out', undefined, 'delete the copy'],
  ['claude-desktop', false, 'left, and spoken of', CANARY, 'login'],
  ['claude-desktop', true, 'taken out', undefined, 'delete the copy'],
])('a key in clear in our entry of %s, with one in the keychain %s, is %s', async (name, inKeychain, _, key, says) => {
  const on = machine({ holdsKey: async () => inKeychain });
  const entry = { command: 'npx', args: NPX, env: { TELNYX_API_KEY: CANARY } };
  const path = put(on, name, JSON.stringify({ mcpServers: { telnyx: entry } }, null, 2));
  // A change of another kind, so that there is something to write for each.
  writeFileSync(path, read(path).replace(version, '0.0.1'));
  const { out } = await run(init, on, '--client', name);
  expect(at(JSON.parse(read(path)), 'mcpServers', 'telnyx', 'env', 'TELNYX_API_KEY')).toBe(key);
  expect(out).toContain(says);
  expect(out).not.toContain('CANARY');
});

test.each([
  ['a reference of their own', { TELNYX_API_KEY: ref('env:MY_KEY') }],
  ['a file of their own', { TELNYX_API_KEY_FILE: '~/key' }],
])('%s stays', async (_, env) => {
  const on = machine();
  const path = put(on, 'cursor', JSON.stringify({ mcpServers: { telnyx: { command: 'npx', args: NPX, env } } }));
  expect(await run(init, on, '--client', 'cursor')).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(read(path)).mcpServers.telnyx.env).toEqual(env);
});

test('an input of VS Code stays while another server uses it, and one that is no password prompt is an error', async () => {
  const on = machine();
  const path = put(on, 'vscode', SETTINGS.vscode ?? '');
  await run(init, on, '--client', 'vscode');
  writeFileSync(path, read(path).replace(CANARY, ref('input:telnyx-api-key')));
  await run(uninstall, on, '--client', 'vscode');
  expect(read(path)).toContain('"id": "telnyx-api-key"');
  expect(read(path)).not.toContain('"telnyx":');
  const shown = read(path).replace('"password": true', '"password": false');
  writeFileSync(path, shown);
  expect(await run(init, on, '--client', 'vscode')).toMatchObject({ status: 1, err: expect.stringContaining(path) });
  expect(read(path)).toBe(shown);
});

test('a link leads to its file, which is replaced while the link stays', async () => {
  const on = machine();
  const path = put(on, 'cursor', '');
  const target = join(on.home, 'dotfiles.json');
  writeFileSync(target, SETTINGS.cursor ?? '', { mode: 0o600 });
  rmSync(path);
  symlinkSync(target, path);
  await run(init, on, '--client', 'cursor');
  expect(read(target)).toContain('telnyx-credentials-mcp');
  expect(readdirSync(dirname(path), { withFileTypes: true }).map((one) => one.isSymbolicLink())).toEqual([true]);
  expect(backupsOf(target)).toHaveLength(1);
});

test('the file and its copy stay with their owner, also when root writes them', async () => {
  const on = machine();
  const path = put(on, 'cursor', SETTINGS.cursor ?? '');
  const owner = process.getuid?.() === 0 ? 12_345 : (process.getuid?.() ?? 0);
  chownSync(path, owner, process.getgid?.() ?? 0);
  await run(init, on, '--client', 'cursor');
  for (const name of readdirSync(dirname(path))) expect(statSync(join(dirname(path), name)).uid).toBe(owner);
  expect(backupsOf(path)).toHaveLength(1);
});

test('a copy is never written over, and a file that changed meanwhile is left as it is', async () => {
  const on = machine();
  const path = put(on, 'cursor', 'first');
  for (const text of ['second', 'third', 'fourth']) await writeSettings(await readSettings(path), text, on.now());
  expect(
    backupsOf(path)
      .map((name) => read(join(dirname(path), name)))
      .sort(),
  ).toEqual(['first', 'second', 'third']);
  const seen = await readSettings(path);
  writeFileSync(path, 'theirs');
  await expect(writeSettings(seen, 'ours', on.now())).rejects.toThrow('meanwhile');
  expect(read(path)).toBe('theirs');
  expect(readdirSync(dirname(path))).toHaveLength(4);
});

test('a file that can be read and not replaced stays, and nothing is left beside it', async () => {
  const on = machine();
  const path = put(on, 'cursor', '');
  // No room in the name for that of a copy: it holds for root as well.
  const target = join(on.home, 'n'.repeat(250));
  writeFileSync(target, SETTINGS.cursor ?? '');
  rmSync(path);
  symlinkSync(target, path);
  const before = readdirSync(on.home);
  const { status, out, err } = await run(init, on, '--client', 'cursor');
  expect({ status, err }).toMatchObject({
    status: 1,
    err: expect.stringContaining(`${path}\nThis file cannot be written`),
  });
  expect(out).not.toContain('Restart');
  expect(read(target)).toBe(SETTINGS.cursor);
  expect(readdirSync(on.home)).toEqual(before);
});

test('--dry-run shows the diff of every client found and writes nothing; one broken file does not keep the others back', async () => {
  const on = machine();
  for (const name of CLIENT_NAMES) put(on, name, SETTINGS[name] ?? '');
  put(on, 'windsurf', '{');
  const { status, out, err } = await run(init, on, '--dry-run');
  expect(status).toBe(1);
  expect(err).toContain('mcp_config.json');
  expect(out.match(/^\+\+\+ /gm)).toHaveLength(CLIENT_NAMES.length - 1);
  expect(out).toContain(`+    "telnyx": {\n`);
  expect(out).not.toContain('CANARY');
  for (const name of CLIENT_NAMES) expect(backupsOf(fileOf(clientOf(on, name)))).toEqual([]);
  const one = await run(init, on, '--dry-run', '--client', 'claude-desktop');
  expect(one.out).toBe(`Claude Desktop
--- ${on.home}/.config/Claude/claude_desktop_config.json
+++ ${on.home}/.config/Claude/claude_desktop_config.json
@@ -2,0 +3,7 @@
+    "telnyx": {
+      "command": "npx",
+      "args": [
+        "-y",
+        "telnyx-credentials-mcp@${version}"
+      ]
+    },
`);
});

test('names and values on our lines are not shown, and nothing moves the cursor', async () => {
  const on = machine();
  const hostile = '\\u001b[2J\u202e';
  put(on, 'cursor', `{"mcpServers":{"${hostile}":{"env":{"${CANARY}":"${CANARY}","pin":42424242}}} /* ${CANARY} */}`);
  const { out } = await run(init, on, '--dry-run', '--client', 'cursor');
  expect(out).toContain('"telnyx":{"command":"npx"');
  expect(out).not.toMatch(/CANARY|4242|u001b/);
  expect(out).not.toMatch(/[^\P{C}\n]/u);
  put(on, 'cursor', `{\n  "mcpServers": {} // ${CANARY}\n}`);
  const beside = await run(init, on, '--dry-run', '--client', 'cursor');
  expect(beside.out).toContain('// …');
  expect(beside.out).not.toContain('CANARY');
  const far = `{"mcpServers":{"a":"${'x'.repeat(100_000)}"},"more":[${'1,'.repeat(50_000)}2]}`;
  put(on, 'cursor', far);
  const cut = await run(init, on, '--dry-run', '--client', 'cursor');
  expect(cut.out).toContain('telnyx-credentials-mcp@');
  expect(cut.out.length).toBeLessThan(2000);
});

test.each([
  ['without a client and without a terminal', [], /--client: claude-code, /],
  ['with a client nobody knows', ['--client', CANARY], /^--client must be one of: claude-code, (?!.*CANARY)/],
])('%s it says what to type', async (_, flags, says) => {
  const refused = run(init, machine(), ...flags);
  await expect(refused).rejects.toThrow(says);
  await expect(refused).rejects.toBeInstanceOf(ConfigError);
});

test('any layout is changed in one place and given back', () => {
  const blank = fc.constantFrom('', ' ', '\n', '\r\n  ', '\n\t', ' // c\n  ', '/* c */', '\n/* c\n */ ');
  const scalar = fc.constantFrom('1', '"a,}{"', 'null', '[]', '{"x":[1, 2 ]}', '{ }');
  const member = fc.tuple(blank, blank, blank, scalar, blank);
  fc.assert(
    fc.property(
      fc.array(member, { minLength: 1, maxLength: 4 }),
      blank,
      fc.boolean(),
      fc.nat(),
      (members, end, trailing, pick) => {
        const items = members.map(([a, b, c, value, d], index) => `${a}"k${index}"${b}:${c}${value}${d}`);
        const text = `{"s":{${items.join(',')}${trailing ? ',' : ''}${end}}}`;
        const value = { command: 'npx', args: ['-y'] };
        const added = changed(text, { path: ['s', 'telnyx'], value });
        expect(changed(added, { path: ['s', 'telnyx'], value: undefined })).toBe(text);
        // And any other member goes without the rest, or `changed` throws.
        const gone = changed(added, { path: ['s', `k${pick % members.length}`], value: undefined });
        for (const comment of gone.match(/\/[/*] c/g) ?? []) expect(text).toContain(comment);
      },
    ),
  );
});

interface Child {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function program(home: string, ...args: string[]): Promise<Child> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, ['--import', GUARD, MAIN, ...args], {
    env: { PATH, HOME: home, CI: '1', TELNYX_API_KEY: `KEY${CANARY}` },
  });
  child.stdin.end('y\n');
  const [stdout, stderr, [status]] = await Promise.all([
    textOfStream(child.stdout),
    textOfStream(child.stderr),
    once(child, 'exit'),
  ]);
  return { status, stdout, stderr };
}

test('the program itself adds this checkout and takes it out again, without a terminal', async () => {
  const on = machine();
  const path = put(on, 'cursor', SETTINGS.cursor ?? '');
  expect(await program(on.home, 'init')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^.*--client: claude-code.*\n$/),
  });
  const shown = await program(on.home, 'init', '--dry-run');
  expect(shown).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Cursor\n---') });
  expect(read(path)).toBe(SETTINGS.cursor);
  const done = await program(on.home, 'init', '--client', 'cursor');
  expect(done).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('.bak-') });
  expect(at(parse(read(path)), 'mcpServers', 'telnyx')).toEqual({
    command: 'node',
    args: [MAIN],
    env: { TELNYX_API_KEY: ref('env:TELNYX_API_KEY') },
  });
  const undone = await program(on.home, 'uninstall', '--client', 'cursor');
  expect(undone).toMatchObject({ status: 0, stderr: '' });
  expect(read(path)).toBe(SETTINGS.cursor);
  for (const { stdout } of [shown, done, undone]) expect(stdout).not.toContain('CANARY');
});

/** A terminal at which a person types a key as soon as a text is on the screen. */
function person(answers: readonly (readonly [after: string, keys: string])[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 40 });
  const waiting = [...answers];
  let seen = '';
  let from = 0;
  stdout.on('data', (bytes) => {
    seen += String(bytes);
    const [next] = waiting;
    if (!next || !seen.slice(from).includes(next[0])) return;
    waiting.shift();
    from = seen.length;
    setImmediate(() => stdin.write(next[1]));
  });
  return { terminal: { stdin, stdout, stderr: new PassThrough() }, seen: () => seen, left: () => waiting };
}

test.each([
  [
    'leaves one out and agrees to all',
    [
      ['Which clients?', ' \r'],
      ['Write these', '\r'],
    ],
    0,
    [false, true, true],
  ],
  [
    'agrees to one of two',
    [
      ['Which clients?', ' \r'],
      ['Write these', '\u001b[B\r'],
      ['of Windsurf', 'n'],
      ['of Gemini', 'y'],
    ],
    1,
    [false, false, true],
  ],
  ['leaves', [['Which clients?', '\u0003']], 1, [false, false, false]],
  [
    'leaves after the diff',
    [
      ['Which clients?', '\r'],
      ['Write these', '\u0003'],
    ],
    1,
    [false, false, false],
  ],
] as const)('a person at the terminal %s', async (_, answers, status, written) => {
  const on = machine();
  const names = ['cursor', 'windsurf', 'gemini-cli'];
  const paths = names.map((name) => put(on, name, SETTINGS[name] ?? ''));
  const { terminal, seen, left } = person(answers);
  expect(await init([], config(), terminal, on)).toBe(status);
  expect(left()).toEqual([]);
  expect(paths.map((path) => read(path).includes('telnyx'))).toEqual(written);
  expect(seen()).not.toContain('CANARY');
});

test('a broken file at the terminal is spoken of, and the others are written', async () => {
  const on = machine();
  const [cursor = '', windsurf = '', gemini = ''] = ['cursor', 'windsurf', 'gemini-cli'].map((name) =>
    put(on, name, '{}'),
  );
  writeFileSync(windsurf, CANARY);
  const { terminal, left } = person([
    ['Which clients?', '\r'],
    ['Write these', '\r'],
  ]);
  expect(await init([], config(), terminal, on)).toBe(1);
  expect(left()).toEqual([]);
  expect([cursor, windsurf, gemini].map((path) => read(path).includes('telnyx'))).toEqual([true, false, true]);
  expect(read(windsurf)).toBe(CANARY);
});
