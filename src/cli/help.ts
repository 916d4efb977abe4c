import { version } from '../version.ts';
import { COMMANDS, usage } from './commands.ts';

const commands = COMMANDS.map((command) => `  ${usage(command).padEnd(25)} ${command.does}`).join('\n');

/** What `--help` says. */
export const HELP = `telnyx-credentials-mcp ${version}
An MCP server on stdio for Telnyx WebRTC credentials. Started by an MCP client; no secret reaches the model.
With words it does one thing for a person or a timer instead:

${commands}

  --sandbox             run on a made-up account inside the process, no key needed
  --sandbox-seed N      the same with N telephony credentials
  --read-only           offer only tools that change nothing            TELNYX_MCP_READ_ONLY
  --toolsets LIST       telephony,push,rotation,connections,secrets     TELNYX_MCP_TOOLSETS
  --confirm ask|never   ask a person before destroying (default: ask)   TELNYX_MCP_CONFIRM
  --state-dir PATH      where the vault and the ledger are              TELNYX_MCP_STATE_DIR
  --api-key-file PATH   a file that holds the API key                   TELNYX_API_KEY_FILE
  --base-url URL        the API, /v2 included                           TELNYX_BASE_URL
  --deliver-to PLACE    where new secrets go (default: vault)           TELNYX_MCP_DELIVER_TO
  --allow-dirs PATHS    folders that files with secrets may lie in      TELNYX_MCP_ALLOW_DIRS
  --commands-file PATH  commands that secrets can be handed to          TELNYX_MCP_COMMANDS_FILE
  --log-level LEVEL     error, warn, info, debug (default: warn)        TELNYX_MCP_LOG_LEVEL
  --json                what report prints, for programs
  --help, --version

The API key comes from TELNYX_API_KEY or a file; no flag takes it, because process lists are public.
`;
