import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { approvalPage } from '../src/approval/pages/approval.ts';
import { createLauncher, hasBrowser } from '../src/approval/pages/browser.ts';
import { createPageHost } from '../src/approval/pages/host.ts';
import { visit } from './browser/visitor.ts';
import { until } from './until.ts';

const URL_TO_OPEN = 'http://127.0.0.1:4321/the-address-of-a-launch';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pages-launch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('whether a window would be in front of the person', () => {
  const machines: [string, NodeJS.Platform, Record<string, string>, boolean][] = [
    ['Linux with X11', 'linux', { DISPLAY: ':0' }, true],
    ['Linux with Wayland', 'linux', { WAYLAND_DISPLAY: 'wayland-0' }, true],
    ['Linux without a display', 'linux', {}, false],
    ['Linux with an empty display', 'linux', { DISPLAY: '' }, false],
    ['WSL', 'linux', { WSL_DISTRO_NAME: 'Debian' }, true],
    ['WSL over SSH', 'linux', { WSL_DISTRO_NAME: 'Debian', SSH_CONNECTION: '1 2 3 4' }, false],
    ['Linux over SSH', 'linux', { SSH_CONNECTION: '1 2 3 4' }, false],
    [
      'Linux over SSH with the display forwarded',
      'linux',
      { SSH_CONNECTION: '1 2 3 4', DISPLAY: 'localhost:10.0' },
      true,
    ],
    ['macOS', 'darwin', {}, true],
    ['macOS over SSH', 'darwin', { SSH_TTY: '/dev/ttys001', DISPLAY: ':0' }, false],
    ['Windows', 'win32', {}, true],
    ['Windows over SSH', 'win32', { SSH_CLIENT: '1 2 3' }, false],
    ['CI', 'darwin', { CI: 'true' }, false],
    ['CI with a display', 'linux', { CI: '1', DISPLAY: ':99' }, false],
    ['CI said to be off', 'linux', { CI: 'false', DISPLAY: ':0' }, true],
  ];
  test.each(machines)('%s', (_what, platform, env, expected) => expect(hasBrowser({ platform, env })).toBe(expected));
});

const running = { exitCode: null, once: () => undefined };

function launcher(openFile: (path: string) => Promise<typeof running | { exitCode: number; once(): unknown }>) {
  return createLauncher({ platform: 'linux', env: { DISPLAY: ':0' }, folder, openFile });
}

describe('the file that a browser is launched at', () => {
  test('is for this user alone, and is what the opener gets instead of the address', async () => {
    const used = new AbortController();
    let opened = '';
    const launching = launcher(async (path) => {
      opened = path;
      return running;
    })(URL_TO_OPEN, used.signal);
    await until(() => opened !== '');
    expect(opened).toMatch(/telnyx-page-[^/]+[/\\]open\.html$/);
    expect(opened).not.toContain('4321');
    expect(statSync(opened).mode & 0o777).toBe(0o600);
    expect(statSync(join(opened, '..')).mode & 0o777).toBe(0o700);
    expect(readFileSync(opened, 'utf8')).toContain(`content="0;url=${URL_TO_OPEN}"`);
    used.abort();
    await launching;
    expect(readdirSync(folder)).toEqual([]);
  });

  test('never holds the address of the page, and is gone when a browser came', async () => {
    let file = '';
    const open = launcher(async (path) => {
      file = readFileSync(path, 'utf8');
      return { exitCode: 0, once: () => undefined };
    });
    const host = createPageHost({ clock: () => performance.now(), launch: open });
    const page = await host.open(approvalPage({ title: 'x', account: 'y', text: 'z' }, () => {}, 'K7QX'));
    expect(file).not.toContain(page.url);
    expect(readdirSync(folder)).toHaveLength(1);
    const visited = await visit(file.match(/url=([^"]+)/)?.[1] ?? '');
    expect(visited.url).toBe(page.url);
    expect(readdirSync(folder)).toEqual([]);
    await host.close();
  });

  test('is gone when the page ends before a browser came', async () => {
    const host = createPageHost({
      clock: () => performance.now(),
      launch: launcher(async () => ({ exitCode: 0, once: () => undefined })),
    });
    await host.open(approvalPage({ title: 'x', account: 'y', text: 'z' }, () => {}, 'K7QX'));
    expect(readdirSync(folder)).toHaveLength(1);
    await host.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  const failures: [string, () => Promise<{ exitCode: number; once(): unknown }>][] = [
    ['cannot be started', () => Promise.reject(new Error(`spawn ${URL_TO_OPEN}`))],
    ['finds no browser', async () => ({ exitCode: 3, once: () => undefined })],
  ];
  test.each(failures)('is gone when the opener %s, and the error does not name it', async (_what, openFile) => {
    const failed = launcher(openFile)(URL_TO_OPEN, new AbortController().signal);
    await expect(failed).rejects.toThrow(/^no browser could be opened on this machine$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is not written where there is no browser', async () => {
    const launch = createLauncher({ platform: 'linux', env: {}, folder, openFile: async () => running });
    await expect(launch(URL_TO_OPEN, new AbortController().signal)).rejects.toThrow('no browser');
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('a page that nobody answers does not keep the process alive', async () => {
  const code = `
    const { createPageHost } = await import('./.build/src/approval/pages/host.js');
    const { approvalPage } = await import('./.build/src/approval/pages/approval.js');
    const host = createPageHost({ clock: () => performance.now(), launch: async () => {} });
    const page = await host.offer(approvalPage({ title: 'x', account: 'y', text: 'z' }, () => {}, 'K7QX'));
    const { port, host: Host } = new URL(page.url);
    const socket = (await import('node:net')).connect(port, '127.0.0.1').unref();
    socket.write('GET / HTTP/1.1\\r\\nHost: ' + Host + '\\r\\n\\r\\n');
    const alive = setTimeout(() => {}, 5000);
    await new Promise((resolve) => socket.once('data', resolve));
    clearTimeout(alive);
    const holding = process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name));
    process.stdout.write(JSON.stringify(holding));`;
  expect(existsSync('.build/src/approval/pages/host.js'), 'npm run build:all').toBe(true);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
  expect(JSON.parse(stdout)).toEqual([]);
});
