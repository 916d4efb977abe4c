import type { Sandbox } from '../src/sandbox/server.ts';
import { dataOf, type Started } from './app.ts';

/** A fleet as get_rotation shows it. */
export interface View {
  id: string;
  kind: string;
  state: string;
  progress: { total: number; done: number; failed: number; skipped: number; left: number; failures: string[] };
  done: string[];
  warnings: string[];
  next: string;
}

export const ROTATE = 'rotate_telephony_credentials';
export const CONNECTION = '9990001112223334445';
const DAY = 86_400_000;

/** Adds a connection to an account that has so many credentials, made a month before `at`, which live 300 days more. */
export function addMembers({ world }: Sandbox, count: number, at = new Date()): void {
  const [template] = [...world.telephony.values()];
  const free = [...world.connections.values()].find(({ kind }) => kind === 'credential');
  if (!template || !free) throw new Error('an empty account');
  world.connections.set(CONNECTION, { ...free, id: CONNECTION, connection_name: 'Fleet' });
  const day = (days: number) => new Date(at.getTime() + days * DAY).toISOString().slice(0, 19);
  const dates = { created_at: day(-30), expires_at: day(300), expired: false };
  for (let index = 0; index < count; index += 1) {
    const id = `member-${index}`;
    const own = { name: `phone ${index}`, sip_username: `gencred${index}`, resource_id: `connection:${CONNECTION}` };
    world.telephony.set(id, { ...template, ...dates, ...own, id });
  }
}

export const isMember = (id: string): boolean => id.startsWith('member-');

/** The credentials of the connection besides its members: their successors. */
export const successorsIn = ({ world }: Sandbox) =>
  [...world.telephony.values()].filter(
    ({ id, resource_id }) => resource_id === `connection:${CONNECTION}` && !isMember(id),
  );

/** The rotation or fleet that get_rotation names first: the one that is open, else the latest. */
export async function latest(app: Started): Promise<View | undefined> {
  return dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations[0];
}

/** Waits until a fleet no longer runs here. */
export async function rest(app: Started, id: string): Promise<View> {
  for (;;) {
    const { rotations } = dataOf<{ rotations: View[] }>(await app.call('get_rotation', { id }));
    const [view] = rotations;
    if (view && !['in_progress', 'rolling_back'].includes(view.state)) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
