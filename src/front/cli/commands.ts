import type { Config } from '../../host/config.ts';
import { UNMADE } from '../../host/exit-status.ts';
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
