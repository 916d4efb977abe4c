import { z } from 'zod';
import type { Secret } from '../secrets/secret.ts';
import { fromTelnyx } from './dates.ts';
import { wireDate, wireId, wireSecret, wireText } from './fields.ts';
import { type Http, type Query, read } from './http.ts';
import { createOnce } from './lost-answer.ts';
import { getWindow } from './pages.ts';

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

const serviceAccount = z
  .object({ project_id: wireText, client_email: wireText, private_key_id: wireText, private_key: wireSecret })
  .nullish()
  .catch(null);

/** The wire schema of a row. The other platform's fields may be null or absent (api.md §3.1). */
const pushRow = z
  .object({
    id: wireId,
    alias: wireText,
    type: wireText,
    certificate: z.string().nullish().catch(null),
    private_key: wireSecret,
    project_account_json_file: serviceAccount,
    is_public: z.unknown(),
    created_at: wireDate,
    updated_at: wireDate,
  })
  .transform((row): PushCredential => {
    const { private_key: androidKey = null, ...account } = row.project_account_json_file ?? {};
    return {
      id: row.id,
      alias: row.alias,
      type: row.type,
      created_at: fromTelnyx(row.created_at),
      updated_at: fromTelnyx(row.updated_at),
      shared_by_telnyx: sharedByTelnyx(row.is_public, row.alias),
      certificate: row.certificate || null,
      service_account: row.project_account_json_file ? { ...NO_ACCOUNT, ...account } : null,
      private_key: row.private_key ?? androidKey,
    };
  });

/** Whether a row is one of those that Telnyx puts into every account. */
export const sharedByTelnyx = (isPublic: unknown, alias: string | null): boolean =>
  isPublic === true || DEMO_ALIASES.includes(alias ?? '');

const NO_ACCOUNT: ServiceAccount = { project_id: null, client_email: null, private_key_id: null };

/** What a new push credential is made of: PEM blocks for APNs, the service account's JSON for FCM. */
export type PushMaterial =
  | { type: 'ios'; certificate: string; privateKey: Secret }
  | { type: 'android'; account: Record<string, unknown>; privateKey: Secret };

const single = z.object({ data: pushRow });
const at = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** A window of the list (spec operation ListPushCredentials). */
export function listPushCredentials(
  http: Http,
  filters: { type?: string | undefined; alias?: string | undefined },
  window: { offset: number; limit: number },
) {
  const query: Query = {};
  for (const [key, value] of Object.entries(filters)) if (value !== undefined) query[`filter[${key}]`] = value;
  return getWindow(http, { path: PATH, filters: query }, pushRow, window);
}

/** One push credential by id (spec operation GetPushCredential). Throws `NOT_FOUND`. */
export async function getPushCredential(http: Http, id: string): Promise<PushCredential> {
  return read(single, await http.get(at(id))).data;
}

/**
 * Creates a push credential exactly once (spec operation CreatePushCredential; the body is flat, api.md §4 row 2). The
 * alias must be free: being unique, it is the mark by which the new one is found again when the answer is lost.
 */
export function createPushCredential(http: Http, alias: string, material: PushMaterial): Promise<PushCredential> {
  const private_key = material.privateKey.reveal();
  const body =
    material.type === 'ios'
      ? { certificate: material.certificate, private_key }
      : { project_account_json_file: { ...material.account, private_key } };
  return createOnce({
    http,
    schema: single,
    send: () => http.post(PATH, { type: material.type, alias, ...body }),
    find: (recovery) => findPushCredential(recovery, alias),
    lookup: `list_mobile_push_credentials with alias "${alias}"`,
  });
}

/** The push credential with an alias; aliases are unique. */
export async function findPushCredential(http: Http, alias: string): Promise<PushCredential | undefined> {
  const { rows } = await listPushCredentials(http, { alias }, { offset: 0, limit: 2 });
  return rows.find((row) => row.alias === alias);
}

/** Deletes a push credential (spec operation DeletePushCredential); one found gone on a retry counts as deleted. */
export function deletePushCredential(http: Http, id: string): Promise<void> {
  return http.delete(at(id));
}
