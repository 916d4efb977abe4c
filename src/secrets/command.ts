import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { attempt, linkedSignal } from '../core/basics.ts';
import { misconfigured, ToolError } from '../core/errors.ts';
import { type Destination, entryOf, Unfit, whyNot } from './destination.ts';
import type { Secret } from './secret.ts';

const WITHIN_MS = 10_000;
const WRITABLE_BY_OTHERS = 0o022;

/** A command line as an argument array: no shell ever reads it. */
const line = z.array(z.string().min(1)).min(1);
/** By name, what puts a secret into a store, and what proves that it is there; an array alone is the former. */
const commands = z.record(
  z.string(),
  z.union([line.transform((put) => ({ put })), z.strictObject({ put: line, verify: line.optional() })]),
);
type Command = z.infer<typeof commands>[string] & { verify?: string[] | undefined };

interface CommandRules {
  /** The JSON file of the operator's commands; undefined means there are none. */
  commandsFile: string | undefined;
  /** What the command sees of the environment: not our key. */
  childEnv: Record<string, string>;
}

/**
 * A command the operator configured, such as one of Vault, `op` or `gh secret`; it gets the secret as JSON on stdin. Its
 * `verify` gets the id and prints the SHA-256 of what is stored, in hex; without one nobody knows whether it is.
 */
export function commandSink(name: string, rules: CommandRules): Destination {
  return {
    to: `command:${name}`,
    label: `the command ${name}`,
    many: true,
    async reserve() {
      const commands = await readCommands(rules.commandsFile);
      const command: Command | undefined = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (!command) throw useless(`no command is called ${name}`);
      for (const [program = ''] of [command.put, command.verify ?? command.put]) {
        if (!(await findProgram(program, rules.childEnv))) throw useless(`a program of ${name} is not installed`);
      }
      return {
        async keep(handover) {
          // Both together: the call has to answer.
          using stop = linkedSignal([], WITHIN_MS);
          const run = (line: string[], input: string) => feed(line, input, rules.childEnv, stop.signal);
          await run(command.put, JSON.stringify(entryOf(handover)));
          if (!command.verify) return { destination: 'command', place: name, unproven: true };
          const said = await run(command.verify, `${handover.facts.id}`).catch((error: unknown) => {
            throw new Unfit(`its verify failed: ${whyNot(error)}`);
          });
          const stored = new Set(said.toLowerCase().match(/\b[0-9a-f]{64}\b/g));
          const expected = Object.values(handover.secrets).map((secret) => digestOf(secret));
          if (stored.size !== 1 || !expected.every((digest) => stored.has(digest)))
            throw new Unfit('its verify does not find the secret there');
          return { destination: 'command', place: name };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

const digestOf = (secret: Secret): string => createHash('sha256').update(secret.reveal()).digest('hex');

async function readCommands(file: string | undefined): Promise<z.infer<typeof commands>> {
  if (file === undefined) throw useless('TELNYX_MCP_COMMANDS_FILE is not set');
  try {
    const { mode } = await stat(file);
    // Whoever can write this file could have every new secret sent to themselves.
    if (process.platform !== 'win32' && mode & WRITABLE_BY_OTHERS)
      throw useless('the commands file can be written by others');
    return commands.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw error instanceof ToolError
      ? error
      : useless('the commands file is not a JSON object of argument arrays, or of {"put": array, "verify": array}');
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

const MOST_SAID = 4096;
const LINGERS_MS = 1000;

/** Runs a command line to its end; gives the first of what it prints, which is shown to nobody: it may well be the secret. */
async function feed(line: string[], input: string, env: Record<string, string>, signal: AbortSignal): Promise<string> {
  const [program = '', ...args] = line;
  const path = (await findProgram(program, env)) ?? program;
  return new Promise((resolve, reject) => {
    // In a group of its own, so that what it started ends with it.
    const child = spawn(path, args, { env, stdio: ['pipe', 'pipe', 'ignore'], detached: process.platform !== 'win32' });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (said.length < MOST_SAID) said += chunk.toString('latin1');
    });
    child.once('error', () => reject(new Unfit('it could not be run')));
    const stop = (): void => {
      attempt(() => (child.pid && process.platform !== 'win32' ? process.kill(-child.pid, 'SIGKILL') : child.kill()));
      reject(new Unfit('it did not end in time'));
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const ended = (status: number | null, by: string | null): void => {
      signal.removeEventListener('abort', stop);
      child.stdout.destroy();
      if (status === 0) resolve(said);
      else reject(new Unfit(by ? `it was ended by ${by}` : `it ended with status ${status}`));
    };
    child.once('close', ended);
    // What it left running in the background may hold its output open.
    child.once('exit', (status, by) => setTimeout(ended, LINGERS_MS, status, by).unref());
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
