import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ToolError } from '../errors.ts';
import type { Answer, Question } from '../people/question.ts';
import { redact } from '../secrets/redact.ts';
import { visible } from '../untrusted.ts';

/** Where a command reads and writes; `process` is one. */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean };
}

/** Takes text from anywhere; writes it as lines that show no secret and cannot move the terminal's cursor. */
export function print(stream: Writable, text: string): void {
  stream.write(`${redact(text.split('\n').map(visible).join('\n'))}\n`);
}

/**
 * Puts a question to the person at the terminal; gives what they said in one line, and the end of input is no answer.
 * Throws `CANNOT_ASK` when nobody can be there: a pipe that says yes is not a person.
 */
export async function askOnTerminal(
  { text, phrase }: Question,
  { stdin, stderr }: Terminal,
): Promise<Omit<Answer, 'state'>> {
  if (!stdin.isTTY || !stderr.isTTY) throw cannotAsk();
  print(stderr, `${text}\n${phrase === undefined ? 'Type y to go ahead:' : `To go ahead type: ${phrase}`}`);
  const line = await readLine(stdin);
  if (line === undefined) return { action: 'cancel' };
  if (/^\s*no?\s*$/i.test(line)) return { action: 'decline' };
  const content = phrase === undefined ? { confirm: /^\s*y(es)?\s*$/i.test(line) } : { phrase: line };
  return { action: 'accept', content };
}

function readLine(input: Readable): Promise<string | undefined> {
  const lines = createInterface({ input });
  return new Promise((resolve) => {
    // The end comes after every line: of the two, the first to come counts.
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('close', () => resolve(undefined));
  });
}

function cannotAsk(): ToolError {
  return new ToolError(
    'CANNOT_ASK',
    'This needs a yes from a person, and there is no terminal to ask on: it was not done.',
    'Run it in a terminal; or, where nobody needs to be asked, with --confirm never.',
  );
}
