import { equal } from 'node:assert/strict';
import type { Sandbox } from '../../src/sandbox/server.ts';
import type { Files, Platform } from './material.ts';
import type { Check } from './play.ts';
import type { Session } from './session.ts';

interface View {
  rotation: { id: string; state: string; successor: { id: string } };
}

const KINDS = ['credential', 'fqdn', 'ip', 'uac'] as const;
const FIELDS = { ios: 'ios_push_credential_id', android: 'android_push_credential_id' } as const;

/** Plays the life of a push credential through Prism, with a connection of each kind that uses it. */
export async function playPush(
  checked: Check,
  { call, must }: Session,
  { world }: Sandbox,
  files: Files,
  type: Platform,
): Promise<void> {
  const field = FIELDS[type];
  const alias = `${type} 1`;
  const users = KINDS.flatMap((kind) => [...world.connections.values()].find((row) => row.kind === kind) ?? []);
  const pointTo = (id: string) => equal(users.filter((user) => user[field] === id).length, KINDS.length);
  let id = '';
  const rotate = async () => {
    const { rotation } = await must<View>('rotate_mobile_push_credential', { id, ...files(type, 1) });
    equal(rotation.state, 'old_one_left');
    pointTo(rotation.successor.id);
    return rotation;
  };

  await checked(`create_mobile_push_credential for ${type}`, async () => {
    const args = { type, alias, ...files(type, 0) };
    ({ id } = (await must<{ credential: { id: string } }>('create_mobile_push_credential', args)).credential);
    for (const user of users) user[field] = id;
  });
  await checked(`list_mobile_push_credentials for ${type}, by every filter`, async () => {
    for (const filter of [{}, { type }, { alias }, { type, alias }]) {
      const name = 'list_mobile_push_credentials';
      const { mobile_push_credentials: rows } = await must<{ mobile_push_credentials: { id: string }[] }>(name, filter);
      equal(rows.filter((row) => row.id === id).length, 1, JSON.stringify(filter));
    }
  });
  await checked(`get_mobile_push_credential for ${type}`, () => must('get_mobile_push_credential', { id }));
  await checked(`hand_off_secret of ${type}`, () => must('hand_off_secret', { id, kind: 'push' }));
  await checked(`rotate_mobile_push_credential for ${type} on four kinds, and roll_back_rotation`, async () => {
    const rotation = await rotate();
    equal((await must<View>('roll_back_rotation', { id: rotation.id })).rotation.state, 'rolled_back');
    pointTo(id);
  });
  await checked(`rotate_mobile_push_credential for ${type}, and continue_rotation`, async () => {
    const { id: rotation, successor } = await rotate();
    equal((await must<View>('continue_rotation', { id: rotation })).rotation.state, 'done');
    equal(world.push.has(id), false);
    id = successor.id;
  });
  await checked(`delete_mobile_push_credential for ${type}, in use`, async () => {
    await must('delete_mobile_push_credential', { id });
    equal(world.push.has(id), false);
    for (const user of users) user[field] = null;
  });
  await checked(`a push credential for ${type} that nobody has`, async () => {
    equal((await call('get_mobile_push_credential', { id })).isError, true);
  });
}
