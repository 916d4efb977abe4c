// Holds real clients to the built server on its sandbox; needs Node 24. They are fetched from the npm registry into a folder
// that is thrown away, or taken from CLIENTS_FOLDER, where that names one; arguments are the clients, all unless told.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLIENTS = ['ai-sdk', 'ai-sdk-1', 'openai-agents', 'langchain', 'mastra', 'genkit', 'mcporter'];
const GUARD = new URL('../loopback-only.mjs', import.meta.url).href;
const RESOLVE = new URL('resolve.mjs', import.meta.url).href;
// One that hangs must not keep the others from being tried.
const PATIENCE_MS = 300_000;

const temporary = mkdtempSync(join(tmpdir(), 'telnyx-mcp-clients-'));
const folder = process.env.CLIENTS_FOLDER ?? temporary;
const counts = { passed: 0, failed: 0 };

function install() {
  const dependencies = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  execFileSync(npm, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Runs the checks of one client in a process of its own, which may reach this machine alone. */
async function play(client) {
  console.log(`\n${client}`);
  const before = counts.passed + counts.failed;
  const child = fork(new URL(`${client}.mjs`, import.meta.url), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--import', GUARD, '--import', RESOLVE],
    env: { ...process.env, CLIENTS_FOLDER: folder, HOME: temporary, XDG_CONFIG_HOME: temporary, CI: '1' },
  });
  child.on('message', ({ outcome, line }) => {
    counts[outcome] += 1;
    console.log(line);
  });
  // Clients log every error that a check provokes: it is told when they do not come to their end.
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const [status, signal] = await once(child, 'close');
  clearTimeout(limit);
  if (status === 0 && counts.passed + counts.failed > before) return;
  counts.failed += 1;
  console.log(`FAILED  to come to its end: ${signal ?? status}\n${said.slice(-4000)}`);
}

try {
  if (folder === temporary) install();
  const asked = process.argv.slice(2);
  for (const client of asked.length > 0 ? asked : CLIENTS) await play(client);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
