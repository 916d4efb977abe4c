import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import envPaths from 'env-paths';
import { LOG_LEVELS, type LogLevel } from '../core/log.ts';
import type { Toolset } from '../core/tool.ts';
import { Secret } from '../secrets/secret.ts';
import { isPlaceholder, type KeySetting, keyOfSettings } from './api-key.ts';

/** The groups that tools can be switched on and off by. */
export const TOOLSETS = [
  'telephony',
  'push',
  'rotation',
  'connections',
  'secrets',
] as const satisfies readonly Toolset[];

export const DEFAULT_BASE_URL = 'https://api.telnyx.com/v2';

/** Without a key the server starts and lists; calls look into the keychain, or answer why there is none. */
export interface Config extends KeySetting {
  baseUrl: string;
  apiKeyFile: string | undefined;
  stateDir: string;
  confirm: 'ask' | 'never';
  readOnly: boolean;
  toolsets: readonly Toolset[];
  /** Where a new secret goes when a call does not say. */
  deliverTo: string;
  /** What relative paths of calls are relative to. */
  workingFolder: string;
  /** Folders that files with secrets may lie in; undefined is the working folder. */
  allowDirs: readonly string[] | undefined;
  /** A JSON file of commands that secrets can be handed to. */
  commandsFile: string | undefined;
  /** The environment for programs we start: without our own settings, above all the key. */
  childEnv: Record<string, string>;
  logLevel: LogLevel;
  /** How many telephony credentials the sandbox starts with; `demo` is the small believable account. */
  sandbox: number | 'demo' | undefined;
  /** Whether a command prints for programs. */
  json: boolean;
  /** The MCP client that `init` is about; all that are found when undefined. */
  client: string | undefined;
  /** Whether `init` only shows what it would write. */
  dryRun: boolean;
}

/** A setting or command that cannot be used; its message is one line for the person who typed it. */
export class ConfigError extends Error {}

type Env = Record<string, string | undefined>;

/** What the command line asks for; words are a command of `cli/`. */
export type Command = 'serve' | 'help' | 'version' | readonly string[];

interface Flag {
  type: 'string' | 'boolean';
  env: string | undefined;
  /** The commands it belongs to; all, and the server, when undefined. */
  of?: readonly string[];
}

const FLAGS = {
  'api-key-file': { type: 'string', env: 'TELNYX_API_KEY_FILE' },
  'base-url': { type: 'string', env: 'TELNYX_BASE_URL' },
  'state-dir': { type: 'string', env: 'TELNYX_MCP_STATE_DIR' },
  confirm: { type: 'string', env: 'TELNYX_MCP_CONFIRM' },
  'read-only': { type: 'boolean', env: 'TELNYX_MCP_READ_ONLY' },
  toolsets: { type: 'string', env: 'TELNYX_MCP_TOOLSETS' },
  'deliver-to': { type: 'string', env: 'TELNYX_MCP_DELIVER_TO' },
  'allow-dirs': { type: 'string', env: 'TELNYX_MCP_ALLOW_DIRS' },
  'commands-file': { type: 'string', env: 'TELNYX_MCP_COMMANDS_FILE' },
  'log-level': { type: 'string', env: 'TELNYX_MCP_LOG_LEVEL' },
  sandbox: { type: 'boolean', env: undefined },
  'sandbox-seed': { type: 'string', env: undefined },
  json: { type: 'boolean', env: undefined, of: ['report', 'doctor', 'tools'] },
  client: { type: 'string', env: undefined, of: ['init', 'uninstall'] },
  'dry-run': { type: 'boolean', env: undefined, of: ['init', 'uninstall'] },
  help: { type: 'boolean', env: undefined },
  version: { type: 'boolean', env: undefined },
} as const satisfies Record<string, Flag>;

/**
 * Flags, which may stand among the words of a command, and environment as one frozen Config; a flag outranks its
 * variable, and no flag takes the key, since process lists are public. Throws ConfigError for anything unknown: a misspelt `--read-only` must not start a server that writes.
 */
export function loadConfig(args: readonly string[], env: Env = process.env): { command: Command; config: Config } {
  const { values: flags, positionals: words } = parseFlags(args);
  for (const name of Object.keys(env)) {
    if (name.startsWith('TELNYX_MCP_') && !Object.values(FLAGS).some((flag) => flag.env === name)) {
      throw new ConfigError(`unknown setting ${name}`);
    }
  }
  // Which of its words print headers, and so the key, is another matter in each version of Node.
  if (env.NODE_DEBUG) throw new ConfigError('NODE_DEBUG has Node print what is sent, the API key too: unset it');
  const setting = (flag: keyof typeof FLAGS): string | undefined => {
    const variable = FLAGS[flag].env;
    const value = variable && env[variable]?.trim();
    // Without a key the server may start; a placeholder for read-only must not start one that writes.
    if (isPlaceholder(value) && flag !== 'api-key-file')
      throw new ConfigError(`${variable} is a placeholder the client did not fill in`);
    return flags[flag]?.toString() ?? (isPlaceholder(value) ? undefined : value || undefined);
  };

  for (const [name, { of }] of Object.entries<Flag>(FLAGS)) {
    if (of && name in flags && !of.includes(words[0] ?? '')) {
      throw new ConfigError(`--${name} belongs to ${of.join(', ')}`);
    }
  }
  const sandbox = flags.sandbox || flags['sandbox-seed'] !== undefined ? seedSize(setting('sandbox-seed')) : undefined;
  const apiKeyFile = home(setting('api-key-file'));
  const config: Config = {
    baseUrl: checkUrl(setting('base-url') ?? DEFAULT_BASE_URL),
    ...(sandbox === undefined
      ? keyOfSettings(env.TELNYX_API_KEY, apiKeyFile)
      : { apiKey: new Secret('KEY-of-the-sandbox'), keyFrom: 'sandbox' }),
    apiKeyFile,
    stateDir:
      home(setting('state-dir')) ??
      join(envPaths('telnyx-credentials-mcp', { suffix: '' }).data, sandbox === undefined ? '' : 'sandbox'),
    confirm: oneOf('confirm', ['ask', 'never'] as const, setting('confirm') ?? 'ask'),
    readOnly:
      oneOf('read-only', ['true', 'false', '1', '0'] as const, setting('read-only') ?? 'false').match(/^[t1]/) !== null,
    toolsets: (setting('toolsets')?.split(',') ?? [...TOOLSETS]).map((name) =>
      oneOf('toolsets', TOOLSETS, name.trim()),
    ),
    deliverTo: checkPlace(setting('deliver-to') ?? 'vault'),
    workingFolder: process.cwd(),
    allowDirs: setting('allow-dirs')
      ?.split(delimiter)
      .flatMap((path) => home(path.trim()) || []),
    commandsFile: home(setting('commands-file')),
    childEnv: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) =>
        value === undefined || name.startsWith('TELNYX_') ? [] : [[name, value]],
      ),
    ),
    logLevel: oneOf('log-level', LOG_LEVELS, setting('log-level') ?? 'warn'),
    sandbox,
    json: flags.json ?? false,
    client: flags.client,
    dryRun: flags['dry-run'] ?? false,
  };
  const asked = words.length > 0 ? words : 'serve';
  return { command: flags.help ? 'help' : flags.version ? 'version' : asked, config: Object.freeze(config) };
}

/** Takes the key out of the environment of this process, which every program that it starts inherits. */
export function forgetKey(): void {
  delete process.env.TELNYX_API_KEY;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: true });
  } catch (error) {
    // Node's sentence may repeat the whole argument, and someone may have put a key there.
    const flag = error instanceof Error ? error.message.match(/--[a-z-]+/)?.[0] : undefined;
    throw new ConfigError(
      `${flag ? `${flag} is no flag of this command, or lacks its value` : 'unexpected argument'}; see --help`,
    );
  }
}

function oneOf<T extends string>(flag: string, allowed: readonly T[], value: string): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw new ConfigError(`--${flag} must be one of: ${allowed.join(', ')}`);
  return found;
}

function seedSize(value: string | undefined): number | 'demo' {
  if (value === undefined) return 'demo';
  if (!/^\d{1,6}$/.test(value)) throw new ConfigError('--sandbox-seed takes a number up to 999999');
  return Number(value);
}

function checkUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const loopback = url && /^(127(\.\d+){3}|localhost|\[::1\])$/.test(url.hostname);
  if (
    !url ||
    url.username ||
    url.password ||
    url.search ||
    (url.protocol !== 'https:' && !(loopback && url.protocol === 'http:'))
  ) {
    throw new ConfigError('the base URL must be an https: URL without user, password or query');
  }
  return url.href;
}

function checkPlace(value: string): string {
  if (/^(vault|browser|(file|keychain|command):.+)$/.test(value)) return value;
  throw new ConfigError('--deliver-to must be vault, browser, file:PATH, keychain:NAME or command:NAME');
}

const home = (path: string | undefined): string | undefined => path?.replace(/^~(?=\/|$)/, homedir());
