import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sandbox } from '../src/sandbox/server.ts';
import { catalogue } from '../src/tools/index.ts';
import type { serviceAccount } from './material.ts';

export type Call = [tool: string, args: Record<string, unknown>];

/** In the place of an id: that of the rotation begun last. */
export const LATEST = 'the latest rotation';

interface Material {
  certificate: string;
  key: string;
  account: ReturnType<typeof serviceAccount>;
}

/** The telephony credentials of a sandbox that have not expired. */
export const livingIn = ({ world }: Sandbox): string[] =>
  [...world.telephony.values()].flatMap((row) => (world.isExpired(row) ? [] : [row.id]));

/** Calls that go well in the account of a new sandbox, in this order, of every tool; their files lie in `folder`. */
export function callsOfEveryTool(sandbox: Sandbox, { certificate, key, account }: Material, folder: string): Call[] {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const { world } = sandbox;
  const [id = '', rotated = '', ofFleet = ''] = livingIn(sandbox);
  const [first] = world.telephony.keys();
  const pushNamed = (alias: string) => [...world.push.values()].find((row) => row.alias === alias)?.id;
  const [ios, android] = [pushNamed('acme-dialer-ios'), pushNamed('acme-dialer-android')];
  const connection_id = [...world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  const pair = { certificate_file: file('c.pem', certificate), private_key_file: file('k.pem', key) };
  const other = { ...account, private_key_id: 'e'.repeat(40) };
  const ofGoogle = file('a.json', JSON.stringify(account, null, 2));
  const calls: Call[] = [
    ['list_telephony_credentials', { limit: 500 }],
    ['get_telephony_credential', { id: first }],
    ['get_credential_activity', { id }],
    ['assess_leak', { id }],
    ['create_telephony_credential', { connection_id, name: 'new', tag: 'x' }],
    ['update_telephony_credential', { id, name: 'renamed' }],
    ['create_telephony_token', { id }],
    ['hand_off_secret', { id, kind: 'telephony' }],
    ['hand_off_secret', { id: ios, kind: 'push' }],
    ['list_mobile_push_credentials', {}],
    ['get_mobile_push_credential', { id: ios }],
    ['check_push_material', { type: 'ios', ...pair }],
    ['create_mobile_push_credential', { type: 'ios', ...pair, alias: 'new ios' }],
    ['create_mobile_push_credential', { type: 'android', service_account_file: ofGoogle, alias: 'new android' }],
    ...['credential', 'fqdn', 'ip', 'uac'].map((kind): Call => ['list_connections', { kind }]),
    ['rotate_telephony_credential', { id: rotated, overlap: '30m', tag: 'x' }],
    ['get_rotation', {}],
    ['continue_rotation', { id: LATEST }],
    ['roll_back_rotation', { id: LATEST }],
    [
      'rotate_mobile_push_credential',
      { id: android, service_account_file: file('b.json', JSON.stringify(other, null, 2)) },
    ],
    ['roll_back_rotation', { id: LATEST }],
    ['report_credential_health', {}],
    ['rotate_telephony_credentials', { name: world.telephony.get(ofFleet)?.name, overlap: '30m' }],
    ['delete_expired_telephony_credentials', { limit: 1 }],
    ['delete_telephony_credential', { id: first }],
    ['delete_mobile_push_credential', { id: ios }],
  ];
  expect(new Set(calls.map(([name]) => name))).toEqual(new Set(catalogue.map(({ name }) => name)));
  return calls;
}

/** Makes the calls one after the other; `call` gives the structured content of a result. */
export async function play(
  calls: readonly Call[],
  call: (name: string, args: Record<string, unknown>) => Promise<unknown>,
): Promise<void> {
  let latest: string | undefined;
  for (const [name, args] of calls) {
    const given = await call(name, { ...args, ...(args.id === LATEST && { id: latest }) });
    latest = (given as { rotation?: { id: string } } | undefined)?.rotation?.id ?? latest;
  }
}
