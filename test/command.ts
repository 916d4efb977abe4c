import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll } from 'vitest';
import { MAIN } from './process.ts';

const GUARD = new URL('./loopback-only.mjs', import.meta.url).href;
const KEYCHAIN = new URL('./file-keychain.mjs', import.meta.url).href;

export type Env = Record<string, string>;

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

interface Running {
  child: ChildProcessWithoutNullStreams;
  ended: Promise<Ended>;
}

/** A machine of its own: a home, a state folder, a working folder that is neither, and a keychain when told. */
export interface Machine {
  home: string;
  work: string;
  state: string;
  env: Env;
  /** What stands between Node and the words of the command. */
  node: readonly string[];
  /** What its keychain holds. */
  entries(): Record<string, string>;
  start(args: readonly string[], env?: Env): Running;
  /** Runs the built program to its end, with an input that may stay open. */
  run(args: readonly string[], options?: { env?: Env; input?: string; open?: boolean }): Promise<Ended>;
}

/**
 * Gives a test file machines, which go when it is over: each file asks for its own, since files share this module.
 * `keychain` false is the machine's own, which has no session to ask for one.
 */
export function machines(): (kind?: { keychain?: boolean; guarded?: boolean }) => Machine {
  const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-command-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return ({ keychain = true, guarded = true } = {}) =>
    machineIn(mkdtempSync(join(root, 'machine-')), keychain, guarded);
}

function machineIn(folder: string, keychain: boolean, guarded: boolean): Machine {
  const [home, work, state, file] = ['home', 'work', 'state', 'keychain.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [home, work]) mkdirSync(path);
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: home, CI: '1', TELNYX_MCP_STATE_DIR: state, TEST_KEYCHAIN: file };
  const imports = [...(guarded ? [GUARD] : []), ...(keychain ? [KEYCHAIN] : [])];
  const node = [...imports.flatMap((url) => ['--import', url]), MAIN];
  const start: Machine['start'] = (args, more = {}) => {
    const child = spawn(process.execPath, [...node, ...args], { cwd: work, env: { ...env, ...more } });
    child.stdin.on('error', () => undefined);
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
      ([stdout, stderr, [status]]) => ({ status: status as number | null, stdout, stderr }),
    );
    return { child, ended };
  };
  return {
    home,
    work,
    state,
    env,
    node,
    start,
    entries: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}),
    run(args, { env: more = {}, input = '', open = false } = {}) {
      const { child, ended } = start(args, more);
      if (open) child.stdin.write(input);
      else child.stdin.end(input);
      return ended;
    },
  };
}
