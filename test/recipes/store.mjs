// What a stand-in has stored: a file for each program, an entry for each name.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The real program fails here: with this status, and nothing on stdout. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What a program reads from its input when it does not open it by a path. */
export const input = () => readFileSync(0, 'utf8');

const file = (program) => join(process.env.STAND_IN_STORE, `${program}.json`);

/** The entries of a program by name, each with its `secret`. */
export const entries = (program) => (existsSync(file(program)) ? JSON.parse(readFileSync(file(program), 'utf8')) : {});

/** Stores a secret, or what the fault of the test makes of it: nothing at all, or one with a newline more. Gives what it stored. */
export function keep(program, name, given, more = {}) {
  const fault = readFileSync(join(process.env.STAND_IN_STORE, 'fault'), 'utf8');
  if (fault === 'drop') return undefined;
  const secret = fault === 'newline' ? `${given}\n` : given;
  writeFileSync(file(program), JSON.stringify({ ...entries(program), [name]: { ...more, secret } }), { mode: 0o600 });
  return secret;
}
