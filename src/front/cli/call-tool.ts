import { closestMatch } from 'leven';
import { type Config, ConfigError } from '../../host/config.ts';
import { everything } from '../../host/offers.ts';
import { createSession, type Session } from '../../host/session.ts';
import type { HttpLimits } from '../../telnyx/http.ts';
import { askOnTerminal, type Terminal } from './terminal.ts';

type Result = Record<string, unknown>;

/**
 * Calls a tool by its name until the signal, asking the person at the terminal what it asks; gives its result. Throws
 * ToolError, and ConfigError when there is no such tool.
 */
export type CallTool = (name: string, args: object, signal?: AbortSignal) => Promise<Result>;

/** Runs `work` with the tools of an session of its own, and closes that; throws what `work` throws. */
export async function withTools<T>(
  config: Config,
  terminal: Terminal,
  work: (call: CallTool) => Promise<T>,
  limits?: HttpLimits,
) {
  const session = createSession(config, { launch: noPage, ...(limits && { limits }) });
  try {
    return await work((name, args, signal) => callTool(session, name, args, terminal, signal));
  } finally {
    await session.close();
  }
}

/** A page ends with its session, and so with the command: a person would find nothing there. */
const noPage = (): Promise<void> => Promise.reject(new Error('a command opens no page'));

async function callTool(
  session: Session,
  name: string,
  args: object,
  terminal: Terminal,
  signal = new AbortController().signal,
): Promise<Result> {
  const tool = session.catalogue.find((offered) => offered.name === name);
  if (!tool) throw notOffered(session, name);
  let outcome = await session.call(tool, args, { signal, progress: () => undefined, showsPages: false });
  while (outcome.kind === 'ask') {
    const { question, state, resume } = outcome;
    outcome = await resume({ state, ...(await askOnTerminal(question, terminal, signal)) });
  }
  return outcome.result;
}

/** A word that is no tool is not repeated: it may be a key. */
function notOffered({ catalogue }: Session, name: string): ConfigError {
  if (everything.tools.some((tool) => tool.name === name))
    return new ConfigError(`${name} is switched off by --read-only or --toolsets`);
  const meant = closestMatch(
    name,
    catalogue.map((tool) => tool.name),
  );
  return new ConfigError(`no such tool${meant ? `; the nearest is: ${meant}` : ''}; the command tools lists them`);
}
