import { z } from 'zod';
import { forPerson } from '../telnyx/dates.ts';
import type { TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Deps } from '../tool.ts';

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
  const named = name === null ? 'without a name' : `"${name}"`;
  const facts = [
    sip_username && `SIP username ${sip_username}`,
    created_at && `created ${forPerson(created_at)}`,
    !sip_username && `id ${id}`,
  ];
  return `the telephony credential ${named} (${facts.filter(Boolean).join(', ')})`;
}

/** The connection of a credential, to be put behind it; nothing when it is not known. */
export const onConnection = ({ connection_id }: Pick<TelephonyCredential, 'connection_id'>): string =>
  connection_id === null ? '' : ` on connection ${connection_id}`;

type Ending = { expires_at: string | null; expires_at_unreadable?: string | undefined };

/** When a credential expires, as a person reads it. */
export function whenItExpires({ expires_at, expires_at_unreadable }: Ending): string {
  if (expires_at_unreadable !== undefined) return `at a time nobody can read ("${expires_at_unreadable}")`;
  return expires_at === null ? 'never' : forPerson(expires_at);
}

/** What goes along with a telephony secret: enough to know later whose it is. */
export function factsOf({ id, name, connection_id, sip_username, expires_at, created_at }: TelephonyCredential) {
  return { id, name, connection_id, expires_at, created_at, sip_username };
}
