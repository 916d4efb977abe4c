import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Child extends AsyncDisposable {
  process: ChildProcess;
  /** Sends a word and gives what the process answers to it. */
  ask<T = unknown>(word: string | number): Promise<T>;
}

/** A process with a built module of ours (from src/, without its ending) as `ours`: `answer` is an expression over `word`. */
export function startChild(module: string, setUp: string, answer: string, fileBlocks?: number): Child {
  const built = new URL(`../.build/src/${module}.js`, import.meta.url).href;
  const code = `
    import { createInterface } from 'node:readline';
    const ours = await import(${JSON.stringify(built)});
    ${setUp}
    for await (const word of createInterface({ input: process.stdin })) console.log(JSON.stringify(${answer}));`;
  const node = [process.execPath, '--input-type=module', '-e', code];
  // The largest file it may write, in blocks of 512 bytes: a full disk, as far as a process can tell.
  const limited = ['sh', '-c', `ulimit -f ${fileBlocks}; exec "$@"`, 'sh', ...node];
  const [command = '', ...args] = fileBlocks === undefined ? node : limited;
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'exit');
  return {
    process: child,
    async ask(word) {
      child.stdin.write(`${word}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the process ended');
      return JSON.parse(value);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
