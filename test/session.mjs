import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PATIENCE_MS = 120_000;
const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'by hand', version: '1' } },
};

/**
 * Takes how a server is started and requests to send after the handshake; gives their results in order. Spoken by hand, so
 * that nothing it writes goes unseen. Throws when it writes anything but JSON-RPC to stdout, answers with an error, or does
 * not leave with 0 once its input ends.
 */
export async function session({ command, args, cwd, env }, requests) {
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const limit = setTimeout(() => child.kill(), PATIENCE_MS);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  // One that is gone is noticed by what it did not answer.
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const next = async () => {
    const { value, done } = await lines.next();
    return done ? undefined : parse(value);
  };
  try {
    const results = [];
    for (const [id, request] of [INITIALIZE, ...requests].entries()) {
      send({ id, ...request });
      let answer = await next();
      while (answer && answer.id !== id) answer = await next();
      if (!answer?.result) throw new Error(`${request.method}: ${answer ? JSON.stringify(answer) : 'it ended'}`);
      results.push(answer.result);
      if (id === 0) send({ method: 'notifications/initialized' });
    }
    child.stdin.end();
    while (await next());
    const [status] = await closed;
    if (status !== 0) throw new Error(`it left with ${status}`);
    return results.slice(1);
  } catch (error) {
    child.stdin.destroy();
    child.kill();
    throw new Error(`${error.message}\n${stderr.slice(-2000)}`);
  } finally {
    clearTimeout(limit);
  }
}

function parse(line) {
  const message = line.startsWith('{') ? JSON.parse(line) : {};
  if (message.jsonrpc !== '2.0') throw new Error(`on stdout, and no JSON-RPC: ${line}`);
  return message;
}

/** Counts checks; a failed one is told and the others go on. `end` tells how many, and sets the exit status. */
export function checks() {
  let passed = 0;
  let failed = 0;
  return {
    async check(what, run) {
      try {
        await run();
        passed += 1;
        console.log(`ok      ${what}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  ${what}\n${error.message}`);
      }
    },
    end() {
      console.log(`${passed} passed, ${failed} failed`);
      process.exitCode = failed > 0 ? 1 : 0;
    },
  };
}
