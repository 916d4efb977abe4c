import { text as textOf } from 'node:stream/consumers';
import { isRecord, parseJson } from '../../core/basics.ts';
import { badInput, ToolError } from '../../core/errors.ts';
import type { Effect, Tool } from '../../core/tool.ts';
import { type Config, ConfigError } from '../../host/config.ts';
import { FAILED, INTERRUPTED, MISUSED } from '../../host/exit-status.ts';
import { everything, offered } from '../../host/offers.ts';
import { redactDeep } from '../../secrets/secret.ts';
import { listingOf } from '../mcp/listing.ts';
import { withTools } from './call-tool.ts';
import { print, type Terminal } from './terminal.ts';

const WIDTH = 80;
const DOES: Record<Effect, string> = { read: 'reads', create: 'creates', update: 'changes', destroy: 'destroys' };

/** Prints the tools that the settings leave, with `--json` just as `tools/list` gives them; gives 0. */
export async function listTools(_args: readonly string[], config: Config, { stdout }: Terminal): Promise<number> {
  const { tools } = offered(config, everything);
  print(stdout, config.json ? json({ tools: tools.map(listingOf) }) : tools.map(described).join('\n\n'));
  return 0;
}

function described(tool: Tool): string {
  const { properties = {}, required } = listingOf(tool).inputSchema as { properties?: object; required?: string[] };
  const names = Object.keys(properties).map((name) => (required?.includes(name) ? `<${name}>` : `[${name}]`));
  return [`${tool.name} (${DOES[tool.effect]})`, `  ${tool.title}`, ...wrapped(names)].join('\n');
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && longer.length <= WIDTH) lines[lines.length - 1] = longer;
    else lines.push(`    ${word}`);
  }
  return lines;
}

/**
 * Calls a tool and prints one JSON document on stdout, come what may: its result, or `{ error }`. Questions and the log
 * are on stderr, so that a script need not take them apart. Gives 0 when it is done, planned or read, 1 when it is not
 * done, 2 for wrong use and 130 after Ctrl-C.
 */
export async function callOne(
  [name = '', given]: readonly string[],
  config: Config,
  terminal: Terminal,
): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  // The second Ctrl-C ends the process as usual.
  process.once('SIGINT', interrupt);
  try {
    const args = await argumentsFrom(given, terminal);
    const result = await withTools(config, terminal, (call) => call(name, args, stop.signal));
    print(terminal.stdout, json(result));
    return stop.signal.aborted ? INTERRUPTED : statusOf(result);
  } catch (error) {
    const failed = error instanceof ConfigError ? badInput(`${error.message}.`, 'See --help.') : error;
    if (!(failed instanceof ToolError)) throw error;
    print(terminal.stdout, json({ error: failed.toJSON() }));
    if (stop.signal.aborted) return INTERRUPTED;
    return failed.code === 'BAD_INPUT' ? MISUSED : FAILED;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

const FINE: readonly unknown[] = [undefined, 'done', 'planned', 'usable'];
const statusOf = ({ status }: Record<string, unknown>): number => (FINE.includes(status) ? 0 : FAILED);

/** Nothing is read from stdin unless told: a loop in a shell script would lose its input to it. */
async function argumentsFrom(given = '{}', { stdin }: Terminal): Promise<object> {
  if (given === '-' && stdin.isTTY) throw badInput('With - the arguments are piped in.', 'See --help.');
  const args = parseJson(given === '-' ? await textOf(stdin) : given);
  if (isRecord(args)) return args;
  throw badInput(
    'The arguments are not a JSON object.',
    'Give them as in: call get_telephony_credential \'{"id":"…"}\'',
  );
}

/** Searched for secrets before they can hide behind JSON's escapes. */
const json = (value: object): string => JSON.stringify(redactDeep(value), null, 2);
