import { lapseOf } from '../material/x509.ts';
import type { LeanPush } from '../telnyx/lean-rows.ts';
import { type Add, type Moments, short } from './settings.ts';

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
