import type { Config } from '../config.ts';
import { UNMADE } from '../exit-status.ts';
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

/** What can be asked for on the command line beside serving. */
export const COMMANDS: readonly Command[] = [
  {
    words: 'init',
    takes: [],
    does: 'add this server to your MCP clients, or to the one of --client; --dry-run only shows',
    load: async () => (await import('./init.ts')).init,
  },
  {
    words: 'uninstall',
    takes: [],
    does: 'take it out of them again',
    load: async () => (await import('./init.ts')).uninstall,
  },
  {
    words: 'login',
    takes: [],
    does: "ask for an API key, check it, and keep it in the system's keychain",
    load: async () => (await import('./login.ts')).login,
  },
  {
    words: 'doctor',
    takes: [],
    does: 'look whether everything is in place here, and say what to do; --json for programs',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    words: 'tools',
    takes: [],
    does: 'list the tools; --json for programs',
    load: async () => (await import('./tools.ts')).listTools,
  },
  {
    words: 'call',
    takes: ['tool'],
    mayTake: 'arguments as JSON',
    does: 'call a tool as an agent would, asking here; - reads the arguments from stdin',
    load: async () => (await import('./tools.ts')).callOne,
  },
  {
    words: 'report',
    takes: [],
    does: 'what is wrong with the account; --json for programs',
    failed: UNMADE,
    load: async () => (await import('./report.ts')).report,
  },
  {
    words: 'rotations',
    takes: [],
    does: 'list all rotations, open ones first',
    load: async () => (await import('./rotations.ts')).listRotations,
  },
  {
    words: 'rotations continue',
    takes: ['id'],
    does: 'go on with one, asking before it deletes',
    load: async () => (await import('./rotations.ts')).continueRotation,
  },
  {
    words: 'ledger verify',
    takes: [],
    does: 'look whether the record of rotations is whole',
    load: async () => (await import('./ledger.ts')).verify,
  },
];

/** A command as a person types it. */
export const usage = ({ words, takes, mayTake }: Pick<Command, 'words' | 'takes' | 'mayTake'>): string =>
  [words, ...takes.map((name) => `<${name}>`), ...(mayTake ? [`[${mayTake}]`] : [])].join(' ');
