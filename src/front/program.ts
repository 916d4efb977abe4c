import { once } from '../core/basics.ts';
import { whereOf } from '../core/errors.ts';
import { type Command, type Config, ConfigError, forgetKey, loadConfig } from '../host/config.ts';
import { FAILED, MISUSED, UNMADE } from '../host/exit-status.ts';
import { version } from '../host/version.ts';

// Clients that end a server send a signal, then kill it two seconds later.
const SIGNAL_GRACE_MS = 1500;

/** Does what the words and flags say: serves a client, or one thing for a person. Says on stderr why it could not. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    const { command, config } = loadConfig(args);
    forgetKey();
    if (command === 'serve') await serve(config);
    else process.exitCode = await answer(command, config);
  } catch (error) {
    const reason = error instanceof ConfigError ? error.message : `it failed at ${whereOf(error)}`;
    process.stderr.write(`telnyx-credentials-mcp: ${reason}\n`);
    // Words that cannot be read may still tell that a report was wanted.
    const unmade = args.includes('report') && UNMADE;
    process.exitCode = unmade || (error instanceof ConfigError ? MISUSED : FAILED);
  }
}

/** Serves the client at stdin and stdout until it leaves. */
async function serve(config: Config): Promise<void> {
  const { serveStdio } = await import('./mcp/stdio.ts');
  const session = once(async () => {
    const { createSession } = await import('../host/session.ts');
    const made = createSession(config);
    made.watch();
    made.log('info', 'serving', { version, node: process.version, sandbox: made.sandbox });
    return made;
  });
  const server = serveStdio({ session, sandbox: config.sandbox !== undefined }, process.stdin, process.stdout);

  let leaving = false;
  const leave = async (): Promise<void> => {
    if (leaving) return;
    leaving = true;
    await server.drain();
    await server.close();
    if (session.made()) await (await session()).close();
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
  process.stdout.write(command === 'help' ? (await import('./cli/commands.ts')).HELP : `${version}\n`);
  return 0;
}
