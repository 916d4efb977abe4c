import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataOf, type Started, startApp } from '../app.ts';
import { appleMaterial } from '../material.ts';
import { type Browsing, browse } from './chromium.ts';

let browsing: Browsing;
beforeAll(async () => {
  browsing = await browse();
});
afterAll(async () => {
  await browsing.close();
  expect(browsing.complaints).toEqual([]);
});

/** A server whose client declares no elicitation; what it opens, opens in the browser. */
async function start(): Promise<{ t: Started; opened: () => Page }> {
  const tabs: Page[] = [];
  const launch = async (url: string): Promise<void> => {
    const tab = await browsing.tab();
    tabs.push(tab);
    await tab.goto(url);
  };
  const t = await startApp({ launch });
  return {
    t,
    opened: () => {
      const tab = tabs.at(-1);
      if (!tab) throw new Error('no page was opened');
      return tab;
    },
  };
}

interface Asked {
  status: string;
  approval_id: string;
  upload_id: string;
  message: string;
}

test('a delete goes through the page, from the question to the deletion', async () => {
  const { t, opened } = await start();
  await using _ = t;
  const id = [...t.sandbox.world.telephony.keys()][0] ?? '';
  const name = t.sandbox.world.telephony.get(id)?.name ?? '-';
  const asked = dataOf<Asked>(await t.call('delete_telephony_credential', { id }));
  expect(asked.status).toBe('needs_approval');
  const page = opened();
  expect(await page.textContent('main')).toContain(name);
  expect(await page.textContent('body')).toContain(/code (\w{4}) /.exec(asked.message)?.[1] ?? '-');
  expect(t.sandbox.world.telephony.has(id)).toBe(true);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'Approved' }).waitFor();
  expect(dataOf(await t.call('delete_telephony_credential', { id, approval_id: asked.approval_id }))).toEqual({
    status: 'done',
    id,
  });
  expect(t.sandbox.world.telephony.has(id)).toBe(false);
});

test('a refusal at the page leaves everything as it is', async () => {
  const { t, opened } = await start();
  await using _ = t;
  const id = [...t.sandbox.world.telephony.keys()][0] ?? '';
  const { approval_id } = dataOf<Asked>(await t.call('delete_telephony_credential', { id }));
  await opened().getByRole('button', { name: 'Refuse' }).click();
  await opened().getByRole('heading', { name: 'Refused' }).waitFor();
  expect(dataOf(await t.call('delete_telephony_credential', { id, approval_id }))).toMatchObject({
    status: 'declined',
  });
  expect(t.sandbox.world.telephony.has(id)).toBe(true);
});

test('a new password is shown to the person alone', async () => {
  const { t, opened } = await start();
  await using _ = t;
  const connection_id = [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  const result = await t.call('create_telephony_credential', { connection_id, name: 'shown', deliver_to: 'browser' });
  const record = [...t.sandbox.world.telephony.values()].find(({ name }) => name === 'shown');
  const page = opened();
  expect(await page.content()).not.toContain(record?.sip_password);
  await page.getByRole('button', { name: 'Show it now' }).click();
  expect(await page.getByLabel('SIP password', { exact: true }).inputValue()).toBe(record?.sip_password);
  expect(JSON.stringify(result)).not.toContain(record?.sip_password);
});

test('push material comes in by a page, and the credential is made of it', async () => {
  const { t, opened } = await start();
  await using _ = t;
  const { certificate, key } = await appleMaterial();
  const folder = mkdtempSync(join(tmpdir(), 'upload-browser-'));
  const files = Object.entries({ 'voip.pem': certificate, 'voip.key': key }).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  const args = { type: 'ios', alias: 'by page' };
  const asked = dataOf<Asked>(await t.call('create_mobile_push_credential', { ...args, upload: true }));
  expect(asked).toMatchObject({ status: 'needs_upload', upload_id: expect.any(String) });
  const waiting = await t.call('create_mobile_push_credential', { ...args, upload_id: asked.upload_id });
  expect(dataOf(waiting)).toMatchObject({ status: 'needs_upload' });

  const page = opened();
  await page.setInputFiles('#files', files);
  await page.getByText('a private key').waitFor();
  await page.getByRole('button', { name: 'Use these' }).click();
  await page.getByRole('heading', { name: 'Handed over' }).waitFor();

  const checked = await t.call('check_push_material', { type: 'ios', upload_id: asked.upload_id });
  expect(dataOf(checked)).toMatchObject({ status: 'usable' });
  const made = await t.call('create_mobile_push_credential', { ...args, upload_id: asked.upload_id });
  expect(dataOf(made)).toMatchObject({ status: 'done', credential: { alias: 'by page' } });
  const kept = [...t.sandbox.world.push.values()].find(({ alias }) => alias === 'by page');
  expect(kept?.private_key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  const digest = (text: string): string => createHash('sha256').update(text.replace(/\s/g, '')).digest('hex');
  expect(digest(kept?.certificate ?? '')).toBe(digest(certificate));
});
