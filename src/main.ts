#!/usr/bin/env node
import { createApp } from './app.ts';
import { type Command, type Config, ConfigError, loadConfig } from './config.ts';
import { whereOf } from './errors.ts';
import { FAILED, MISUSED, UNMADE } from './exit-status.ts';
import { version } from './version.ts';

// Clients that end a server send a signal, then kill it two seconds later.
const SIGNAL_GRACE_MS = 1500;

async function main(): Promise<void> {
  const { command, config } = loadConfig(process.argv.slice(2));
  if (command !== 'serve') {
    process.exitCode = await answer(command, config);
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

/** Does one thing for a person or a timer; gives the exit status. */
async function answer(command: Exclude<Command, 'serve'>, config: Config): Promise<number> {
  // Whoever read the output is gone; the status still tells what came of it.
  process.stdout.on('error', () => undefined);
  if (typeof command !== 'string') return (await import('./cli/run.ts')).runCommand(command, config, process);
  process.stdout.write(command === 'help' ? (await import('./cli/help.ts')).HELP : `${version}\n`);
  return 0;
}

main().catch((error: unknown) => {
  const reason = error instanceof ConfigError ? error.message : `it failed at ${whereOf(error)}`;
  process.stderr.write(`telnyx-credentials-mcp: ${reason}\n`);
  // Words that cannot be read may still tell that a report was wanted.
  const unmade = process.argv.slice(2).includes('report') && UNMADE;
  process.exitCode = unmade || (error instanceof ConfigError ? MISUSED : FAILED);
});
