import { type App, createApp } from '../app.ts';
import { type Config, ConfigError } from '../config.ts';
import type { Answer } from '../people/question.ts';
import type { HttpLimits } from '../telnyx/http.ts';
import { askOnTerminal, type Terminal } from './terminal.ts';

type Result = Record<string, unknown>;

/** Calls a tool by its name, asking the person at the terminal what it asks; gives its result. Throws ToolError. */
export type CallTool = (name: string, args: object) => Promise<Result>;

/** Runs `work` with the tools of an app of its own, and closes that; throws what `work` throws. */
export async function withTools<T>(
  config: Config,
  terminal: Terminal,
  work: (call: CallTool) => Promise<T>,
  limits?: HttpLimits,
) {
  const app = createApp(config, limits && { limits });
  try {
    return await work((name, args) => callTool(app, name, args, terminal));
  } finally {
    await app.close();
  }
}

async function callTool(app: App, name: string, args: object, terminal: Terminal): Promise<Result> {
  const tool = app.catalogue.find((offered) => offered.name === name);
  if (!tool) throw new ConfigError(`${name} is switched off by --read-only or --toolsets`);
  const { signal } = new AbortController();
  let answer: Answer | undefined;
  for (;;) {
    const outcome = await app.call(tool, args, { signal, progress: () => undefined, showsPages: false, answer });
    if (outcome.kind === 'result') return outcome.result;
    // What the question is about may change while a person reads: then it comes again, reading differently.
    answer = { state: outcome.state, ...(await askOnTerminal(outcome.question, terminal)) };
  }
}
