import { lapseOf } from '../material/pem.ts';
import type { Connection } from '../telnyx/connections.ts';
import type { LeanPush } from '../telnyx/lean-rows.ts';
import type { Add } from './kinds.ts';
import { type Moments, short } from './settings.ts';

/** What a report keeps of a connection. */
export type KnownConnection = Omit<Connection, 'active' | 'voice_profile_id'>;

export const knownConnection = ({ active: _, voice_profile_id: __, ...row }: Connection): KnownConnection => ({
  ...row,
  name: short(row.name),
});

const pointers = ({ ios_push_credential_id: ios, android_push_credential_id: android }: KnownConnection) =>
  [
    { platform: 'ios', push: ios },
    { platform: 'android', push: android },
  ].flatMap(({ platform, push }) => (push === null || push === '' ? [] : [{ platform, push }]));

/** How many connections use each push credential, by its id. */
export function usersOfPush(connections: Iterable<KnownConnection>): Map<string, number> {
  const users = new Map<string, number>();
  for (const connection of connections) {
    for (const id of new Set(pointers(connection).map(({ push }) => push))) users.set(id, (users.get(id) ?? 0) + 1);
  }
  return users;
}

/** Adds what is to be said of connections. `whole` tells that all push credentials are known: one that is not is gone. */
export function findInConnections(
  connections: Iterable<KnownConnection>,
  push: ReadonlyMap<string, KnownPush>,
  whole: boolean,
  { now }: Moments,
  add: Add,
): void {
  for (const connection of connections) {
    const { id, kind, name } = connection;
    const used = pointers(connection);
    if (used.length === 0) add('connection_without_push', 0, id, () => ({ id, kind, name }));
    for (const { platform, push: pushId } of used) {
      const finding = wrongWith(push.get(pushId), platform, whole, now);
      const example = () => ({ id, kind, name, platform, push_credential_id: pushId });
      if (finding) add(finding, 0, `${id}-${platform}`, example);
    }
  }
}

function wrongWith(push: KnownPush | undefined, platform: string, whole: boolean, now: number) {
  if (!push) return whole ? 'connection_push_missing' : undefined;
  if (push.type !== null && push.type !== platform) return 'connection_push_other_platform';
  if (push.shared) return 'connection_push_shared';
  return push.lapses !== null && push.lapses <= now ? 'connection_push_lapsed' : undefined;
}

const DAY_MS = 86_400_000;

/** What a report keeps of a push credential. `lapses` is in milliseconds since 1970, UTC; null without a certificate. */
export interface KnownPush extends Omit<LeanPush, 'certificate'> {
  lapses: number | null;
}

export const knownPush = ({ certificate, alias, ...row }: LeanPush): KnownPush => ({
  ...row,
  alias: short(alias),
  lapses: certificate === null ? null : lapseOf(certificate),
});

/**
 * Adds what is to be said of the account's own push credentials; those that Telnyx shares nobody can mend. `users` are
 * how many connections use each, by id; undefined when not all connections are known.
 */
export function findInPush(
  all: Iterable<KnownPush>,
  users: ReadonlyMap<string, number> | undefined,
  { now, soon }: Moments,
  add: Add,
): void {
  for (const { id, alias, shared, type, lapses } of all) {
    if (shared) continue;
    const used = users && { used_by: users.get(id) ?? 0 };
    if (lapses !== null) {
      const days = Math.floor((lapses - now) / DAY_MS);
      const finding = lapses <= now ? 'push_lapsed' : lapses <= soon ? 'push_lapsing' : 'push_certificates';
      add(finding, lapses, id, () => ({ id, alias, days_left: days, ...used }));
    }
    if (used?.used_by === 0) add('push_unused', 0, id, () => ({ id, alias, type }));
  }
}
