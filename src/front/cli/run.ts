import { closestMatch } from 'leven';
import { ToolError } from '../../core/errors.ts';
import { type Config, ConfigError } from '../../host/config.ts';
import { FAILED, MISUSED } from '../../host/exit-status.ts';
import { COMMANDS, type Command, usage } from './commands.ts';
import { print, type Terminal } from './terminal.ts';

/**
 * Runs the command that the words name; gives the exit status: 0 fine, 1 not done, 2 wrong use; those of a report
 * are its own. Says on stderr what went wrong and what to do next. Throws ConfigError for words that are no command, and
 * what nobody foresaw.
 */
export async function runCommand(words: readonly string[], config: Config, terminal: Terminal): Promise<number> {
  const command = find(words);
  const run = await command.load();
  try {
    return await run(words.slice(lengthOf(command)), config, terminal);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    print(terminal.stderr, `${error.message}\n${error.next}`);
    return command.failed ?? (error.code === 'BAD_INPUT' ? MISUSED : FAILED);
  }
}

const lengthOf = ({ words }: Command): number => words.split(' ').length;

/** The command itself, with as many words after it as it takes. No refusal repeats a word: one may be a key. */
function find(words: readonly string[]): Command {
  const fits = (command: Command): boolean => words.slice(0, lengthOf(command)).join(' ') === command.words;
  const named = COMMANDS.filter(fits).sort((a, b) => lengthOf(b) - lengthOf(a))[0];
  const more = named ? words.length - lengthOf(named) - named.takes.length : 1;
  if (named && (more === 0 || (more === 1 && named.mayTake))) return named;
  if (named && more < 0) throw new ConfigError(`this needs ${named.takes.join(' and ')}: ${usage(named)}`);
  const typed = words.slice(0, Math.max(...COMMANDS.map(lengthOf))).join(' ');
  const begun = COMMANDS.filter((command) => command.words.startsWith(`${typed} `));
  const kin = named ? COMMANDS.filter(({ words }) => `${words} `.startsWith(`${named.words} `)) : COMMANDS;
  const near = begun.length > 0 ? begun : kin;
  const nearest = closestMatch(
    typed,
    near.map(({ words }) => words),
  );
  const meant = near.find(({ words }) => words === nearest);
  throw new ConfigError(`no such command${meant ? `; the nearest is: ${usage(meant)}` : ''}; see --help`);
}
