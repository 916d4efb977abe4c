import type { LeanTelephony } from '../telnyx/lean-rows.ts';
import type { Add } from './kinds.ts';
import { type Moments, minute, short } from './settings.ts';

const SHOWN = 2;

/** Those of one connection that have the same name. */
interface Group {
  copies: number;
  /** The lowest ids. */
  ids: string[];
  rotation: string | undefined;
}

/** Whether a credential has expired; `now` is in milliseconds since 1970, UTC. */
export const isOver = ({ expired, expires }: LeanTelephony, now: number): boolean =>
  expired || (expires !== null && expires <= now);

/** Whether a credential was made until `old`, in milliseconds since 1970, UTC; no when nobody can tell. */
export const isOld = (row: LeanTelephony, old: number): row is LeanTelephony & { created: number } =>
  row.created !== null && row.created <= old;

/**
 * Looks at telephony credentials one by one, keeping counts and what examples need, never the rows. `rotationOf` gives the
 * rotation a credential has a part in, by its id.
 */
export function telephonyFindings({ now, soon, old }: Moments, add: Add, rotationOf: ReadonlyMap<string, string>) {
  const connections = new Map<string | null, { credentials: number; expired: number }>();
  /** By connection and name: the id of the first that has them, then the group of all. */
  const names = new Map<string, string | Group>();

  function join(group: Group, id: string): void {
    group.copies += 1;
    group.rotation ??= rotationOf.get(id);
    group.ids = [...group.ids, id].sort().slice(0, SHOWN);
  }

  function seeName({ id, name, connection_id }: LeanTelephony): void {
    if (name === null) return;
    const key = `${connection_id ?? ''}\0${name}`;
    const known = names.get(key);
    const group = typeof known === 'object' ? known : { copies: 0, ids: [], rotation: undefined };
    if (known === undefined) names.set(key, id);
    else names.set(key, group);
    if (typeof known === 'string') join(group, known);
    if (known !== undefined) join(group, id);
  }

  return {
    see(row: LeanTelephony): void {
      const { id, expires, created } = row;
      const over = isOver(row, now);
      const known = connections.get(row.connection_id) ?? { credentials: 0, expired: 0 };
      connections.set(row.connection_id, known);
      known.credentials += 1;
      known.expired += Number(over);
      seeName(row);
      if (over) {
        add('telephony_expired', expires ?? 0, id, () => ({ id, name: short(row.name), expired_at: minute(expires) }));
        return;
      }
      const made = () => ({ id, name: short(row.name), created_at: minute(created) });
      if (row.unclear) add('telephony_expiry_unreadable', created ?? 0, id, made);
      else if (expires === null) add('telephony_never_expiring', created ?? 0, id, made);
      else if (expires <= soon) {
        add('telephony_expiring', expires, id, () => ({ id, name: short(row.name), expires_at: minute(expires) }));
      }
      if (isOld(row, old)) add('telephony_older', row.created, id, made);
    },

    /** Adds what can be told only after the last row; `nameOf` gives what is known of connections. */
    finish(nameOf: (connectionId: string) => string | null | undefined): void {
      for (const [key, group] of names) {
        if (typeof group === 'string') continue;
        const { ids, copies, rotation } = group;
        const [connection, name = ''] = key.split('\0');
        const example = { name: short(name), connection_id: connection || null, copies, ids };
        add('telephony_same_name', -copies, ids[0] ?? '', () => ({
          ...example,
          ...(rotation !== undefined && { rotation }),
        }));
      }
      for (const [id, counts] of connections) {
        const name = id === null ? undefined : nameOf(id);
        const example = { connection_id: id, ...(name !== undefined && { name: short(name) }), ...counts };
        add('telephony_totals', -counts.credentials, id ?? '-', () => example, counts.credentials);
      }
    },
  };
}
