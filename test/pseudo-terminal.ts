import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Env, Machine } from './command.ts';

/** Whether there is a program that runs another on a terminal of its own, in the way of Linux. */
export const TERMINAL = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** Runs the program on a real terminal; types each text once the words before it are shown. */
export async function onTerminal(
  machine: Machine,
  args: readonly string[],
  env: Env,
  dialogue: readonly (readonly [waitsFor: string, types: string])[],
): Promise<{ shown: string; status: number | null }> {
  const command = [process.execPath, ...machine.node, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: machine.work,
    env: { ...machine.env, ...env },
  });
  let shown = '';
  const left = [...dialogue];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    shown += text;
    const [next] = left;
    if (!next || !shown.includes(next[0])) return;
    left.shift();
    child.stdin.write(next[1]);
  });
  const [status] = await once(child, 'close');
  return { shown, status: status as number | null };
}
