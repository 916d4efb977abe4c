import type { Config } from '../config.ts';
import { UNMADE } from '../exit-status.ts';
import type { Terminal } from './terminal.ts';

/** What a command does with the words after its own; gives the exit status. Throws ToolError and ConfigError. */
type Run = (args: readonly string[], config: Config, terminal: Terminal) => Promise<number>;

export interface Command {
  words: string;
  /** The words that follow, by what they stand for. */
  takes: readonly string[];
  does: string;
  /** The exit status when it fails; 1, and 2 for wrong use, unless told. */
  failed?: number;
  /** Loaded when asked for: a server starts without it. */
  load(): Promise<Run>;
}

/** What can be asked for on the command line beside serving. */
export const COMMANDS: readonly Command[] = [
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
export const usage = ({ words, takes }: Pick<Command, 'words' | 'takes'>): string =>
  [words, ...takes.map((name) => `<${name}>`)].join(' ');
