import { deepEqual, equal } from 'node:assert/strict';
import type { Sandbox } from '../../src/sandbox/server.ts';
import type { Check } from './play.ts';
import type { Session } from './session.ts';

interface Credential {
  id: string;
  sip_username: string;
  connection_id: string;
}
interface View {
  rotation: { id: string; state: string };
}

/**
 * Begins a rotation that stops where the old credential is to end: Telnyx refuses that once, in a way the specification
 * declares. Gives its id.
 */
export async function beginAndStop({ call, must }: Session, sandbox: Sandbox, id = ''): Promise<string> {
  sandbox.fault({ method: 'PATCH', path: `/telephony_credentials/${id}`, respond: { status: 422 } });
  equal((await call('rotate_telephony_credential', { id, tag: 'rotated' })).isError, true);
  const { rotations } = await must<{ rotations: { id: string; state: string }[] }>('get_rotation');
  const [open] = rotations;
  equal(open?.state, 'in_progress');
  return open.id;
}

/** Plays the life of telephony credentials through Prism: made, read, changed, rotated, undone, deleted. */
export async function playTelephony(checked: Check, session: Session, sandbox: Sandbox): Promise<void> {
  const { call, must } = session;
  const ids = [...sandbox.world.connections.values()].filter(({ kind }) => kind === 'credential').map(({ id }) => id);
  const [connection_id = '', other = ''] = ids;
  const made: Credential[] = [];
  const rotate = (index: number, args: object) =>
    must<View>('rotate_telephony_credential', { id: made[index]?.id, tag: 'rotated', ...args });
  const listed = async (filter: object) => {
    const { telephony_credentials } = await must<{ telephony_credentials: Credential[] }>(
      'list_telephony_credentials',
      filter,
    );
    return telephony_credentials.map(({ id }) => id);
  };

  await checked('create_telephony_credential, bare and with all it takes', async () => {
    const all = { name: 'kiosk é "1" & co', tag: 'lobby', expires_at: '2099-01-01' };
    for (const args of [{}, all, all, all]) {
      const { credential } = await must<{ credential: Credential }>('create_telephony_credential', {
        connection_id,
        ...args,
      });
      made.push(credential);
    }
  });
  await checked('list_telephony_credentials by every filter', async () => {
    const [, one] = made;
    equal((await listed({})).length, 34);
    for (const filter of [
      { name: 'kiosk é "1" & co' },
      { tag: 'lobby' },
      { status: 'active' },
      { connection_id },
      { sip_username: one?.sip_username },
    ])
      equal((await listed(filter)).includes(one?.id ?? ''), true, JSON.stringify(filter));
    equal((await listed({ status: 'expired' })).includes(one?.id ?? ''), false);
    const together = { name: 'kiosk é "1" & co', tag: 'lobby', status: 'active', connection_id };
    deepEqual(await listed({ ...together, sip_username: one?.sip_username }), [one?.id]);
  });
  await checked('list_telephony_credentials page by page', async () => {
    const args = { limit: 20 };
    const { next_cursor } = await must<{ next_cursor: string }>('list_telephony_credentials', args);
    equal((await listed({ ...args, cursor: next_cursor })).length, 14);
  });
  await checked('get_telephony_credential', () => must('get_telephony_credential', { id: made[0]?.id }));
  await checked('get_credential_activity and assess_leak of one in use', async () => {
    const { world } = sandbox;
    const used = [...world.telephony.values()].find(({ sip_username }) => world.registrations.has(sip_username));
    const { registered, unknown } = await must<{ registered: string; unknown: string[] }>('get_credential_activity', {
      id: used?.id,
      days: 31,
    });
    equal(registered, 'yes', unknown.join(' '));
    const { reach } = await must<{ reach: { calls_out: string; voice_profile?: object } }>('assess_leak', {
      sip_username: used?.sip_username,
    });
    equal(typeof reach.voice_profile, 'object', reach.calls_out);
  });
  await checked('update_telephony_credential', async () => {
    const changes = { name: 'desk', tag: 'desks', expires_at: '2098-01-01', connection_id: other };
    const { credential } = await must<{ credential: Credential }>('update_telephony_credential', {
      id: made[0]?.id,
      ...changes,
    });
    equal(credential.connection_id, other);
  });
  await checked('create_telephony_token', () => must('create_telephony_token', { id: made[0]?.id }));
  await checked('hand_off_secret of a telephony credential', () =>
    must('hand_off_secret', { id: made[0]?.id, kind: 'telephony' }),
  );
  await checked('rotate_telephony_credential, and roll_back_rotation', async () => {
    const { rotation } = await rotate(1, {});
    equal((await must<View>('roll_back_rotation', { id: rotation.id })).rotation.state, 'rolled_back');
  });
  await checked('rotate_telephony_credential stops on the way, and continue_rotation', async () => {
    const id = await beginAndStop(session, sandbox, made[2]?.id);
    equal((await must<View>('continue_rotation', { id })).rotation.state, 'overlap');
  });
  await checked('rotate_telephony_credential without overlap', async () => {
    equal((await rotate(3, { overlap: '0' })).rotation.state, 'done');
    equal(sandbox.world.telephony.has(made[3]?.id ?? ''), false);
  });
  await checked('delete_telephony_credential', async () => {
    await must('delete_telephony_credential', { id: made[0]?.id });
    equal(sandbox.world.telephony.has(made[0]?.id ?? ''), false);
  });
  await checked('what Telnyx refuses', async () => {
    for (const [name, args] of [
      ['get_telephony_credential', { id: 'nobody' }],
      ['create_telephony_credential', { connection_id: '1' }],
      ['update_telephony_credential', { id: made[1]?.id, connection_id: '1' }],
    ] as const)
      equal((await call(name, args)).isError, true, name);
  });
  await playFleet(checked, session, connection_id);
}

// Looks that a fleet of a few members may take; one that never comes to rest must not keep the run from ending.
const LOOKS = 2000;

/** Waits until a fleet is at rest, and gives how it stands then. */
async function rest({ must }: Session, id: string): Promise<string> {
  for (let look = 0; look < LOOKS; look += 1) {
    const { rotations } = await must<{ rotations: { state: string }[] }>('get_rotation', { id });
    const [view] = rotations;
    if (view && !['in_progress', 'rolling_back'].includes(view.state)) return view.state;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`fleet ${id} does not come to rest`);
}

async function playFleet(checked: Check, session: Session, connection_id: string) {
  let id = '';
  await checked('rotate_telephony_credentials', async () => {
    const args = { connection_id, expiring_within: '3650d', new_tag: 'fleet', limit: 3, expires_in: '30d' };
    const { rotation } = await session.must<View>('rotate_telephony_credentials', args);
    id = rotation.id;
    equal(await rest(session, id), 'done');
  });
  await checked('roll_back_rotation of a fleet', async () => {
    await session.must('roll_back_rotation', { id });
    equal(await rest(session, id), 'rolled_back');
  });
  await checked('delete_expired_telephony_credentials', async () => {
    const { rotation } = await session.must<View>('delete_expired_telephony_credentials', { connection_id });
    equal(await rest(session, rotation.id), 'done');
  });
}
