import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Page as Tab } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApprovalQuestion, approvalPage } from '../../src/approval/pages/approval.ts';
import { createLauncher } from '../../src/approval/pages/browser.ts';
import { createPageHost, type PageHost } from '../../src/approval/pages/host.ts';
import type { Page } from '../../src/approval/pages/page.ts';
import { revealPage } from '../../src/approval/pages/reveal.ts';
import { type UploadedFile, uploadPage } from '../../src/approval/pages/upload.ts';
import { Secret } from '../../src/secrets/secret.ts';
import { until } from '../until.ts';
import { type Browsing, browse } from './chromium.ts';

const SHOTS = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), 'pages-screenshots-'));
const PASSWORD = 'tQ8-canary-wX5rT2mN9pL4';
const TOKEN = `eyJhbGciOiJIUzUxMiJ9.${'eyJjYW5hcnkiOnRydWV9'.repeat(14)}.c2lnbmF0dXJl`;

const question: ApprovalQuestion = {
  title: 'Delete a telephony credential',
  account: 'Acme Support (live account, key ending in 3f9A)',
  text: 'Delete the telephony credential "reception desk" (SIP username gencredk7Qm2, created 3 March 2026) on connection 1293384261075731499? Whoever uses it can no longer log in, tokens made from it stop working, and it cannot be brought back.',
};
const grave: ApprovalQuestion = {
  title: 'Delete a push credential',
  account: question.account,
  text: 'Delete the ios push credential "acme-voip-prod" (created 12 January 2026)? It is in use by 3 connections: "Support line" (credential), "Sales" (credential), "Night shift" (fqdn). Their apps get no more calls by push, and it cannot be brought back.',
  phrase: 'delete acme-voip-prod in use by 3 connections',
};

let browsing: Browsing;
let host: PageHost;
let tab: Tab;
const answers: string[] = [];
const handed: { files: UploadedFile[]; passphrase: string | undefined }[] = [];

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  browsing = await browse();
});
afterAll(async () => {
  await browsing.close();
  process.stdout.write(`screenshots: ${SHOTS}\n`);
});
beforeEach(async () => {
  answers.length = 0;
  handed.length = 0;
  browsing.complaints.length = 0;
  host = createPageHost({
    clock: () => performance.now(),
    launch: () => Promise.reject(new Error('not in this test')),
  });
  tab = await browsing.tab();
});
afterEach(async () => {
  // Chromium on a starved machine may never say that a tab has closed; the end of the browser takes it along.
  await Promise.race([tab.close(), sleep(10_000)]);
  await host.close();
  expect(browsing.complaints).toEqual([]);
});

const approval = (asked: ApprovalQuestion = question): Page =>
  approvalPage(asked, (said) => answers.push(said), 'K7QX');

const reveal = (): Page =>
  revealPage(
    {
      title: 'Login of “reception desk”',
      fields: {
        'SIP username': 'gencredk7Qm2',
        'SIP password': new Secret(PASSWORD),
        'Login token': new Secret(TOKEN),
      },
    },
    'K7QX',
  );

const KINDS: Record<string, string> = {
  pem: 'VoIP push certificate for com.acme.phone, valid until 12 January 2027',
  key: 'Private key that belongs to the certificate',
  p12: 'Certificate and key, protected by a passphrase',
};

const upload = (): Page =>
  uploadPage(
    {
      title: 'Files for an iOS push credential',
      recognise: async (files) =>
        files.map(({ name }) => {
          const what = KINDS[name.split('.').at(-1) ?? ''];
          return { name, what: what ?? 'A picture. Leave it out.', ok: what !== undefined };
        }),
    },
    (files, passphrase) => handed.push({ files, passphrase: passphrase?.reveal() }),
    'K7QX',
  );

async function go(page: Page): Promise<string> {
  const { url } = await host.offer(page);
  await tab.goto(url);
  return url;
}

const shot = (name: string) => tab.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
const heading = () => tab.locator('h1').textContent();
/** As text, since these files are checked without the types of a browser. */
const inPage = (script: string): Promise<unknown> => tab.evaluate(script);
const focused = () => inPage('document.activeElement?.textContent');
const button = (name: string) => tab.getByRole('button', { name, exact: true });
const file = (name: string, text = name) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });

describe('an approval', () => {
  test('is given by a click', async () => {
    await go(approval());
    await shot('approval');
    await button('Approve').click();
    expect(await heading()).toBe('Approved');
    await shot('approved');
    expect(answers).toEqual(['accept']);
  });

  test('is refused by a click', async () => {
    await go(approval(grave));
    await button('Refuse').click();
    expect(await heading()).toBe('Refused');
    expect(answers).toEqual(['decline']);
  });

  test('needs the phrase typed', async () => {
    await go(approval(grave));
    await shot('approval-phrase');
    await button('Approve').click();
    expect(await heading()).toBe(grave.title);
    await tab.getByLabel('To approve, type this').fill('delete it');
    await button('Approve').click();
    await tab.getByRole('alert').waitFor();
    await shot('approval-mistyped');
    expect(answers).toEqual([]);
    browsing.complaints.splice(0); // Chromium notes the 422 itself.
    await tab.getByLabel('To approve, type this').fill(grave.phrase ?? '');
    await button('Approve').click();
    expect(await heading()).toBe('Approved');
    expect(answers).toEqual(['accept']);
  });

  test('is not given by a key that was meant for another window', async () => {
    await go(approval());
    for (const key of ['Enter', 'Space', 'y', 'Escape']) await tab.keyboard.press(key);
    expect(await heading()).toBe(question.title);
    expect(answers).toEqual([]);
  });

  test('works by keyboard alone, with Refuse first', async () => {
    await go(approval());
    await tab.keyboard.press('Tab');
    expect(await focused()).toBe('Refuse');
    await tab.keyboard.press('Tab');
    expect(await focused()).toBe('Approve');
    await shot('approval-focus');
    await tab.keyboard.press('Enter');
    await tab.getByText('You can close this window').waitFor();
    expect(answers).toEqual(['accept']);
  });

  test('is given by Enter after the phrase, by keyboard alone', async () => {
    await go(approval(grave));
    await tab.keyboard.press('Tab');
    await tab.keyboard.type(grave.phrase ?? '');
    await tab.keyboard.press('Enter');
    await tab.getByText('You can close this window').waitFor();
    expect(answers).toEqual(['accept']);
  });

  test('survives a reload before the answer, and ends with it', async () => {
    const url = await go(approval());
    await tab.reload();
    await button('Approve').click();
    await tab.getByText('You can close this window').waitFor();
    await tab.goto(url);
    expect(await heading()).toBe('This page is closed');
    await shot('closed');
    await tab.goBack().catch(() => null);
    if (await button('Approve').isVisible()) await button('Approve').click();
    expect(answers).toEqual(['accept']);
    browsing.complaints.splice(0); // Chromium notes the 410 itself.
  });

  test('works without script', async () => {
    const page = await browsing.tab();
    const session = await browsing.context.newCDPSession(page);
    await session.send('Emulation.setScriptExecutionDisabled', { value: true });
    await page.goto((await host.offer(approval())).url);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('You can close this window').waitFor();
    expect(answers).toEqual(['accept']);
    await page.close();
  });

  test('is not given by another site that knows the address', async () => {
    const { url } = await host.offer(approval());
    await tab.goto(url);
    const foreign = await browsing.tab();
    await foreign.goto('data:text/html,<title>evil</title>');
    await foreign.setContent(
      `<form method="post" action="${url}"><input name="answer" value="accept"></form><iframe src="${url}"></iframe>`,
    );
    await foreign.evaluate('document.forms[0].submit()');
    await foreign.waitForURL(url);
    expect(await foreign.textContent('body')).toContain('There is nothing here.');
    expect(answers).toEqual([]);
    await foreign.close();
    browsing.complaints.splice(0);
  });
});

describe('a reveal', () => {
  test('shows on the button and copies each field', async () => {
    const url = await go(reveal());
    await shot('reveal-before');
    expect(await tab.content()).not.toContain(PASSWORD);
    await button('Show it now').click();
    expect(await tab.getByLabel('SIP password', { exact: true }).inputValue()).toBe(PASSWORD);
    await button('Copy SIP password').click();
    await tab.getByText('SIP password is copied.').waitFor();
    await shot('reveal-after');
    expect(await inPage('navigator.clipboard.readText()')).toBe(PASSWORD);
    await button('Copy Login token').click();
    await tab.getByText('Login token is copied.').waitFor();
    expect(await inPage('navigator.clipboard.readText()')).toBe(TOKEN);
    await tab.goto(url);
    expect(await tab.content()).not.toContain(PASSWORD);
    expect(await heading()).toBe('This page is closed');
    browsing.complaints.splice(0);
  });

  test('selects the text where the browser does not let it copy', async () => {
    await go(reveal());
    await button('Show it now').click();
    await inPage("void Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await button('Copy SIP password').click();
    await tab.getByText('copy it with the keyboard').waitFor();
    expect(await inPage('getSelection().toString()')).toBe(PASSWORD);
  });

  test('works by keyboard alone', async () => {
    await go(reveal());
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Enter');
    await tab.getByLabel('SIP password', { exact: true }).waitFor();
    const copies = tab.getByRole('button', { name: 'Copy SIP password' });
    for (let i = 0; i < 8 && !(await copies.evaluate((it) => it.matches(':focus'))); i++)
      await tab.keyboard.press('Tab');
    await tab.keyboard.press('Space');
    await tab.getByText('SIP password is copied.').waitFor();
  });
});

describe('an upload', () => {
  // Waited for before the page is there: a chooser that opens before Chromium hears of it is a real window nobody closes.
  test('takes files from the file chooser', async () => {
    const chooser = tab.waitForEvent('filechooser');
    await go(upload());
    await shot('upload-empty');
    await tab.locator('#drop').click();
    await (await chooser).setFiles([file('aps.pem'), file('aps.key', 'a private key')]);
    await tab.getByText('Ready to hand over.').waitFor();
    await shot('upload-ready');
    await tab.getByLabel('Passphrase, if a file has one').fill('open sesame');
    await button('Use these').click();
    await tab.getByText('You can close this window').waitFor();
    expect(await heading()).toBe('Handed over');
    await shot('upload-done');
    expect(handed).toEqual([
      {
        files: [
          { name: 'aps.pem', bytes: Buffer.from('aps.pem') },
          { name: 'aps.key', bytes: Buffer.from('a private key') },
        ],
        passphrase: 'open sesame',
      },
    ]);
  });

  test('takes files that are dropped, and lets one be removed', async () => {
    await go(upload());
    const dropped = await tab.evaluateHandle(`
      const data = new DataTransfer();
      data.items.add(new File(['one'], 'aps.p12'));
      data.items.add(new File(['two'], '<img src=x onerror=alert(1)>.jpg'));
      data`);
    await tab.dispatchEvent('body', 'dragover', { dataTransfer: dropped });
    await tab.dispatchEvent('body', 'drop', { dataTransfer: dropped });
    await tab.getByText('A picture. Leave it out.').waitFor();
    await shot('upload-bad');
    expect(await button('Use these').isDisabled()).toBe(true);
    await tab.getByRole('button', { name: /^Remove .*jpg$/ }).click();
    await tab.getByText('Ready to hand over.').waitFor();
    await button('Use these').click();
    await tab.getByText('You can close this window').waitFor();
    expect(handed).toEqual([{ files: [{ name: 'aps.p12', bytes: Buffer.from('one') }], passphrase: undefined }]);
  });

  test('adds nothing that is too large', async () => {
    await go(upload());
    await tab.locator('#files').setInputFiles([{ ...file('aps.pem'), buffer: Buffer.alloc(1_048_577) }]);
    await tab.getByText('larger than 1 MB').waitFor();
    expect(await tab.locator('li').count()).toBe(0);
  });

  test('takes a file of just 1 MB', async () => {
    await go(upload());
    await tab.locator('#files').setInputFiles([{ ...file('aps.pem'), buffer: Buffer.alloc(1_048_576) }]);
    await button('Use these').click();
    await tab.getByText('You can close this window').waitFor();
    expect(handed[0]?.files[0]?.bytes.length).toBe(1_048_576);
  });

  test('works by keyboard alone', async () => {
    const chooser = tab.waitForEvent('filechooser');
    await go(upload());
    await tab.keyboard.press('Tab');
    expect(await inPage('document.activeElement?.id')).toBe('files');
    await shot('upload-focus');
    await tab.keyboard.press('Enter');
    await (await chooser).setFiles([file('aps.pem')]);
    await tab.getByText('Ready to hand over.').waitFor();
    for (const name of ['Remove', '', 'Cancel', 'Use these']) {
      await tab.keyboard.press('Tab');
      expect(await focused()).toBe(name);
    }
    await tab.keyboard.press('Enter');
    await tab.getByText('You can close this window').waitFor();
    expect(handed).toHaveLength(1);
  });

  test('can be cancelled', async () => {
    await go(upload());
    await button('Cancel').click();
    await tab.getByText('No file was handed over.').waitFor();
    expect(handed).toEqual([]);
  });

  test('says so when the page has ended meanwhile', async () => {
    const opened = await host.offer(upload());
    await tab.goto(opened.url);
    opened.close();
    await tab.locator('#files').setInputFiles([file('aps.pem')]);
    await tab.getByText('This page is closed.').waitFor();
    browsing.complaints.splice(0);
  });
});

describe('every page', () => {
  const pages: [string, () => Page][] = [
    ['approval', approval],
    ['phrase', () => approval(grave)],
    ['reveal', reveal],
    ['upload', upload],
  ];

  test.each(pages)('fits a window of 360 pixels, light and dark: %s', async (name, make) => {
    await tab.setViewportSize({ width: 360, height: 740 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      await go(make());
      if (name === 'upload') {
        await tab.locator('#files').setInputFiles([file('apple-push-services-production-2026.pem'), file('photo.jpg')]);
        await tab.getByText('Not ready yet').waitFor();
      }
      expect(await inPage('document.documentElement.scrollWidth')).toBe(360);
      await shot(`${name}-360-${colorScheme}`);
      if (name === 'reveal') {
        await button('Show it now').click();
        await tab.getByLabel('Login token', { exact: true }).waitFor();
        expect(await inPage('document.documentElement.scrollWidth')).toBe(360);
        await shot(`revealed-360-${colorScheme}`);
      }
    }
  });

  test.each(pages)('is readable in the dark: %s', async (name, make) => {
    await tab.emulateMedia({ colorScheme: 'dark' });
    await go(make());
    await shot(`${name}-dark`);
    expect(await inPage('getComputedStyle(document.body).backgroundColor')).toBe('rgb(15, 20, 19)');
    expect(await inPage(FAINT)).toEqual([]);
  });

  test.each(pages)('has enough contrast in the light: %s', async (_name, make) => {
    await tab.emulateMedia({ colorScheme: 'light' });
    await go(make());
    expect(await inPage(FAINT)).toEqual([]);
  });

  test.each(pages)('has a language, a title, and a label for every control: %s', async (_name, make) => {
    await go(make());
    expect(await inPage('[document.documentElement.lang, document.title.length > 8]')).toEqual(['en', true]);
    const unlabelled = await inPage(
      "[...document.querySelectorAll('input:not([type=hidden]),textarea')].filter((one) => !one.labels.length).map(({ id }) => id)",
    );
    expect(unlabelled).toEqual([]);
  });
});

describe('a launch', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pages-launch-'));
  });
  const before = { ...process.env };
  afterEach(() => {
    for (const name of ['BROWSER', 'DISPLAY', 'PATH', 'XDG_CURRENT_DESKTOP', 'XDG_DATA_DIRS', 'XDG_DATA_HOME']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test('shows the address of the page in no process and no file, and brings the browser there', async () => {
    // Stands for the person's browser: the system's opener starts it, and it says how it was called.
    const said = join(folder, 'arguments');
    const browser = join(folder, 'browser');
    writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$@" > '${said}.part' && mv '${said}.part' '${said}'\nsleep 3\n`);
    chmodSync(browser, 0o755);
    Object.assign(process.env, { BROWSER: browser, DISPLAY: ':99', XDG_DATA_DIRS: folder, XDG_DATA_HOME: folder });
    delete process.env.XDG_CURRENT_DESKTOP;
    const own = createPageHost({
      clock: () => performance.now(),
      launch: createLauncher({ platform: 'linux', env: { DISPLAY: ':99' }, folder }),
    });
    const opening = own.open(approval());
    await until(() => existsSync(said));
    const lines = processes();
    const called = readFileSync(said, 'utf8').trim();
    const path = called.replace(/^file:\/\//, '');
    const ticket = readFileSync(path, 'utf8').match(/url=([^"]+)/)?.[1] ?? '';
    const opened = await opening;
    expect(lines).toContain(path);
    for (const address of [ticket, opened.url]) {
      expect(lines).not.toContain(new URL(address).pathname);
      expect(lines).not.toContain(new URL(address).port);
    }
    expect(readFileSync(path, 'utf8')).not.toContain(opened.url);

    await tab.goto(pathToFileURL(path).href, { waitUntil: 'commit' });
    await tab.waitForURL(opened.url);
    expect(await heading()).toBe(question.title);
    expect(readdirSync(folder).filter((name) => name.startsWith('telnyx-page-'))).toEqual([]);
    expect(processes()).not.toContain(new URL(opened.url).pathname);
    await button('Approve').click();
    expect(await opened.done).toBe('answered');
    expect(answers).toEqual(['accept']);
    await own.close();
  });
});

/** The arguments of every process of this machine. */
function processes(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .join('\n');
}

/** Gives the texts that stand out less than 4.5 to 1 from what is behind them. */
const FAINT = `
const rgb = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const found = rgb(getComputedStyle(element).backgroundColor);
  return found[3] === 0 ? behind(element.parentElement) : found;
};
[...document.querySelectorAll('main *')]
  .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
  .filter((element) => !element.matches('noscript, noscript *, :disabled'))
  .map((element) => {
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    return { text: element.textContent, ratio: (a + 0.05) / (b + 0.05) };
  })
  .filter(({ ratio }) => ratio < 4.5)
  .map(({ text, ratio }) => ratio.toFixed(2) + ': ' + text)`;
