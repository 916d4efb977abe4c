import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browsing extends AsyncDisposable {
  context: BrowserContext;
  /** A new tab whose every complaint ends up in `complaints`. */
  tab(): Promise<Page>;
  /** Errors and warnings of the console, violations of the policy, and requests to anything but this machine. */
  complaints: string[];
  close(): Promise<void>;
}

/** Starts the system's Chromium with a profile of its own; CHROMIUM names another. */
export async function browse(): Promise<Browsing> {
  const profile = mkdtempSync(join(tmpdir(), 'pages-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ARGS,
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: 900, height: 760 },
  });
  const complaints: string[] = [];
  const close = async (): Promise<void> => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return {
    context,
    complaints,
    async tab() {
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() !== 'log') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (!['file:', 'data:'].includes(protocol) && hostname !== '127.0.0.1') complaints.push(request.url());
      });
      await page.addInitScript(
        "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective))",
      );
      return page;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
