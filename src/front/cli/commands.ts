import type { Config } from '../../host/config.ts';
import { UNMADE } from '../../host/exit-status.ts';
import { version } from '../../host/version.ts';
import type { Terminal } from './terminal.ts';

/** What a command does with the words after its own; gives the exit status. Throws ToolError and ConfigError. */
type Run = (args: readonly string[], config: Config, terminal: Terminal) => Promise<number>;

export interface Command {
  words: string;
  /** The words that follow, by what they stand for. */
  takes: readonly string[];
  /** One more that may follow. */
  mayTake?: string;
  does: string;
  /** The exit status when it fails; 1, and 2 for wrong use, unless told. */
  failed?: number;
  /** Loaded when asked for: a server starts without it. */
  load(): Promise<Run>;
}

const command = (words: string, does: string, load: Command['load'], more: Partial<Command> = {}): Command => ({
  ...{ words, does, load, takes: [] },
  ...more,
});

/** What can be asked for on the command line beside serving. */
export const COMMANDS: readonly Command[] = [
  command(
    'init',
    'add this server to your MCP clients, or to the one of --client; --dry-run only shows',
    async () => (await import('./init.ts')).init,
  ),
  command('uninstall', 'take it out of them again', async () => (await import('./init.ts')).uninstall),
  command(
    'login',
    "ask for an API key, check it, and keep it in the system's keychain",
    async () => (await import('./login.ts')).login,
  ),
  command(
    'doctor',
    'look whether everything is in place here, and say what to do; --json for programs',
    async () => (await import('./doctor.ts')).doctor,
  ),
  command('tools', 'list the tools; --json for programs', async () => (await import('./tools.ts')).listTools),
  command(
    'call',
    'call a tool as an agent would, asking here; - reads the arguments from stdin',
    async () => (await import('./tools.ts')).callOne,
    { takes: ['tool'], mayTake: 'arguments as JSON' },
  ),
  command(
    'report',
    'what is wrong with the account; --json for programs',
    async () => (await import('./report.ts')).report,
    { failed: UNMADE },
  ),
  command(
    'rotations',
    'list all rotations, open ones first',
    async () => (await import('./rotations.ts')).listRotations,
  ),
  command(
    'rotations continue',
    'go on with one, asking before it deletes',
    async () => (await import('./rotations.ts')).continueRotation,
    { takes: ['id'] },
  ),
  command(
    'journal verify',
    'look whether the record of rotations is whole',
    async () => (await import('./rotations.ts')).verify,
  ),
];

/** A command as a person types it. */
export const usage = ({ words, takes, mayTake }: Pick<Command, 'words' | 'takes' | 'mayTake'>): string =>
  [words, ...takes.map((name) => `<${name}>`), ...(mayTake ? [`[${mayTake}]`] : [])].join(' ');

const width = Math.max(...COMMANDS.map((command) => usage(command).length));
const commands = COMMANDS.map((command) => `  ${usage(command).padEnd(width)}  ${command.does}`).join('\n');

/** What `--help` says. */
export const HELP = `telnyx-credentials-mcp ${version}: an MCP server for Telnyx WebRTC credentials; no secret reaches the model

Usage
  telnyx-credentials-mcp [options]            serve an MCP client on stdin and stdout
  telnyx-credentials-mcp <command> [options]  do one thing, for a person or a timer

Commands
${commands}

Options
  --sandbox             a made-up account inside the process, no key needed
  --sandbox-seed N      the same with N telephony credentials
  --read-only           offer only tools that change nothing            TELNYX_MCP_READ_ONLY
  --toolsets LIST       telephony,push,rotation,connections,secrets     TELNYX_MCP_TOOLSETS
  --confirm ask|never   ask a person before destroying (default: ask)   TELNYX_MCP_CONFIRM
  --state-dir PATH      where the vault and the journal are             TELNYX_MCP_STATE_DIR
  --api-key-file PATH   a file that holds the API key                   TELNYX_API_KEY_FILE
  --base-url URL        the API, /v2 included                           TELNYX_BASE_URL
  --deliver-to PLACE    where new secrets go (default: vault)           TELNYX_MCP_DELIVER_TO
  --allow-dirs PATHS    folders that files with secrets may lie in      TELNYX_MCP_ALLOW_DIRS
  --commands-file PATH  commands that secrets can be handed to          TELNYX_MCP_COMMANDS_FILE
  --log-level LEVEL     error, warn, info, debug (default: warn)        TELNYX_MCP_LOG_LEVEL
  --client NAME         the client that init or uninstall is about
  --dry-run             init and uninstall show what they would write
  --json                report, doctor and tools print for programs
  --help, --version

  An option outranks its variable. Unknown options, values and variables refuse to start.
  PLACE is vault, file:PATH, keychain:NAME, browser or command:NAME.

The API key
  TELNYX_API_KEY, else the file, else what login put into the keychain. No option takes it: process lists are public.

Exit status
  0 done   1 failed, declined, or nobody could be asked   2 wrong use
  report: 0 nothing above info, 1 warnings, 2 errors, 3 not made or not whole   call: 130 after Ctrl-C

Examples
  telnyx-credentials-mcp --sandbox
  telnyx-credentials-mcp init --client claude-code
  telnyx-credentials-mcp call list_telephony_credentials '{"status": "active", "limit": 5}'
  telnyx-credentials-mcp report --json
`;
