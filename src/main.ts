#!/usr/bin/env node
import { createApp } from './app.ts';
import { ConfigError, loadConfig } from './config.ts';
import { version } from './version.ts';

const HELP = `telnyx-credentials-mcp ${version}
An MCP server on stdio for Telnyx WebRTC credentials. Started by an MCP client; no secret reaches the model.

  --sandbox             run on a made-up account inside the process, no key needed
  --sandbox-seed N      the same with N telephony credentials
  --read-only           offer only tools that change nothing            TELNYX_MCP_READ_ONLY
  --toolsets LIST       telephony,push,connections,secrets (all)        TELNYX_MCP_TOOLSETS
  --confirm ask|never   ask a person before destroying (default: ask)   TELNYX_MCP_CONFIRM
  --state-dir PATH      where the vault is                              TELNYX_MCP_STATE_DIR
  --api-key-file PATH   a file that holds the API key                   TELNYX_API_KEY_FILE
  --base-url URL        the API, /v2 included                           TELNYX_BASE_URL
  --deliver-to PLACE    where new secrets go (default: vault)           TELNYX_MCP_DELIVER_TO
  --allow-dirs PATHS    folders that files with secrets may lie in      TELNYX_MCP_ALLOW_DIRS
  --commands-file PATH  commands that secrets can be handed to          TELNYX_MCP_COMMANDS_FILE
  --log-level LEVEL     error, warn, info, debug (default: warn)        TELNYX_MCP_LOG_LEVEL
  --help, --version

The API key comes from TELNYX_API_KEY or a file; no flag takes it, because process lists are public.
`;

// Clients that end a server send a signal, then kill it two seconds later.
const SIGNAL_GRACE_MS = 1500;

async function main(): Promise<void> {
  const { command, config } = loadConfig(process.argv.slice(2));
  if (command !== 'serve') {
    process.stdout.write(command === 'help' ? HELP : `${version}\n`);
    return;
  }
  const app = createApp(config);
  const { serveStdio } = await import('./mcp/stdio.ts');
  const engine = serveStdio(app, process.stdin, process.stdout);
  app.log('info', 'serving', { version, node: process.version, sandbox: app.sandbox });

  let leaving = false;
  const leave = async (): Promise<void> => {
    if (leaving) return;
    leaving = true;
    await engine.drain();
    await engine.close();
    await app.close();
    process.exit(0);
  };
  process.stdin.once('end', () => void leave());
  process.stdin.once('close', () => void leave());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      setTimeout(() => process.exit(0), SIGNAL_GRACE_MS);
      void leave();
    });
  }
  // The client is gone: there is nobody left to tell.
  process.stdout.once('error', () => process.exit(0));
}

main().catch((error: unknown) => {
  const reason = error instanceof ConfigError ? error.message : 'it could not start';
  process.stderr.write(`telnyx-credentials-mcp: ${reason}\n`);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
});
