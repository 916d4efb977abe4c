import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const GUARD = new URL('../loopback-only.mjs', import.meta.url).href;
const LEAVE = new URL('./leave-with-parent.mjs', import.meta.url).href;
// Prism reads the whole document before it listens; one that never does must not keep the run from ending.
const PATIENCE_MS = 60_000;

export interface Prism extends AsyncDisposable {
  url: string;
}

/**
 * Starts Prism by the command `prism` on the path, with what stands behind that on a command line (`mock`, a document, …);
 * gives where it listens, once it does. It takes a port that the system chooses, so no two runs can want the same.
 */
export async function startPrism(args: readonly string[]): Promise<Prism> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('prism', [...args, '--port', '0'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH, HOME, NO_COLOR: '1', NODE_OPTIONS: `--import=${GUARD} --import=${LEAVE}` },
  });
  const gone = once(child, 'exit');
  let said = '';
  const lines = createInterface({ input: child.stdout });
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const listening = new Promise<string>((resolve) => {
    // Read on to the end, or the pipe fills up and Prism waits for ever.
    lines.on('line', (line) => {
      said = `${said}${line}\n`.slice(-4000);
      const [, url] = /Prism is listening on (http:\S+?)\/?$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  const end = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  try {
    const url = await Promise.race([
      listening,
      gone.then(() => Promise.reject(new Error(`Prism did not come to listen:\n${said}`))),
    ]);
    return { url, [Symbol.asyncDispose]: end };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(limit);
  }
}
