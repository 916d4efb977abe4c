import { deepEqual } from 'node:assert/strict';
import { isMockedAnswer } from './known.ts';
import type { Files } from './material.ts';
import { check, checksOf } from './play.ts';
import type { Recorder } from './recorder.ts';
import type { Session } from './session.ts';

const ID = '5b3f3a1c-6a5e-4d8e-9c39-1f4c7c1f7a10';
const CONNECTION = '1293384261075731499';

/** Tools that ask Telnyx nothing. */
const SEND_NOTHING = ['check_push_material', 'get_rotation'];

/** The ids of rotations that have steps left, by their kind. */
export type Open = Record<'goesOn' | 'turnsBack', string>;

function callsOf(files: Files, open: Open): [tool: string, args: object][] {
  const dated = { expires_at: '2099-01-01' };
  return [
    ['report_credential_health', {}],
    ['report_credential_health', { connection_id: CONNECTION }],
    ['list_telephony_credentials', { limit: 500 }],
    ...[{ name: 'n' }, { tag: 't' }, { status: 'expired' }, { connection_id: CONNECTION }, { sip_username: 'u' }].map(
      (filter): [string, object] => ['list_telephony_credentials', filter],
    ),
    ['get_telephony_credential', { id: ID }],
    ['get_credential_activity', { id: ID }],
    ['assess_leak', { id: ID }],
    ['assess_leak', { sip_username: 'u' }],
    ['create_telephony_credential', { connection_id: CONNECTION, name: 'n', tag: 't', ...dated }],
    ['update_telephony_credential', { id: ID, connection_id: CONNECTION, name: 'n', tag: 't', ...dated }],
    ['create_telephony_token', { id: ID }],
    ['rotate_telephony_credential', { id: ID, tag: 't', overlap: '0' }],
    ['delete_telephony_credential', { id: ID }],
    ['list_mobile_push_credentials', { limit: 500 }],
    ...(['ios', 'android'] as const).flatMap((type): [string, object][] => [
      ['list_mobile_push_credentials', { type, alias: 'a' }],
      ['create_mobile_push_credential', { type, alias: `new ${type}`, ...files(type, 0) }],
      ['rotate_mobile_push_credential', { id: ID, ...files(type, 1) }],
    ]),
    ['get_mobile_push_credential', { id: ID }],
    ['delete_mobile_push_credential', { id: ID }],
    ['continue_rotation', { id: open.goesOn }],
    ['roll_back_rotation', { id: open.turnsBack }],
    ['rotate_telephony_credentials', { connection_id: CONNECTION, new_tag: 't', limit: 2 }],
    ['delete_expired_telephony_credentials', { connection_id: CONNECTION, limit: 2 }],
    ...['credential', 'fqdn', 'ip', 'uac'].map((kind): [string, object] => [
      'list_connections',
      { kind, name: 'dialer' },
    ]),
    ['hand_off_secret', { id: ID, kind: 'telephony' }],
    ['hand_off_secret', { id: ID, kind: 'push' }],
  ];
}

/**
 * Calls every tool that sends a request on what Prism makes up, which fits the specification and nothing else: the results
 * may well be errors, but no request may be one Prism refuses, and none of ours may fail within.
 */
export async function playMocked(mode: string, session: Session, recorder: Recorder, files: Files, open: Open) {
  const checked = checksOf(`mock ${mode}`, recorder, isMockedAnswer);
  const calls = callsOf(files, open);
  await check(`mock ${mode}: no tool that sends a request is left out`, async () => {
    const { tools } = await session.client.listTools();
    const named = new Set([...calls.map(([tool]) => tool), ...SEND_NOTHING]);
    deepEqual([...named].sort(), tools.map(({ name }) => name).sort());
  });
  for (const [tool, args] of calls)
    await checked(`${tool} ${JSON.stringify(args).slice(0, 60)}`, () => session.call(tool, args));
  await checked('doctor', () => session.doctor());
}
