import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const GUARD = new URL('../loopback-only.mjs', import.meta.url).href;
const WITNESS = new URL('witness.mjs', import.meta.url).href;
const LEAVES_WITHIN = 100;

/** The tools as the server lists them by its command line, with no client between. */
export const { tools: LISTED } = JSON.parse(
  execFileSync(process.execPath, [MAIN, 'tools', '--json', '--sandbox'], { encoding: 'utf8' }),
);

/**
 * Gives how a client is to start a server, with state of its own; `left` waits until it ended, and gives whether it did by itself.
 * With a `browser` it has a machine (Linux) on which a page can be opened, as `pages` counts; nobody sees them.
 */
export function newServer({ browser = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-client-'));
  const opened = join(folder, 'opened');
  if (browser) writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\necho a page >> '${opened}'\n`, { mode: 0o700 });
  const witness = join(folder, 'witness');
  const seen = () => readFileSync(witness, 'utf8').trim().split('\n');
  return {
    command: process.execPath,
    args: ['--import', GUARD, '--import', WITNESS, MAIN, '--sandbox'],
    env: {
      // No check opens a window on somebody's desktop.
      ...(browser ? { PATH: `${folder}:${process.env.PATH}`, DISPLAY: ':0' } : { PATH: process.env.PATH, CI: '1' }),
      TELNYX_MCP_STATE_DIR: join(folder, 'state'),
      WITNESS_FILE: witness,
    },
    pages: () => (existsSync(opened) ? readFileSync(opened, 'utf8').trim().split('\n').length : 0),
    async left() {
      for (let tries = 0; tries < LEAVES_WITHIN && !haveLeft(seen()); tries += 1) await sleep(100);
      const left = haveLeft(seen());
      rmSync(folder, { recursive: true, force: true });
      return left;
    },
  };
}

/** Some clients try the newest protocol on a process of its own first: what one begins, it must end well. */
const haveLeft = (lines) =>
  lines
    .filter((line) => line.endsWith(' began'))
    .every((line) => lines.includes(line.replace('began', 'ended with 0')));
