import { posix, win32 } from 'node:path';

/** How a client hands the key to a server without having it in its settings. */
export type KeyWay =
  /** A reference to TELNYX_API_KEY of the environment, as this client writes it. */
  | { kind: 'environment'; reference: string }
  /** A question of the client, which keeps the answer encrypted. */
  | { kind: 'input'; id: string; reference: string }
  /** None: only the keychain is left. */
  | { kind: 'none' };

export interface Client {
  /** What `--client` takes. */
  name: string;
  title: string;
  /** The settings of all projects: the first whose folder is there, else the last. */
  files: readonly string[];
  /** The property that holds the servers. */
  servers: 'mcpServers' | 'servers';
  /** Files and folders of which one is there when the client is installed. */
  signs: readonly string[];
  key: KeyWay;
  /** What its entries say beside command, arguments and environment. */
  extra: Readonly<Record<string, unknown>>;
  /** What a person must know before the file is written. */
  caution?: string;
}

/** Where home is: everything that the place of a file depends on. */
export interface Home {
  platform: NodeJS.Platform;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
}

export const CLIENT_NAMES = [
  'claude-code',
  'claude-desktop',
  'vscode',
  'vscode-insiders',
  'cursor',
  'windsurf',
  'gemini-cli',
  'copilot-cli',
] as const;

const environment = (reference: string): KeyWay => ({ kind: 'environment', reference });
const KEY = 'TELNYX_API_KEY';
const INPUT = 'telnyx-api-key';

/** Takes a system's home; gives the MCP clients whose settings are JSON, each with its place there. Reads nothing. */
export function clientsOf({ platform, home, env }: Home): readonly Client[] {
  const { join, isAbsolute } = platform === 'win32' ? win32 : posix;
  // A relative path in such a variable would lead into whatever folder this was started in.
  const folder = (variable: string, fallback: string): string => {
    const set = env[variable];
    return set !== undefined && isAbsolute(set) ? set : fallback;
  };
  const appData = {
    win32: () => folder('APPDATA', join(home, 'AppData', 'Roaming')),
    darwin: () => join(home, 'Library', 'Application Support'),
    other: () => folder('XDG_CONFIG_HOME', join(home, '.config')),
  }[platform === 'win32' || platform === 'darwin' ? platform : 'other']();

  const desktop = [join(appData, 'Claude')];
  // The Windows app comes as a package, and Windows shows it a folder of its own in place of APPDATA.
  if (platform === 'win32') {
    const local = folder('LOCALAPPDATA', join(home, 'AppData', 'Local'));
    desktop.unshift(join(local, 'Packages', 'Claude_pzs8sxrjxfjjc', 'LocalCache', 'Roaming', 'Claude'));
  }
  const claude = folder('CLAUDE_CONFIG_DIR', home);
  const copilot = folder('COPILOT_HOME', join(home, '.copilot'));
  const input = { kind: 'input', id: INPUT, reference: `\${input:${INPUT}}` } as const;
  const vscode = (product: string) => {
    const user = join(appData, product, 'User');
    return { files: [join(user, 'mcp.json')], servers: 'servers', signs: [user], key: input } as const;
  };
  const servers = 'mcpServers';
  const stdio = { type: 'stdio' };
  return [
    {
      name: 'claude-code',
      title: 'Claude Code',
      // Not a project's .mcp.json: that is made to be committed, holds for one project, and must be approved in each.
      files: [join(claude, '.claude.json')],
      servers,
      signs: [join(claude, '.claude.json'), folder('CLAUDE_CONFIG_DIR', join(home, '.claude'))],
      key: environment(`\${${KEY}}`),
      extra: stdio,
      caution:
        'Claude Code rewrites this file while it runs: close all its sessions first, and look with `claude mcp list` afterwards.',
    },
    {
      name: 'claude-desktop',
      title: 'Claude Desktop',
      files: desktop.map((path) => join(path, 'claude_desktop_config.json')),
      servers,
      signs: desktop,
      key: { kind: 'none' },
      extra: {},
    },
    { name: 'vscode', title: 'VS Code', extra: stdio, ...vscode('Code') },
    { name: 'vscode-insiders', title: 'VS Code Insiders', extra: stdio, ...vscode('Code - Insiders') },
    {
      name: 'cursor',
      title: 'Cursor',
      files: [join(home, '.cursor', 'mcp.json')],
      servers,
      signs: [join(home, '.cursor')],
      key: environment(`\${env:${KEY}}`),
      extra: {},
    },
    {
      name: 'windsurf',
      title: 'Windsurf',
      files: [join(home, '.codeium', 'windsurf', 'mcp_config.json')],
      servers,
      signs: [join(home, '.codeium', 'windsurf')],
      key: environment(`\${env:${KEY}}`),
      extra: {},
    },
    {
      name: 'gemini-cli',
      title: 'Gemini CLI',
      files: [join(home, '.gemini', 'settings.json')],
      servers,
      signs: [join(home, '.gemini')],
      // It hides variables that look like keys from servers, but for those an entry names.
      key: environment(`\${${KEY}}`),
      extra: {},
    },
    {
      name: 'copilot-cli',
      title: 'Copilot CLI',
      files: [join(copilot, 'mcp-config.json')],
      servers,
      signs: [copilot],
      key: environment(`\${${KEY}}`),
      extra: { type: 'local', tools: ['*'] },
    },
  ];
}
