import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { html } from './document.ts';

type Env = Record<string, string | undefined>;

export interface Surroundings {
  platform: NodeJS.Platform;
  env: Env;
  /** Opens a file with what the person's system opens it with; the `open` package unless told. */
  openFile?: (path: string) => Promise<Launched>;
  /** Where the file may lie for a moment. */
  folder?: string;
}

interface Launched {
  exitCode: number | null;
  once(event: 'exit', listener: (code: number | null) => void): unknown;
}

const FILE_LASTS_MS = 60_000;
const OPENER_FAILS_WITHIN_MS = 2_000;

/** Whether a window opened here would be in front of the person: not in CI, over SSH, or without a display. */
export function hasBrowser({ platform, env }: Pick<Surroundings, 'platform' | 'env'>): boolean {
  if (env.CI && !['false', '0'].includes(env.CI)) return false;
  const display = Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
  const remote = Boolean(env.SSH_CONNECTION || env.SSH_CLIENT || env.SSH_TTY);
  if (platform === 'darwin' || platform === 'win32') return !remote;
  return display || (!remote && Boolean(env.WSL_DISTRO_NAME || env.WSL_INTEROP));
}

/**
 * Opens browsers for a page host. Every user of a machine can read the arguments of processes, so the browser is given a
 * file: readable by this user alone, it sends the browser on to an address that works once, and is deleted when it has.
 */
export function createLauncher(around: Surroundings): (url: string, used: AbortSignal) => Promise<void> {
  return async (url, used) => {
    if (!hasBrowser(around)) throw new Error('there is no browser on this machine to open a page in');
    const folder = mkdtempSync(join(around.folder ?? folderFor(around.platform), 'telnyx-page-'));
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      const file = join(folder, 'open.html');
      writeFileSync(file, redirect(url), { mode: 0o600, flag: 'wx' });
      const timer = setTimeout(remove, FILE_LASTS_MS).unref();
      onceAborted(used, () => {
        clearTimeout(timer);
        remove();
      });
      await started(await (around.openFile ?? openWithSystem)(file), used);
    } catch {
      remove();
      // Not the cause: it may quote the path or the environment.
      throw new Error('no browser could be opened on this machine');
    }
  };
}

function onceAborted(signal: AbortSignal, then: () => void): void {
  if (signal.aborted) then();
  else signal.addEventListener('abort', then, { once: true });
}

// Browsers installed as snaps have a /tmp of their own, and see no hidden folder of the home folder.
const folderFor = (platform: NodeJS.Platform): string =>
  platform === 'linux' && existsSync('/snap/bin') ? homedir() : tmpdir();

const redirect = (url: string): string =>
  html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="0;url=${url}">
<title>Opening…</title>
<p>Opening a page of your Telnyx credentials server…</p>
`.text;

async function openWithSystem(path: string): Promise<Launched> {
  const { default: open } = await import('open');
  return open(path);
}

/** Rejects when the opener gives up at once; one that becomes the browser itself runs on. */
function started(launched: Launched, used: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => (code === 0 ? resolve() : reject(new Error('the opener failed')));
    if (launched.exitCode !== null) return ended(launched.exitCode);
    launched.once('exit', ended);
    onceAborted(used, resolve);
    setTimeout(resolve, OPENER_FAILS_WITHIN_MS).unref();
  });
}
