import { version } from '../../host/version.ts';
import { COMMANDS, usage } from './commands.ts';

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
