import { ToolError, unexpected } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import { change, changed, type Http } from './http.ts';
import { getAll, getWindow, type Paged, sawAll } from './list.ts';
import { type Fields, fieldsOf, identified, type Row, readOne, wireSecret, wireText } from './wire.ts';

/** The four kinds of connection that can use a push credential (api.md §2). */
export const CONNECTION_KINDS = ['credential', 'fqdn', 'ip', 'uac'] as const;
export type ConnectionKind = (typeof CONNECTION_KINDS)[number];

/** The two fields by which a connection names its push credentials, one for each platform. */
export const PUSH_FIELDS = ['ios_push_credential_id', 'android_push_credential_id'] as const;
type PushField = (typeof PUSH_FIELDS)[number];

export interface Connection {
  id: string;
  kind: ConnectionKind;
  name: string | null;
  active: boolean | null;
  ios_push_credential_id: string | null;
  android_push_credential_id: string | null;
  /** By which it can call out; null when it has none, and cannot. Absent when that is not told. */
  voice_profile_id?: string | null;
}

const row =
  (kind: ConnectionKind): Row<Connection> =>
  (fields) => {
    const { id, connection_name, active, ios_push_credential_id, android_push_credential_id } = fields;
    // Nobody needs it; but wherever else it comes back, it is hidden. An IP connection has none.
    if (kind !== 'ip') wireSecret(fields.password);
    return {
      id,
      kind,
      name: wireText(connection_name),
      active: typeof active === 'boolean' ? active : null,
      ios_push_credential_id: wireText(ios_push_credential_id),
      android_push_credential_id: wireText(android_push_credential_id),
      ...voiceProfileOf(fields),
    };
  };

/** What is not there, or no text, says nothing. */
function voiceProfileOf({ outbound }: Fields): Pick<Connection, 'voice_profile_id'> {
  const { outbound_voice_profile_id: id } = fieldsOf(outbound) ?? {};
  if (id === null || id === '') return { voice_profile_id: null };
  return typeof id === 'string' && identified({ id }) ? { voice_profile_id: id } : {};
}

const path = (kind: ConnectionKind): string => `${kind}_connections`;
const at = (kind: ConnectionKind, id: string): string => `${path(kind)}/${encodeURIComponent(id)}`;

/** One connection by kind and id (spec operations Retrieve…Connection). Throws `NOT_FOUND`. */
export async function getConnection(http: Http, kind: ConnectionKind, id: string): Promise<Connection> {
  return readOne(await http.get(at(kind, id)), row(kind), id);
}

/** A field of a connection that names a push credential. */
export interface Pointer {
  kind: ConnectionKind;
  id: string;
  field: PushField;
}

/** The request that points one push field of a connection to a credential (spec operations Update…Connection). */
const pointing = ({ kind, id, field }: Pointer, pushId: string) => change('PATCH', at(kind, id), { [field]: pushId });

/** Points one push field, and nothing else. Gives the connection as it is then: the caller looks whether it points there. */
export async function pointConnection(http: Http, pointer: Pointer, pushId: string): Promise<Connection> {
  const { kind, id, field } = pointer;
  const answer = await http.send(pointing(pointer, pushId));
  return changed(
    answer,
    row(kind),
    id,
    () => getConnection(http, kind, id),
    (connection) => connection[field] === pushId,
  );
}

/** A window of one kind's list (spec operations List…Connections); `name` is a part of the name, 3 characters or more, in any case. */
export function listConnections(
  http: Http,
  kind: ConnectionKind,
  name: string | undefined,
  window: { offset: number; limit: number },
) {
  const filters = name === undefined ? {} : { 'filter[connection_name][contains]': name };
  const wanted = oneLine(name ?? '').toLowerCase();
  const fits = (connection: Connection): boolean => (connection.name ?? '').toLowerCase().includes(wanted);
  return getWindow(http, { ...connectionList(kind), filters }, window, fits);
}

/**
 * Every connection, of all four kinds, that uses a push credential on either platform. Telnyx has no such question to
 * ask (api.md §2), so all four lists are read; throws `UNEXPECTED_RESPONSE` when one of them cannot be read to its end,
 * or has a row that cannot be read: it might be that of a user. The same whatever order their pages came in.
 */
export async function connectionsUsing(
  http: Http,
  pushId: string,
  progress: (pages: number) => void,
): Promise<Connection[]> {
  let pages = 0;
  const lists = await Promise.all(
    CONNECTION_KINDS.map((kind) =>
      getAll(http, { path: path(kind), row: using(kind) }, () => progress(++pages)).catch((error: unknown) => {
        throw error instanceof ToolError ? unlisted(kind, error) : error;
      }),
    ),
  );
  const partial = CONNECTION_KINDS.filter((_, index) => !lists[index] || !sawAll(lists[index].scanned));
  const paths = lists.flatMap(({ scanned }) => scanned.unreadable.paths);
  if (partial.length > 0) throw unseen(`not all ${partial.join(', ')} connections can be read`, paths);
  const connections = lists.flatMap(({ rows }) => rows);
  const unclear = connections.filter(({ unclear }) => unclear).map(({ kind, id }) => `${kind} ${id}`);
  if (unclear.length > 0) throw unseen('what some connections point to cannot be read', unclear.slice(0, 5));
  return connections
    .filter(
      ({ ios_push_credential_id: ios, android_push_credential_id: android }) => ios === pushId || android === pushId,
    )
    .map(({ unclear: _, ...connection }) => connection)
    .sort((a, b) => a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id));
}

/** A connection, and whether it points to something by a field that holds neither text nor nothing. */
const using =
  (kind: ConnectionKind): Row<Connection & { unclear: boolean }> =>
  (fields, at) => ({
    ...row(kind)(fields, at),
    unclear: PUSH_FIELDS.some((field) => (fields[field] ?? '') !== '' && typeof fields[field] !== 'string'),
  });

/** The refusal of a list as one of the list: what was asked about is not what Telnyx has none of, or takes amiss. */
function unlisted(kind: ConnectionKind, { code, message, next, details }: ToolError): ToolError {
  const about = `The list of ${kind} connections cannot be read, so it is not known which use this push credential, and nothing was changed: ${message}`;
  if (code !== 'NOT_FOUND' && code !== 'VALIDATION') return new ToolError(code, about, next, details);
  return unexpected(about, 'Tell the person: the base URL or a proxy may be wrong.', details);
}

function unseen(what: string, where: readonly string[]): ToolError {
  const such = where.length > 0 ? ` (${where.join(', ')})` : '';
  return unexpected(
    `Of what Telnyx answered, ${what}${such}. Which connections use this push credential is not known, so nothing was changed.`,
    'Call again; if it stays so, have the person look at the connections in the Telnyx portal.',
  );
}

/** Every connection of a kind. */
export const connectionList = (kind: ConnectionKind): Paged<Connection> => ({ path: path(kind), row: row(kind) });
