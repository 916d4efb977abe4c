import type { Secret } from '../secrets/secret.ts';
import { fromTelnyx } from './dates.ts';
import { change, createOnce, type Http, type Query } from './http.ts';
import { getAll, getWindow } from './list.ts';
import { type Fields, fieldsOf, type Row, readOne, wireRaw, wireSecret, wireText } from './wire.ts';

const PATH = 'mobile_push_credentials';

/** The two demo rows Telnyx puts into every account (api.md §3.1, `is_public`). */
const DEMO_ALIASES = ['ios-native-new-march-2025', 'android-native-new-march-2025'];

export interface ServiceAccount {
  project_id: string | null;
  client_email: string | null;
  private_key_id: string | null;
}

/** A push credential of Telnyx (spec schema PushCredential); `certificate` is PEM, and public. */
export interface PushCredential {
  id: string;
  alias: string | null;
  type: string | null;
  created_at: string | null;
  updated_at: string | null;
  shared_by_telnyx: boolean;
  certificate: string | null;
  service_account: ServiceAccount | null;
  private_key: Secret | null;
}

/**
 * Whether a row is of APNs: its type decides which of its fields count, since the fields of the other platform may be
 * there too, and empty (the specification requires all of both). Without a type, what it holds decides.
 */
export function isIos({ type, certificate }: Fields): boolean {
  return type === 'ios' || (type !== 'android' && wireRaw(certificate) !== null);
}

/** Whether a row is one of those that Telnyx puts into every account. */
export const sharedByTelnyx = ({ is_public, alias }: Fields): boolean =>
  is_public === true || DEMO_ALIASES.includes(String(alias));

const pushRow: Row<PushCredential> = (fields) => ({
  id: fields.id,
  alias: wireText(fields.alias),
  type: wireText(fields.type),
  created_at: fromTelnyx(wireRaw(fields.created_at)),
  updated_at: fromTelnyx(wireRaw(fields.updated_at)),
  shared_by_telnyx: sharedByTelnyx(fields),
  ...(isIos(fields) ? apnsOf(fields) : fcmOf(fields)),
});

type Material = Pick<PushCredential, 'certificate' | 'service_account' | 'private_key'>;

const apnsOf = ({ certificate, private_key }: Fields): Material => ({
  certificate: wireRaw(certificate),
  service_account: null,
  private_key: wireSecret(private_key),
});

/** The key is in the account's file; whether Telnyx also shows it beside that is not documented. */
function fcmOf({ project_account_json_file, private_key }: Fields): Material {
  const account = fieldsOf(project_account_json_file);
  const facts = {
    project_id: wireText(account?.project_id),
    client_email: wireText(account?.client_email),
    private_key_id: wireText(account?.private_key_id),
  };
  return {
    certificate: null,
    service_account: Object.values(facts).some((fact) => fact !== null) ? facts : null,
    private_key: wireSecret(account?.private_key) ?? wireSecret(private_key),
  };
}

/** What a new push credential is made of: PEM blocks for APNs, the service account's JSON for FCM. */
export type PushMaterial =
  | { type: 'ios'; certificate: string; privateKey: Secret }
  | { type: 'android'; account: Record<string, unknown>; privateKey: Secret };

const at = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** A window of the list (spec operation ListPushCredentials), with none that the filters do not fit exactly. */
export function listPushCredentials(
  http: Http,
  filters: { type?: string | undefined; alias?: string | undefined },
  window: { offset: number; limit: number },
) {
  const query: Query = {};
  for (const [key, value] of Object.entries(filters)) if (value !== undefined) query[`filter[${key}]`] = value;
  const { type, alias } = filters;
  const fits = (row: PushCredential): boolean =>
    (type === undefined || row.type === type) && (alias === undefined || row.alias === alias);
  return getWindow(http, { path: PATH, filters: query, row: pushRow }, window, fits);
}

/** One push credential by id (spec operation GetPushCredential). Throws `NOT_FOUND`. */
export async function getPushCredential(http: Http, id: string): Promise<PushCredential> {
  return readOne(await http.get(at(id)), pushRow, id);
}

/** The request that creates a push credential (spec operation CreatePushCredential; the body is flat, api.md §4 row 2). */
export function creationOfPush(alias: string, material: PushMaterial) {
  const { type, privateKey: private_key } = material;
  const body =
    type === 'ios'
      ? { certificate: material.certificate, private_key }
      : { project_account_json_file: { ...material.account, private_key } };
  return change('POST', PATH, { type, alias, ...body });
}

/** The request that deletes a push credential (spec operation DeletePushCredential). */
export const deletionOfPush = (id: string) => change('DELETE', at(id));

/**
 * Creates a push credential exactly once. The alias must be free: being unique, it is the mark by which the new one is
 * found again when the answer is lost.
 */
export function createPushCredential(http: Http, alias: string, material: PushMaterial): Promise<PushCredential> {
  return createOnce({
    http,
    row: pushRow,
    send: () => http.send(creationOfPush(alias, material)),
    find: (recovery) => findPushCredential(recovery, alias),
    lookup: `list_mobile_push_credentials with alias "${alias}"`,
  });
}

/** The push credential with an alias; aliases are unique. */
export async function findPushCredential(http: Http, alias: string): Promise<PushCredential | undefined> {
  const { rows } = await getAll(http, { path: PATH, filters: { 'filter[alias]': alias }, row: pushRow });
  return rows.find((row) => row.alias === alias);
}

/** Deletes a push credential; one found gone on a retry counts as deleted. Throws `NOT_FOUND`. */
export async function deletePushCredential(http: Http, id: string): Promise<void> {
  await http.send(deletionOfPush(id));
}
