import { randomUUID } from 'node:crypto';
import { conflict, unexpected } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import type { Secret } from '../secrets/secret.ts';
import { expiryFromTelnyx, fromTelnyx, isKept } from './dates.ts';
import { change, changed, createOnce, type Http, type Query } from './http.ts';
import { getWindow } from './list.ts';
import { type Fields, type Row, readOne, wireRaw, wireSecret, wireText } from './wire.ts';

const PATH = 'telephony_credentials';

/** A telephony credential of Telnyx (spec schema TelephonyCredential); dates are ISO 8601 UTC. */
export interface TelephonyCredential {
  id: string;
  name: string | null;
  connection_id: string | null;
  /** The account it belongs to. */
  user_id: string | null;
  sip_username: string | null;
  sip_password: Secret | null;
  expired: boolean;
  /** Null for never, and for one that cannot be read. */
  expires_at: string | null;
  /** What stands in its place when it cannot be read: not to be taken for never, and not to be written over. */
  expires_at_unreadable?: string;
  /** The same as Telnyx keeps it: a far future where `expires_at` says never. */
  stored_expiry: string | null;
  created_at: string | null;
  updated_at: string | null;
}

/** What can be set. `tag` is write-only: it can be filtered by, never read (api.md §3.2). */
export interface TelephonyChanges {
  connection_id?: string | undefined;
  name?: string | undefined;
  tag?: string | undefined;
  expires_at?: string | undefined;
}

export interface TelephonyFilters {
  name?: string | undefined;
  tag?: string | undefined;
  status?: string | undefined;
  connection_id?: string | undefined;
  sip_username?: string | undefined;
}

/** The connection of a row: it is named as a resource, and in some answers also by its id (api.md §3.2). */
export const connectionOf = ({ resource_id, connection_id }: Fields): string | null =>
  wireRaw(resource_id)?.match(/^connection:([\w-]+)$/)?.[1] ?? wireRaw(connection_id)?.match(/^[\w-]+$/)?.[0] ?? null;

/** A row as Telnyx sends it; unknown fields are dropped, so one that Telnyx adds cannot travel further. */
export const telephonyRow: Row<TelephonyCredential> = (fields, at) => {
  const created = wireRaw(fields.created_at);
  const { at: expires_at, stored, unreadable } = expiryFromTelnyx(fields.expires_at, created);
  return {
    id: fields.id,
    name: wireText(fields.name),
    connection_id: connectionOf(fields),
    user_id: wireText(fields.user_id),
    sip_username: wireText(fields.sip_username),
    sip_password: wireSecret(fields.sip_password),
    expired: typeof fields.expired === 'boolean' ? fields.expired : stored !== null && Date.parse(stored) <= at,
    expires_at,
    ...(unreadable !== undefined && { expires_at_unreadable: unreadable }),
    stored_expiry: stored,
    created_at: fromTelnyx(created),
    updated_at: fromTelnyx(wireRaw(fields.updated_at)),
  };
};

const at = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** Filters as Telnyx takes them (spec operation FindTelephonyCredentials). */
export function queryOf({ connection_id, ...plain }: TelephonyFilters): Query {
  const query: Query = {};
  for (const [key, value] of Object.entries(plain)) if (value !== undefined) query[`filter[${key}]`] = value;
  if (connection_id !== undefined) query['filter[resource_id]'] = `connection:${connection_id}`;
  return query;
}

/**
 * Whether a row is what the filters ask for. Telnyx may answer with look-alikes, or with everything (api.md §10); only a
 * tag cannot be compared, since no answer holds it.
 */
export function fits(
  row: Pick<TelephonyCredential, 'name' | 'connection_id' | 'expired'> & { sip_username?: string | null },
  { name, status, connection_id, sip_username }: TelephonyFilters,
): boolean {
  return (
    (name === undefined || row.name === oneLine(name)) &&
    (connection_id === undefined || row.connection_id === connection_id) &&
    (sip_username === undefined || row.sip_username === sip_username) &&
    (status === undefined || row.expired === (status === 'expired'))
  );
}

/** A window of the list (spec operation FindTelephonyCredentials), with none that does not fit the filters. */
export function listTelephonyCredentials(
  http: Http,
  filters: TelephonyFilters,
  window: { offset: number; limit: number },
) {
  const list = { path: PATH, filters: queryOf(filters), row: telephonyRow };
  return getWindow(http, list, window, (row) => fits(row, filters));
}

/** One credential by id (spec operation GetTelephonyCredential). Throws `NOT_FOUND`. */
export async function getTelephonyCredential(http: Http, id: string): Promise<TelephonyCredential> {
  return readOne(await http.get(at(id)), telephonyRow, id);
}

/** What tells a credential that was made on purpose from all others, beside the mark in its tag. */
export interface Made {
  /** A tag no other credential has. */
  mark: string;
  connection_id: string;
  name?: string | undefined;
  /** When the create was sent, at the earliest and at the latest, by the clock of this machine. */
  between: readonly [Date, Date];
  /** Tells which credentials are known to be something else: what a create is to replace, or what another one made. */
  isOther?: ((id: string) => Promise<boolean>) | undefined;
}

/** What a create asks for: of the changes, a connection at least. */
export type Wanted = TelephonyChanges & { connection_id: string };

// A mark has one credential, or two; more come where the filter does not filter, and the newest first.
const LOOKED_AT = 50;
// Telnyx tells when a credential was made in whole seconds, and its own clock by them too.
const WHOLE_SECONDS_MS = 2000;

/** Whether Telnyx takes notice of a tag: if so, nothing comes for one that was made up just now. */
async function filtersByTag(http: Http): Promise<boolean> {
  const { passed } = await listTelephonyCredentials(http, { tag: `none_${randomUUID()}` }, { offset: 0, limit: 1 });
  return passed === 0;
}

/** Throws `UNEXPECTED_RESPONSE` when Telnyx gives credentials for a tag whether they have it or not. */
export async function refuseUnheededTag(http: Http): Promise<void> {
  if (await filtersByTag(http)) return;
  throw unexpected(
    'Telnyx takes no notice of tags here: it gives credentials for a tag that none has. Which ones have the given tag is not known.',
    'Ask by connection_id, name or sip_username instead.',
  );
}

/** What a create may have made; `sure` when the mark proves it. */
export interface Found {
  rows: TelephonyCredential[];
  sure: boolean;
}

/**
 * The credentials that a create made, and whether that is sure. A filter alone proves nothing (api.md §10): what it lets
 * through is delivered, or deleted. Where it is seen to filter, its mark is proof. Else those may be it that are on the
 * connection, have the name, and were made when the create was sent, by the clock of Telnyx.
 * `now` is the clock that `between` is told by.
 */
export async function findMade(
  http: Http,
  { mark, connection_id, name, between, isOther = async () => false }: Made,
  now: () => Date,
): Promise<Found> {
  const { rows, at } = await listTelephonyCredentials(http, { tag: mark }, { offset: 0, limit: LOOKED_AT });
  const likely: TelephonyCredential[] = [];
  for (const row of rows) {
    const fitting = fits(row, { connection_id, name: row.name === null ? undefined : name });
    if (fitting && !(await isOther(row.id))) likely.push(row);
  }
  if (likely.length === 0) return { rows: [], sure: rows.length === 0 };
  if (await filtersByTag(http)) return { rows: likely, sure: true };
  const ahead = at - now().getTime();
  const [from, until] = between.map((moment) => moment.getTime() + ahead);
  const inTime = likely.filter(({ created_at }) => {
    const made = Date.parse(`${created_at}`);
    return made >= Number(from) - WHOLE_SECONDS_MS && made <= Number(until) + WHOLE_SECONDS_MS;
  });
  return { rows: inTime, sure: false };
}

/** What was made, if anything was. Throws `CONFLICT` when that cannot be told: to make another would be blind. */
export function theOne({ rows, sure }: Found): TelephonyCredential | undefined {
  if (sure || rows.length < 2) return rows[0];
  throw conflict(
    `Telnyx takes no notice of tags, and of ${rows.length} credentials each may be the one that was made: ${rows.map(({ id }) => id).join(', ')}.`,
    'Have the person look at them in the Telnyx portal.',
  );
}

/** The request that creates a credential (spec operation CreateTelephonyCredential); `mark` is its tag for now. */
export const creation = (wanted: Wanted, mark: string) => change('POST', PATH, { ...wanted, tag: mark });

/** The request that changes the given fields and no others (spec operation UpdateTelephonyCredential). */
export const update = (id: string, changes: TelephonyChanges) => change('PATCH', at(id), changes);

/** The request that deletes a credential (spec operation DeleteTelephonyCredential). */
export const deletion = (id: string) => change('DELETE', at(id));

/**
 * Creates a credential exactly once. `mark` is a tag no other credential has: by
 * it the new one is found again when the answer is lost, and `isOther` tells what it is not. An answer without the password
 * is made up for by one read.
 */
export async function createTelephonyCredential(
  http: Http,
  wanted: Wanted,
  mark: string,
  now: () => Date,
  isOther?: (id: string) => Promise<boolean>,
): Promise<TelephonyCredential> {
  const from = now();
  const { connection_id, name } = wanted;
  const created = await createOnce({
    http,
    row: telephonyRow,
    send: () => http.send(creation(wanted, mark)),
    find: async (recovery) => {
      const made = { mark, connection_id, name, between: [from, now()], isOther } as const;
      return theOne(await findMade(recovery, made, now));
    },
    lookup: `list_telephony_credentials with tag "${mark}"`,
  });
  if (created.sip_password) return created;
  return getTelephonyCredential(http, created.id).catch(() => created);
}

/**
 * Changes the given fields, and gives what the credential is then. An expired one cannot be changed. Throws `UNEXPECTED_RESPONSE` when the change was accepted and another expiry or connection is
 * shown: what was agreed to did not come about.
 */
export async function updateTelephonyCredential(
  http: Http,
  id: string,
  changes: TelephonyChanges,
): Promise<TelephonyCredential> {
  const get = () => getTelephonyCredential(http, id);
  const shows = (row: TelephonyCredential): boolean =>
    (changes.expires_at === undefined || row.stored_expiry !== null) &&
    (changes.connection_id === undefined || row.connection_id !== null) &&
    differences(row, changes).length === 0;
  const after = await changed(await http.send(update(id, changes)), telephonyRow, id, get, shows);
  const others = differences(after, changes);
  if (others.length === 0) return after;
  throw unexpected(
    `Telnyx accepted the change, and shows another value: ${others.join(', ')}.`,
    'Look at it with get_telephony_credential, and tell the person what it is.',
  );
}

/** The changed fields that a row shows with another value. What it does not show may well be changed. */
function differences(row: TelephonyCredential, { connection_id, expires_at }: TelephonyChanges): string[] {
  const { stored_expiry: kept } = row;
  const moved = connection_id === undefined || row.connection_id === null || row.connection_id === connection_id;
  // A date without end may be kept as another one.
  const ends = expires_at === undefined || kept === null || isKept(expires_at, kept) || expires_at.startsWith('9999');
  return [...(moved ? [] : ['connection_id']), ...(ends ? [] : ['expires_at'])];
}

/** Deletes a credential; one found gone on a retry counts as deleted. Throws `NOT_FOUND`. */
export async function deleteTelephonyCredential(http: Http, id: string): Promise<void> {
  await http.send(deletion(id));
}
