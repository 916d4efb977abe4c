import type { LeanTelephony } from '../telnyx/lean-rows.ts';
import { SameNames } from './same-names.ts';
import { type Add, type Moments, minute, short } from './settings.ts';

/** Looks at telephony credentials one by one, keeping counts and what examples need, never the rows. */
export class TelephonyFindings {
  readonly #moments: Moments;
  readonly #add: Add;
  readonly #names: SameNames;
  readonly #connections = new Map<string | null, { credentials: number; expired: number }>();

  /** `rotationOf` gives the rotation a credential has a part in, by its id. */
  constructor(moments: Moments, add: Add, rotationOf: ReadonlyMap<string, string>) {
    this.#moments = moments;
    this.#add = add;
    this.#names = new SameNames(rotationOf);
  }

  see(row: LeanTelephony): void {
    const { now, soon, old } = this.#moments;
    const { id, expires, created } = row;
    const over = row.expired || (expires !== null && expires <= now);
    this.#count(row.connection_id, over);
    this.#names.see(row);
    if (over) {
      this.#add('telephony_expired', expires ?? 0, id, () => ({
        id,
        name: short(row.name),
        expired_at: minute(expires),
      }));
      return;
    }
    const made = () => ({ id, name: short(row.name), created_at: minute(created) });
    if (row.unclear) this.#add('telephony_expiry_unreadable', created ?? 0, id, made);
    else if (expires === null) this.#add('telephony_never_expiring', created ?? 0, id, made);
    else if (expires <= soon) {
      this.#add('telephony_expiring', expires, id, () => ({ id, name: short(row.name), expires_at: minute(expires) }));
    }
    if (created !== null && created <= old) this.#add('telephony_older', created, id, made);
  }

  /** Adds what can be told only after the last row; `nameOf` gives what is known of connections. */
  finish(nameOf: (connectionId: string) => string | null | undefined): void {
    this.#names.report(this.#add);
    for (const [id, { credentials, expired }] of this.#connections) {
      const name = id === null ? undefined : nameOf(id);
      const example = () => ({
        connection_id: id,
        ...(name !== undefined && { name: short(name) }),
        credentials,
        expired,
      });
      this.#add('telephony_totals', -credentials, id ?? '-', example, credentials);
    }
  }

  #count(connection: string | null, expired: boolean): void {
    const known = this.#connections.get(connection);
    if (known) {
      known.credentials += 1;
      known.expired += Number(expired);
    } else this.#connections.set(connection, { credentials: 1, expired: Number(expired) });
  }
}
