import { z } from 'zod';
import { wireId, wireText } from './fields.ts';
import { type Http, read } from './http.ts';
import { getAll, getWindow, type Scanned, visitAll, type Watch } from './pages.ts';

/** The four kinds of connection that can use a push credential (api.md §2). */
export const CONNECTION_KINDS = ['credential', 'fqdn', 'ip', 'uac'] as const;
export type ConnectionKind = (typeof CONNECTION_KINDS)[number];

/** The two fields by which a connection names its push credentials, one for each platform. */
export const PUSH_FIELDS = ['ios_push_credential_id', 'android_push_credential_id'] as const;
export type PushField = (typeof PUSH_FIELDS)[number];

export interface Connection {
  id: string;
  kind: ConnectionKind;
  name: string | null;
  active: boolean | null;
  ios_push_credential_id: string | null;
  android_push_credential_id: string | null;
}

const row = (kind: ConnectionKind) =>
  z
    .object({
      id: wireId,
      connection_name: wireText,
      active: z.boolean().nullish().catch(null),
      ios_push_credential_id: wireText,
      android_push_credential_id: wireText,
    })
    .transform(
      ({ connection_name, active, ...ids }): Connection => ({
        ...ids,
        kind,
        name: connection_name,
        active: active ?? null,
      }),
    );

const path = (kind: ConnectionKind): string => `${kind}_connections`;
const at = (kind: ConnectionKind, id: string): string => `${path(kind)}/${encodeURIComponent(id)}`;
// Made once: building a schema takes longer than using it.
const rows = { credential: row('credential'), fqdn: row('fqdn'), ip: row('ip'), uac: row('uac') };
const single = (kind: ConnectionKind) => z.object({ data: rows[kind] });

/** One connection by kind and id (spec operations Retrieve…Connection). Throws `NOT_FOUND`. */
export async function getConnection(http: Http, kind: ConnectionKind, id: string): Promise<Connection> {
  return read(single(kind), await http.get(at(kind, id))).data;
}

/** Points one push field of a connection to a credential, and sends nothing else (spec operations Update…Connection). */
export async function pointConnection(
  http: Http,
  { kind, id, field }: { kind: ConnectionKind; id: string; field: PushField },
  pushId: string,
): Promise<Connection> {
  return read(single(kind), await http.patch(at(kind, id), { [field]: pushId })).data;
}

/** A window of one kind's list (spec operations List…Connections); `name` is a part of the name, 3 characters or more. */
export function listConnections(
  http: Http,
  kind: ConnectionKind,
  name: string | undefined,
  window: { offset: number; limit: number },
) {
  const filters = name === undefined ? {} : { 'filter[connection_name][contains]': name };
  return getWindow(http, { path: path(kind), filters }, rows[kind], window);
}

/**
 * Every connection, of all four kinds, that uses a push credential on either platform. Telnyx has no such question to
 * ask (api.md §2), so all lists are read; `progress` counts their pages.
 */
export async function connectionsUsing(
  http: Http,
  pushId: string,
  progress: (pages: number) => void,
): Promise<Connection[]> {
  let pages = 0;
  const lists = CONNECTION_KINDS.map((kind) => getAll(http, { path: path(kind) }, rows[kind], () => progress(++pages)));
  return (await Promise.all(lists))
    .flat()
    .filter(
      ({ ios_push_credential_id: ios, android_push_credential_id: android }) => ios === pushId || android === pushId,
    );
}

/** Shows every connection of a kind to `visit`, as `visitAll` does. */
export function visitConnections(
  http: Http,
  kind: ConnectionKind,
  visit: (connection: Connection, again: boolean) => void,
  watch: Watch,
): Promise<Scanned> {
  return visitAll(http, { path: path(kind) }, rows[kind], visit, watch);
}
