import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { misconfigured, ToolError } from '../core/errors.ts';
import { type Destination, entryOf } from './destination.ts';

const WITHIN_MS = 10_000;
const WRITABLE_BY_OTHERS = 0o022;

/** Command lines by name, as argument arrays: no shell ever reads them. */
const commands = z.record(z.string(), z.array(z.string().min(1)).min(1));

interface CommandRules {
  /** The JSON file of the operator's commands; undefined means there are none. */
  commandsFile: string | undefined;
  /** What the command sees of the environment: not our key. */
  childEnv: Record<string, string>;
}

/** A command the operator configured, such as one of Vault, `op` or `gh secret`; it gets the secret as JSON on stdin. */
export function commandSink(name: string, rules: CommandRules): Destination {
  return {
    to: `command:${name}`,
    label: `the command ${name}`,
    many: true,
    async reserve() {
      const command = (await readCommands(rules.commandsFile))[name];
      if (!command) throw useless(`no command is called ${name}`);
      const [program = '', ...args] = command;
      const path = await findProgram(program, rules.childEnv);
      if (!path) throw useless(`the program of ${name} is not installed`);
      return {
        async keep(handover) {
          await feed(path, args, rules.childEnv, JSON.stringify(entryOf(handover)));
          return { destination: 'command', place: name };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

async function readCommands(file: string | undefined): Promise<z.infer<typeof commands>> {
  if (file === undefined) throw useless('TELNYX_MCP_COMMANDS_FILE is not set');
  try {
    const { mode } = await stat(file);
    // Whoever can write this file could have every new secret sent to themselves.
    if (process.platform !== 'win32' && mode & WRITABLE_BY_OTHERS)
      throw useless('the commands file can be written by others');
    return commands.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw error instanceof ToolError ? error : useless('the commands file is not a JSON object of argument arrays');
  }
}

async function findProgram(program: string, { PATH = '' }: Record<string, string>): Promise<string | undefined> {
  const candidates = /[\\/]/.test(program) ? [program] : PATH.split(delimiter).map((folder) => join(folder, program));
  for (const path of candidates) {
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** Runs the command to its end. What it prints is never looked at: it may well print the secret. */
function feed(program: string, args: string[], env: Record<string, string>, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: WITHIN_MS,
      killSignal: 'SIGKILL',
    });
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(signal ? 'it did not end within 10 seconds' : `it ended with status ${status}`));
    });
    // A command that does not read its input is judged by its status alone.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function useless(why: string): ToolError {
  return misconfigured(
    `The command cannot be used: ${why}. Nothing was created.`,
    'Have the person correct TELNYX_MCP_COMMANDS_FILE, or deliver to the vault.',
  );
}
