import { oneLine } from '../core/text.ts';
import { neverEnds, parseTime } from './dates.ts';
import type { Paged } from './list.ts';
import { isIos, sharedByTelnyx } from './push-credentials.ts';
import { connectionOf, queryOf, type TelephonyFilters } from './telephony-credentials.ts';
import { type Fields, type Row, wireRaw, wireText } from './wire.ts';

// Rows of whole accounts, with no more than a report needs: half a million of them go by, and a secret that is not even
// wrapped needs no keeping.

/** Times are milliseconds since 1970, UTC; null for an expiry that is never, and for a date that is none. */
export interface LeanTelephony {
  id: string;
  name: string | null;
  connection_id: string | null;
  /** As it came: to ask Telnyx by, and not to be shown. */
  sip_username: string | null;
  expired: boolean;
  expires: number | null;
  /** There is an expiry, and nobody can tell which: `expires` is null then, and does not mean never. */
  unclear: boolean;
  created: number | null;
  /** The account it belongs to. */
  user_id: string | null;
}

const leanTelephony: Row<LeanTelephony> = (fields, at) => {
  const created = wireRaw(fields.created_at);
  const name = wireRaw(fields.name);
  const said = fields.expires_at ?? '';
  const expires = typeof said === 'string' && said !== '' ? time(said) : null;
  return {
    id: fields.id,
    name: name === null ? null : oneLine(name) || null,
    connection_id: connectionOf(fields),
    sip_username: wireRaw(fields.sip_username),
    expired: isExpired(fields, expires, at),
    expires: expires !== null && neverEnds(String(said), created) ? null : expires,
    unclear: said !== '' && expires === null,
    created: time(created),
    user_id: wireRaw(fields.user_id),
  };
};

/** What Telnyx says, else what follows from the expiry in milliseconds and the time at Telnyx. */
const isExpired = ({ expired }: Fields, expires: number | null, at: number): boolean =>
  typeof expired === 'boolean' ? expired : expires !== null && expires <= at;

/** Every telephony credential that the filters leave. */
export const leanTelephonyList = (filters: TelephonyFilters): Paged<LeanTelephony> => ({
  path: 'telephony_credentials',
  filters: queryOf(filters),
  row: leanTelephony,
});

/** `certificate` is what stands for PEM in an iOS credential, and public. */
export interface LeanPush {
  id: string;
  alias: string | null;
  type: string | null;
  shared: boolean;
  certificate: string | null;
}

const leanPush: Row<LeanPush> = (fields) => ({
  id: fields.id,
  alias: wireText(fields.alias),
  type: wireText(fields.type),
  shared: sharedByTelnyx(fields),
  certificate: isIos(fields) ? wireRaw(fields.certificate) : null,
});

/** Every push credential. */
export const leanPushList: Paged<LeanPush> = { path: 'mobile_push_credentials', row: leanPush };

const time = (text: string | null): number | null => (text === null ? null : (parseTime(text) ?? null));
