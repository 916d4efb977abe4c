import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ToolError } from '../src/core/errors.ts';
import { ConfigError, loadConfig } from '../src/host/config.ts';
import { Secret } from '../src/secrets/secret.ts';
import { errorOf, startApp } from './app.ts';

const KEY = 'KEY0123456789abcdef';
const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-config-'));
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

test('without any setting the real API is used and a person is asked', () => {
  const { config, command } = loadConfig([], {});
  expect(command).toBe('serve');
  expect(config).toMatchObject({
    baseUrl: 'https://api.telnyx.com/v2',
    confirm: 'ask',
    readOnly: false,
    logLevel: 'warn',
    sandbox: undefined,
  });
  expect(config.toolsets).toEqual(['telephony', 'push', 'rotation', 'connections', 'secrets']);
  expect(Object.isFrozen(config)).toBe(true);
});

const keys: [title: string, env: Record<string, string>, expected: string | RegExp][] = [
  ['the variable', { TELNYX_API_KEY: KEY }, KEY],
  ['the variable with spaces around', { TELNYX_API_KEY: ` ${KEY}\n` }, KEY],
  ['a file', { TELNYX_API_KEY_FILE: file('key', `${KEY}\n`) }, KEY],
  ['the variable before the file', { TELNYX_API_KEY: KEY, TELNYX_API_KEY_FILE: file('other', 'KEYother-other') }, KEY],
  ['the file when the variable is empty', { TELNYX_API_KEY: '', TELNYX_API_KEY_FILE: file('key2', KEY) }, KEY],
  ['nothing', {}, /No Telnyx API key is set/],
  ['an empty variable', { TELNYX_API_KEY: '  ' }, /No Telnyx API key is set/],
  ['a placeholder', { TELNYX_API_KEY: '${' + 'TELNYX_API_KEY}' }, /placeholder/],
  ['a default placeholder', { TELNYX_API_KEY: '${' + 'input:key}' }, /placeholder/],
  ['a second header', { TELNYX_API_KEY: `${KEY}\r\nX-Evil: 1` }, /does not look like an API key/],
  ...(
    [
      [`"${KEY}"`, 'stands between quotation marks'],
      [`'${KEY}'`, 'stands between quotation marks'],
      [`\u201c${KEY}\u201d`, 'stands between quotation marks'],
      ['$TELNYX_API_KEY', 'is the name of a variable that nobody put its value in place of'],
      ['%TELNYX_API_KEY%', 'is the name of a variable that nobody put its value in place of'],
      ['{env:TELNYX_API_KEY}', 'is the name of a variable that nobody put its value in place of'],
      ['{{ telnyx_key }}', 'is the name of a variable that nobody put its value in place of'],
      ['$(pass show telnyx)', 'is the name of a variable that nobody put its value in place of'],
      ['op://private/telnyx/key', 'is an address in a password manager, not what is kept there'],
      ['<YOUR_TELNYX_KEY>', 'is the example of some instructions'],
      ['YOUR_API_KEY_HERE', 'is the example of some instructions'],
      ['your-telnyx-api-key', 'is the example of some instructions'],
      ['KEYxxxxxxxxxxxxxxxx', 'is the example of some instructions'],
      ['KEY_xxxxxxxxxxxxx', 'is the example of some instructions'],
      [`Bearer ${KEY}`, 'begins with the word Bearer'],
      [`TELNYX_API_KEY=${KEY}`, 'begins with the name of the variable'],
    ] as const
  ).flatMap(([value, says], n): typeof keys => [
    [`the variable as ${value}`, { TELNYX_API_KEY: value }, new RegExp(`TELNYX_API_KEY ${says}`)],
    [
      `a file with ${value}`,
      { TELNYX_API_KEY_FILE: file(`mistake${n}`, `${value}\n`) },
      new RegExp(`What TELNYX_API_KEY_FILE holds ${says}`),
    ],
  ]),
  ['a key of letters and digits alone', { TELNYX_API_KEY: 'KEY018A2B3C4D5E6F_x9Yz' }, 'KEY018A2B3C4D5E6F_x9Yz'],
  ['a key of another shape', { TELNYX_API_KEY: 'tx_live.018~a2+b/c=' }, 'tx_live.018~a2+b/c='],
  ['an empty file', { TELNYX_API_KEY_FILE: file('empty', '\n') }, /does not hold an API key/],
  ['a missing file', { TELNYX_API_KEY_FILE: join(folder, 'nowhere') }, /cannot be read/],
];

test('what is no key is never sent, and is not shown', async () => {
  await using t = await startApp({ config: loadConfig([], { TELNYX_API_KEY: `"${KEY}"` }).config });
  const error = errorOf(await t.call('list_connections'));
  expect(error).toMatchObject({ code: 'CONFIGURATION', message: expect.stringContaining('quotation marks') });
  expect(JSON.stringify(error)).not.toContain(KEY);
  expect(t.sandbox.requests).toEqual([]);
});

test.each(keys)('the key comes from %s, or the call says why there is none', (_, env, expected) => {
  const { apiKey } = loadConfig([], env).config;
  if (typeof expected === 'string') expect((apiKey as Secret).reveal()).toBe(expected);
  else expect(apiKey).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(expected) });
  expect(apiKey).toBeInstanceOf(typeof expected === 'string' ? Secret : ToolError);
});

const PLACEHOLDER = '${' + 'RO}';
const refused: [title: string, args: string[], env: Record<string, string>, says: RegExp][] = [
  ['an unknown flag', ['--readonly'], {}, /--readonly/],
  ['a key as a flag', ['--api-key', KEY], {}, /--api-key/],
  ['a key glued to a flag', [`--api-key=${KEY}`], {}, /--api-key/],
  ['an unknown setting', [], { TELNYX_MCP_READONLY: '1' }, /TELNYX_MCP_READONLY/],
  ['an unknown toolset', ['--toolsets', 'telephony,sms'], {}, /--toolsets must be one of/],
  ['an empty toolset', ['--toolsets', ''], {}, /--toolsets must be one of/],
  ['an unknown way to confirm', [], { TELNYX_MCP_CONFIRM: 'no' }, /--confirm must be one of: ask, never/],
  ['a doubtful read-only', [], { TELNYX_MCP_READ_ONLY: 'yes' }, /--read-only must be one of/],
  ['a placeholder for read-only', [], { TELNYX_MCP_READ_ONLY: PLACEHOLDER }, /TELNYX_MCP_READ_ONLY is a placeholder/],
  ['an unknown log level', ['--log-level', 'trace'], {}, /--log-level/],
  ['a plain http API', ['--base-url', 'http://api.telnyx.com/v2'], {}, /https/],
  ['a base URL with a password', ['--base-url', 'https://a:b@api.telnyx.com/v2'], {}, /https/],
  ['a host that only begins like loopback', ['--base-url', 'http://127.0.0.1.evil.example/v2'], {}, /https/],
  ['an unknown place for secrets', ['--deliver-to', 'email'], {}, /--deliver-to must be/],
  ['no URL', ['--base-url', 'api.telnyx.com'], {}, /https/],
  ['half a sandbox', ['--sandbox-seed', '1.5'], {}, /--sandbox-seed/],
];

test.each(refused)('%s refuses to start with one line that shows no value', (_, args, env, says) => {
  expect(() => loadConfig(args, env)).toThrow(ConfigError);
  try {
    loadConfig(args, env);
  } catch (error) {
    expect(String(error)).toMatch(says);
    expect(String(error)).not.toContain('\n');
    expect(String(error)).not.toContain(KEY);
  }
});

test('programs we start get none of our settings, above all not the key', () => {
  const env = {
    PATH: '/bin',
    HOME: '/root',
    TELNYX_API_KEY: KEY,
    TELNYX_API_KEY_FILE: '/k',
    TELNYX_MCP_CONFIRM: 'ask',
  };
  expect(loadConfig([], env).config.childEnv).toEqual({ PATH: '/bin', HOME: '/root' });
});

test('a flag outranks its variable', () => {
  expect(loadConfig(['--confirm', 'ask'], { TELNYX_MCP_CONFIRM: 'never' }).config.confirm).toBe('ask');
});

test('words are the command, and flags may stand among them', () => {
  const { command, config } = loadConfig(['--confirm', 'never', 'rotations', '--read-only', 'continue', 'x'], {});
  expect(command).toEqual(['rotations', 'continue', 'x']);
  expect(config).toMatchObject({ confirm: 'never', readOnly: true });
  expect(loadConfig(['rotations', '--help'], {}).command).toBe('help');
  expect(() => loadConfig(['rotations', '--yes'], {})).toThrow(/--yes is no flag/);
});

test('a path may start at the home folder', () => {
  expect(loadConfig(['--state-dir', '~/x'], {}).config.stateDir).toBe(join(homedir(), 'x'));
});

test('loopback may be plain http', () => {
  for (const host of ['127.0.0.1:4010', 'localhost:1', '[::1]:2']) {
    expect(loadConfig(['--base-url', `http://${host}/v2`], {}).config.baseUrl).toBe(`http://${host}/v2`);
  }
});

test('the sandbox needs no key, ignores the real one, and keeps its vault apart', () => {
  const { config } = loadConfig(['--sandbox'], { TELNYX_API_KEY: KEY });
  expect((config.apiKey as Secret).reveal()).not.toBe(KEY);
  expect(config.stateDir).toMatch(/sandbox$/);
  expect(loadConfig(['--sandbox-seed', '0'], {}).config).toMatchObject({
    sandbox: 0,
    stateDir: expect.stringMatching(/sandbox$/),
  });
});
