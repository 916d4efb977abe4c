import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineChange } from '../src/core/tool.ts';
import { catalogue } from '../src/tools/index.ts';
import { dataOf, errorOf, type Started, startApp } from './app.ts';
import { serviceAccount } from './material.ts';

interface Planned {
  status: string;
  plan: { steps: string[]; asks?: string; secret_to?: string };
}

const living = (t: Started): string =>
  [...t.sandbox.world.telephony.values()].find((row) => !t.sandbox.world.isExpired(row))?.id ?? '';
const pushId = (t: Started, alias: string): string =>
  [...t.sandbox.world.push.values()].find((row) => row.alias === alias)?.id ?? '';

const accountFile = ({ stateDir }: Started): string => {
  const path = join(stateDir, 'account.json');
  writeFileSync(path, JSON.stringify(serviceAccount()));
  return path;
};

const plans: [
  name: string,
  args: (t: Started) => object,
  requests: RegExp[],
  asks: RegExp | undefined,
  secretTo: RegExp | undefined,
][] = [
  [
    'create_telephony_credential',
    () => ({ connection_id: '1', name: 'x', tag: 'y', expires_at: '2099-01-01' }),
    [
      /^POST \/telephony_credentials \{"connection_id":"1","name":"x","expires_at":"2099-01-01T00:00:00.000Z","tag":"\(a mark of its own\)"\}$/,
      /^PATCH \/telephony_credentials\/\(its-id\) \{"tag":"y"\}$/,
    ],
    undefined,
    /^the vault$/,
  ],
  [
    'create_telephony_token',
    (t) => ({ id: living(t), deliver_to: 'keychain:k' }),
    [/^POST \/telephony_credentials\/[\w-]+\/token$/],
    undefined,
    /the keychain entry k/,
  ],
  [
    'update_telephony_credential',
    (t) => ({ id: living(t), expires_at: new Date(Date.now() + 60_000).toISOString() }),
    [/^PATCH \/telephony_credentials\/[\w-]+ \{"expires_at":/],
    /expire for good/,
    undefined,
  ],
  [
    'delete_telephony_credential',
    (t) => ({ id: living(t) }),
    [/^DELETE \/telephony_credentials\/[\w-]+$/],
    /cannot be brought back/,
    undefined,
  ],
  [
    'delete_mobile_push_credential',
    (t) => ({ id: pushId(t, 'acme-dialer-ios') }),
    [/^DELETE \/mobile_push_credentials\/[\w-]+$/],
    /to type: delete acme-dialer-ios in use by 2 connections/,
    undefined,
  ],
  [
    'delete_expired_telephony_credentials',
    () => ({ limit: 1 }),
    [/^1 credentials, \d+ more would fit$/, /^DELETE \/telephony_credentials\/[\w-]+$/],
    /to type: delete 1 expired credentials/,
    undefined,
  ],
  [
    'create_mobile_push_credential',
    (t) => ({ type: 'android', alias: 'new', service_account_file: accountFile(t) }),
    [/^POST \/mobile_push_credentials \{"type":"android","alias":"new",.*"private_key":"\[secret\]"/],
    /read from outside the folders/,
    undefined,
  ],
  [
    'hand_off_secret',
    (t) => ({ id: living(t), kind: 'telephony' }),
    [/^hand it to the vault$/],
    /Hand the secret of/,
    /^the vault$/,
  ],
];

/** The plans of these are looked at by the tests of their rotations, or below. */
const ELSEWHERE = [
  ...['rotate_telephony_credential', 'rotate_telephony_credentials', 'rotate_mobile_push_credential'],
  ...['continue_rotation', 'roll_back_rotation'],
];

test('every tool that changes something is among those above', () => {
  const changes = catalogue.flatMap(({ name, effect }) => (effect === 'read' ? [] : [name]));
  expect([...new Set([...plans.map(([name]) => name), ...ELSEWHERE])].sort()).toEqual(changes.sort());
});

test.each(plans)('%s only plans, and sends nothing but reads', async (name, args, requests, asks, secretTo) => {
  await using t = await startApp({ person: () => ({ action: 'accept', content: { confirm: true } }) });
  await t.sandbox.world.ready;
  const { status, plan } = dataOf<Planned>(await t.call(name, { ...args(t), dry_run: true }));
  expect(status).toBe('planned');
  expect(plan.steps).toEqual(requests.map((request) => expect.stringMatching(request)));
  expect(plan.asks ?? '').toMatch(asks ?? /^$/);
  expect(plan.secret_to ?? '').toMatch(secretTo ?? /^$/);
  expect(t.asked).toEqual([]);
  expect(t.sandbox.requests.every(({ method }) => method === 'GET')).toBe(true);
  expect(existsSync(join(t.stateDir, 'vault'))).toBe(false);
});

test('going on with a rotation, or back, only plans, and says what it would do', async () => {
  let late = 0;
  await using t = await startApp({
    person: () => ({ action: 'accept', content: { confirm: true } }),
    now: () => new Date(Date.now() + late),
  });
  const begun = await t.call('rotate_telephony_credential', { id: living(t), overlap: '30m' });
  const { id } = dataOf<{ rotation: { id: string } }>(begun).rotation;
  late = 3_600_000;
  const before = t.sandbox.requests.length;
  const plan = async (name: string) => dataOf<Planned>(await t.call(name, { id, dry_run: true })).plan;
  expect(await plan('continue_rotation')).toMatchObject({
    steps: ['delete the old one'],
    asks: expect.stringMatching(/^Delete .+ cannot be brought back\.$/),
  });
  expect(await plan('roll_back_rotation')).toMatchObject({
    steps: ['give the old one its former expiry back', 'delete the successor'],
    asks: expect.stringMatching(/^Undo the rotation of /),
  });
  expect(t.sandbox.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
});

test('a plan for material yet to be dropped opens no page', async () => {
  const launched: string[] = [];
  await using t = await startApp({ launch: async (url) => void launched.push(url) });
  const args = { type: 'android', alias: 'new', upload: true, dry_run: true };
  const { plan } = dataOf<Planned>(await t.call('create_mobile_push_credential', args));
  expect(plan.steps).toEqual(['open a page where the person drops the files']);
  expect(launched).toEqual([]);
});

test('a plan is refused for what would be refused', async () => {
  await using t = await startApp();
  await t.sandbox.world.ready;
  for (const [name, args, code] of [
    ['delete_mobile_push_credential', { id: pushId(t, 'ios-native-new-march-2025') }, 'PERMISSION'],
    ['delete_telephony_credential', { id: 'none' }, 'NOT_FOUND'],
    ['create_telephony_credential', { connection_id: '1', expires_at: '2000-01-01' }, 'BAD_INPUT'],
    ['create_telephony_credential', { connection_id: '1', deliver_to: 'nowhere' }, 'BAD_INPUT'],
  ] as const) {
    expect(errorOf(await t.call(name, { ...args, dry_run: true })).code).toBe(code);
  }
});

test('a plan that tried to send something is stopped', async () => {
  const careless = defineChange({
    name: 'careless_tool',
    title: 'Careless',
    description: 'A fixture',
    toolset: 'telephony',
    effect: 'create',
    asks: 'never',
    input: z.object({}),
    output: z.object({}),
    propose: async (_, { http }) => {
      await http.send({ method: 'POST', path: 'telephony_credentials', body: { connection_id: '1' } });
      return { binding: {}, steps: [] };
    },
    run: async () => ({}),
  });
  await using t = await startApp({ offers: { tools: [careless], resources: [], prompts: [] } });
  expect((await t.call('careless_tool', { dry_run: true })).isError).toBe(true);
  expect(t.sandbox.requests).toEqual([]);
});

test('every tool that changes something can plan, and no tool that only reads takes dry_run', () => {
  for (const tool of catalogue) {
    expect('dry_run' in tool.input.shape, tool.name).toBe(tool.effect !== 'read');
    expect('propose' in tool, tool.name).toBe(tool.effect !== 'read');
  }
});
