import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { Secret } from '../secrets/secret.ts';
import { expiryFromTelnyx, fromTelnyx } from './dates.ts';
import { wireDate, wireId, wireSecret, wireText } from './fields.ts';
import { type Http, type Query, read } from './http.ts';
import { createOnce } from './lost-answer.ts';
import { getWindow } from './pages.ts';

const PATH = 'telephony_credentials';

/** A telephony credential of Telnyx (spec schema TelephonyCredential); dates are ISO 8601 UTC. */
export interface TelephonyCredential {
  id: string;
  name: string | null;
  connection_id: string | null;
  sip_username: string | null;
  sip_password: Secret | null;
  expired: boolean;
  expires_at: string | null;
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

/** The wire schema of a row; unknown fields are dropped, so one that Telnyx adds cannot travel further. */
export const telephonyRow = z
  .object({
    id: wireId,
    name: wireText,
    resource_id: wireText,
    connection_id: wireText,
    sip_username: wireText,
    sip_password: wireSecret,
    expired: z.boolean().catch(false),
    expires_at: wireDate,
    created_at: wireDate,
    updated_at: wireDate,
  })
  .transform(
    ({ resource_id, ...row }): TelephonyCredential => ({
      ...row,
      connection_id: resource_id?.match(/^connection:([\w-]+)$/)?.[1] ?? row.connection_id,
      expires_at: expiryFromTelnyx(row.expires_at, row.created_at),
      stored_expiry: fromTelnyx(row.expires_at),
      created_at: fromTelnyx(row.created_at),
      updated_at: fromTelnyx(row.updated_at),
    }),
  );

const single = z.object({ data: telephonyRow });
const at = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** Filters as Telnyx takes them (spec operation FindTelephonyCredentials); all match exactly. */
export function queryOf({ connection_id, ...plain }: TelephonyFilters): Query {
  const query: Query = {};
  for (const [key, value] of Object.entries(plain)) if (value !== undefined) query[`filter[${key}]`] = value;
  if (connection_id !== undefined) query['filter[resource_id]'] = `connection:${connection_id}`;
  return query;
}

/** A window of the list (spec operation FindTelephonyCredentials). */
export function listTelephonyCredentials(
  http: Http,
  filters: TelephonyFilters,
  window: { offset: number; limit: number },
) {
  return getWindow(http, { path: PATH, filters: queryOf(filters) }, telephonyRow, window);
}

/** One credential by id (spec operation GetTelephonyCredential). Throws `NOT_FOUND`. */
export async function getTelephonyCredential(http: Http, id: string): Promise<TelephonyCredential> {
  return read(single, await http.get(at(id))).data;
}

/**
 * Creates a credential exactly once (spec operation CreateTelephonyCredential). `marker` is a tag no other credential
 * has: by it the new one is found again when the answer is lost.
 */
export function createTelephonyCredential(
  http: Http,
  wanted: TelephonyChanges & { connection_id: string },
  marker: string,
): Promise<TelephonyCredential> {
  return createOnce({
    http,
    schema: single,
    send: () => http.post(PATH, { ...wanted, tag: marker }),
    find: async (recovery) => (await findTelephonyCredentials(recovery, marker))[0],
    lookup: `list_telephony_credentials with tag "${marker}"`,
  });
}

/** The credentials that bear a tag, a few at most. */
export async function findTelephonyCredentials(http: Http, tag: string): Promise<TelephonyCredential[]> {
  return (await listTelephonyCredentials(http, { tag }, { offset: 0, limit: 5 })).rows;
}

/** Changes the given fields and no others (spec operation UpdateTelephonyCredential). An expired one cannot be changed. */
export async function updateTelephonyCredential(
  http: Http,
  id: string,
  changes: TelephonyChanges,
): Promise<TelephonyCredential> {
  return read(single, await http.patch(at(id), changes)).data;
}

/** Deletes a credential (spec operation DeleteTelephonyCredential); one found gone on a retry counts as deleted. */
export function deleteTelephonyCredential(http: Http, id: string): Promise<void> {
  return http.delete(at(id));
}

/**
 * A login token of a credential (spec operation CreateTelephonyCredentialToken), with its own expiry: the docs say 24
 * hours and the spec's sample lives 28 days (api.md §4 row 9), so it is read from the token, null when it has none.
 */
export async function createLoginToken(http: Http, id: string): Promise<{ token: Secret; expires_at: string | null }> {
  const answer = await http.postForText(`${at(id)}/token`).catch(explainLostToken);
  const token = new Secret(read(z.string().min(1), answer).trim());
  return { token, expires_at: expiryOf(token) };
}

/** Tokens cannot be listed, so unlike a credential a lost one is not looked for; it dies unused. */
function explainLostToken(error: unknown): never {
  if (!(error instanceof ToolError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
  throw new ToolError(
    'OUTCOME_UNKNOWN',
    'A token may have been minted, but its answer never arrived: nobody has it.',
    'Call again; a token nobody has expires unused.',
    error.details,
  );
}

function expiryOf(token: Secret): string | null {
  try {
    const { exp } = JSON.parse(Buffer.from(token.reveal().split('.')[1] ?? '', 'base64url').toString()) as {
      exp?: unknown;
    };
    return typeof exp === 'number' ? new Date(exp * 1000).toISOString() : null;
  } catch {
    return null;
  }
}
