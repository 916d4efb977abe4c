import { z } from 'zod';
import { changedSince, differences } from '../core/consent.ts';
import { ToolError } from '../core/errors.ts';
import { plainly, quoted } from '../core/text.ts';
import type { Deps } from '../core/tool.ts';
import type { OldTelephony } from '../jobs/events.ts';
import { oldOf } from '../jobs/parties.ts';
import { getConnection } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import { getTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';

/** A telephony credential as an agent sees it. */
export const telephonyCredential = z.object({
  id: z.string(),
  name: z.string().nullable(),
  connection_id: z.string().nullable(),
  sip_username: z.string().nullable(),
  expired: z.boolean(),
  expires_at: z.string().nullable(),
  expires_at_unreadable: z.string().optional(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  sip_password_fingerprint: z.string().nullable(),
});

export function viewTelephony({ sip_password, ...shown }: TelephonyCredential, { fingerprint }: Deps) {
  return { ...shown, sip_password_fingerprint: fingerprint(sip_password) };
}

type Party = Pick<TelephonyCredential, 'name' | 'sip_username'> & { id: string; created_at?: string | null };

/** A credential as a person would recognise it, by as much of it as is known. */
export function describe({ id, name, sip_username, created_at }: Party): string {
  const named = name === null ? 'without a name' : quoted(name);
  const facts = [
    sip_username && `SIP username ${plainly(sip_username)}`,
    created_at && `created ${forPerson(created_at)}`,
    !sip_username && `id ${id}`,
  ];
  return `the telephony credential ${named} (${facts.filter(Boolean).join(', ')})`;
}

/** The connection of a credential by name, to be put behind it; nothing when it is not known. */
export const onConnection = async ({ connection_id }: Pick<TelephonyCredential, 'connection_id'>, deps: Deps) =>
  connection_id === null ? '' : ` on ${await connectionNamed(connection_id, deps)}`;

/** A connection as a person knows it, by its name where Telnyx gives that. Credentials hang on credential connections. */
export async function connectionNamed(id: string, { http }: Pick<Deps, 'http'>): Promise<string> {
  const { name } = await getConnection(http, 'credential', id).catch((error: unknown) => {
    if (error instanceof ToolError) return { name: null };
    throw error;
  });
  return name === null ? `connection ${id}` : `connection ${quoted(name)} (id ${id})`;
}

/** The credential as it was proposed to deal with it, or `CONFLICT`: it is looked at again unless that was this moment. */
export async function refuseChanged(old: OldTelephony, seen: TelephonyCredential | undefined, { http }: Deps) {
  const changed = differences(old, oldOf(seen ?? (await getTelephonyCredential(http, old.id))));
  if (changed.length > 0) throw changedSince(`The telephony credential ${quoted(old.name ?? old.id)}`, changed);
}

type Ending = { expires_at: string | null; expires_at_unreadable?: string | undefined };

/** When a credential expires, as a person reads it. */
export function whenItExpires({ expires_at, expires_at_unreadable }: Ending): string {
  if (expires_at_unreadable !== undefined) return `at a time nobody can read (${quoted(expires_at_unreadable)})`;
  return expires_at === null ? 'never' : forPerson(expires_at);
}

/** What goes along with a telephony secret: enough to know later whose it is. */
export function factsOf({ id, name, connection_id, sip_username, expires_at, created_at }: TelephonyCredential) {
  return { id, name, connection_id, expires_at, created_at, sip_username };
}
