import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataOf, type Person, type Started, startApp, yes } from './app.ts';
import { startStateless } from './by-hand.ts';
import { serviceAccount } from './material.ts';

const ALIAS = 'acme-dialer-android';

const folder = mkdtempSync(join(tmpdir(), 'telnyx-requests-'));
const service_account_file = join(folder, 'firebase.json');
beforeAll(() => writeFileSync(service_account_file, JSON.stringify(serviceAccount())));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The push credential, with one connection that uses it. */
async function used({ sandbox: { world } }: Started): Promise<string> {
  await world.ready;
  const { id = '' } = [...world.push.values()].find(({ alias }) => alias === ALIAS) ?? {};
  const users = [...world.connections.values()].filter((row) => row.android_push_credential_id === id);
  for (const row of users.slice(1)) row.android_push_credential_id = null;
  expect(users.length).toBeGreaterThan(0);
  return id;
}

const living = async ({ sandbox: { world } }: Started): Promise<string> =>
  [...world.telephony.values()].find((row) => !world.isExpired(row) && row.sip_password)?.id ?? '';

const calls: [tool: string, args: (t: Started) => Promise<Record<string, unknown>>, inside: number, again: number][] = [
  // Three of them tell the person who uses it.
  ['delete_telephony_credential', async (t) => ({ id: await living(t) }), 7, 7],
  ['rotate_telephony_credential', async (t) => ({ id: await living(t) }), 8, 8],
  ['rotate_telephony_credential', async (t) => ({ id: await living(t), overlap: '0' }), 8, 8],
  ['delete_mobile_push_credential', async (t) => ({ id: await used(t) }), 12, 12],
  ['rotate_mobile_push_credential', async (t) => ({ id: await used(t), service_account_file }), 12, 18],
];

test.each(calls)('%s asks inside the call, and sends no more than it must', async (tool, argsOf, most) => {
  await using t = await startApp({ person: yes });
  const args = await argsOf(t);
  expect(dataOf(await t.call(tool, args))).toMatchObject({ status: 'done' });
  expect(t.asked).toHaveLength(1);
  expect(t.sandbox.requests.length).toBeLessThanOrEqual(most);
});

test.each(calls)(
  '%s is called again with the answer, and sends no more than it must',
  async (tool, argsOf, _, most) => {
    await using s = await startStateless();
    const params = { name: tool, arguments: await argsOf(s.t) };
    const { result: asked } = await s.request('tools/call', params);
    const question = await yes(asked?.inputRequests?.question?.params as Parameters<Person>[0]);
    const answered = { ...params, inputResponses: { question }, requestState: asked?.requestState };
    const { result } = await s.request('tools/call', answered);
    expect(result?.structuredContent).toMatchObject({ status: 'done' });
    expect(s.t.sandbox.requests.length).toBeLessThanOrEqual(most);
  },
);

test('a fleet is read once for its question, and not again for what is done', async () => {
  await using t = await startApp({ person: yes });
  const { resource_id } = t.sandbox.world.telephony.get(await living(t)) ?? {};
  const args = { connection_id: `${resource_id}`.replace('connection:', ''), limit: 1 };
  expect(dataOf(await t.call('rotate_telephony_credentials', args))).toMatchObject({ status: 'done' });
  const lists = t.sandbox.requests.filter(
    ({ method, path }) => method === 'GET' && path.endsWith('/telephony_credentials'),
  );
  expect(lists).toHaveLength(1);
});
