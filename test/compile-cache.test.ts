import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MAIN } from './process.ts';

/** A home of its own, and what a start from it leaves in the cache. */
function start(prepare: (compiled: string) => void = () => undefined) {
  const home = mkdtempSync(join(tmpdir(), 'telnyx-mcp-cache-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const compiled = join(home, 'telnyx-credentials-mcp', 'compiled');
  prepare(compiled);
  const env = { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: home };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, '--version'], { env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  return { compiled, kept: existsSync(compiled) ? readdirSync(compiled, { recursive: true }).length : 0 };
}

// Other systems have other places.
const linux = process.platform === 'linux';
// Node 20 has no such cache: it keeps nothing, and makes no folder for it. test:nodes is where the others are tried.
const hasCache = 'enableCompileCache' in module;

test.runIf(linux)('compiled code is kept where only its user can write', () => {
  const { compiled, kept } = start();
  expect(kept > 0).toBe(hasCache);
  expect(existsSync(compiled)).toBe(hasCache);
  if (hasCache) expect(statSync(compiled).mode & 0o777).toBe(0o700);
});

test.runIf(linux)('a folder that others can write is not used', () => {
  const { kept } = start((compiled) => {
    mkdirSync(compiled, { recursive: true });
    chmodSync(compiled, 0o777);
  });
  expect(kept).toBe(0);
});

test('a home that cannot be written does not keep it from starting', () => {
  const env = { PATH: process.env.PATH, HOME: '/dev/null', XDG_CACHE_HOME: '/dev/null' };
  const { status, stderr } = spawnSync(process.execPath, [MAIN, '--version'], { env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
