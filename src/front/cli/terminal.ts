import { createInterface, type ReadLineOptions } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import type { Answer, Question } from '../../core/consent.ts';
import { ToolError } from '../../core/errors.ts';
import { visible } from '../../core/text.ts';
import { redact } from '../../secrets/secret.ts';

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
 * Puts a question to the person at the terminal; gives what they said in one line. The end of input and an aborted
 * signal are no answer. Throws `CANNOT_ASK` when nobody can be there: a pipe that says yes is not a person.
 */
export async function askOnTerminal(
  { text, phrase }: Question,
  { stdin, stderr }: Terminal,
  signal?: AbortSignal,
): Promise<Omit<Answer, 'state'>> {
  if (!stdin.isTTY || !stderr.isTTY) throw cannotAsk();
  print(stderr, `${text}\n${phrase === undefined ? 'Type y to go ahead:' : `To go ahead type: ${phrase}`}`);
  const line = await readLine({ input: stdin, ...(signal && { signal }) });
  if (line === undefined) return { action: 'cancel' };
  if (/^\s*no?\s*$/i.test(line)) return { action: 'decline' };
  const content = phrase === undefined ? { confirm: /^\s*y(es)?\s*$/i.test(line) } : { phrase: line };
  return { action: 'accept', content };
}

/**
 * Takes what to ask for; gives one line, or undefined at the end of input and after Ctrl-C. A terminal shows nothing of
 * it, and a pipe is read without being asked.
 */
export function readHidden(text: string, { stdin, stderr }: Terminal): Promise<string | undefined> {
  // A pipe whose writer stays would keep the process from ending.
  if (!stdin.isTTY) return readLine({ input: stdin }).finally(() => stdin.destroy());
  // readline takes over the echo of the terminal, and does it where nobody sees it.
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = readLine({ input: stdin, output: unseen, terminal: true, historySize: 0 });
  // Only now: what is typed before that would be shown.
  print(stderr, text);
  return line;
}

function readLine(options: ReadLineOptions): Promise<string | undefined> {
  const lines = createInterface(options);
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
