import { z } from 'zod';
import { oneLine } from '../untrusted.ts';
import { neverEnds, parseTime } from './dates.ts';
import { wireId, wireText } from './fields.ts';
import type { Http } from './http.ts';
import { type Scanned, visitAll, type Watch } from './pages.ts';
import { sharedByTelnyx } from './push-credentials.ts';
import { queryOf, type TelephonyFilters } from './telephony-credentials.ts';

// Rows of whole accounts, with no more than a report needs: what is not declared is dropped while parsing, and a secret
// that is dropped needs no keeping.

/** Times are milliseconds since 1970, UTC; null for an expiry that is never, and for a date that is none. */
export interface LeanTelephony {
  id: string;
  name: string | null;
  connection_id: string | null;
  expired: boolean;
  expires: number | null;
  created: number | null;
}

// Half a million of these go by: one transform over what came is much quicker than a schema for each field.
const raw = z.unknown();
const leanTelephony = z
  .object({ id: wireId, name: raw, resource_id: raw, expired: raw, expires_at: raw, created_at: raw })
  .transform((row): LeanTelephony => {
    const name = textOf(row.name);
    const expires = textOf(row.expires_at);
    const created = textOf(row.created_at);
    return {
      id: row.id,
      name: name === null ? null : oneLine(name),
      connection_id: CONNECTION.exec(textOf(row.resource_id) ?? '')?.[1] ?? null,
      expired: row.expired === true,
      expires: neverEnds(expires, created) ? null : time(expires),
      created: time(created),
    };
  });

const CONNECTION = /^connection:([\w-]+)$/;
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Shows every telephony credential that the filters leave to `visit`, as `visitAll` does. */
export function visitTelephony(
  http: Http,
  filters: TelephonyFilters,
  visit: (row: LeanTelephony, again: boolean) => void,
  watch: Watch,
): Promise<Scanned> {
  return visitAll(http, { path: 'telephony_credentials', filters: queryOf(filters) }, leanTelephony, visit, watch);
}

/** `certificate` is PEM, and public; null for Android. */
export interface LeanPush {
  id: string;
  alias: string | null;
  type: string | null;
  shared: boolean;
  certificate: string | null;
}

const leanPush = z
  .object({
    id: wireId,
    alias: wireText,
    type: wireText,
    certificate: raw,
    is_public: raw,
  })
  .transform(
    ({ is_public, certificate, ...row }): LeanPush => ({
      ...row,
      shared: sharedByTelnyx(is_public, row.alias),
      certificate: textOf(certificate),
    }),
  );

/** Shows every push credential to `visit`, as `visitAll` does. */
export function visitPush(http: Http, visit: (row: LeanPush, again: boolean) => void, watch: Watch): Promise<Scanned> {
  return visitAll(http, { path: 'mobile_push_credentials' }, leanPush, visit, watch);
}

const time = (text: string | null): number | null => (text === null ? null : (parseTime(text) ?? null));
