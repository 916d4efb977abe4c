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
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  sip_password_fingerprint: z.string().nullable(),
});

export function viewTelephony({ sip_password, ...shown }: TelephonyCredential, { fingerprint }: Deps) {
  return { ...shown, sip_password_fingerprint: fingerprint(sip_password) };
}

/** A credential as a person would recognise it. */
export function describe({ name, sip_username, created_at }: TelephonyCredential): string {
  const named = name === null ? 'without a name' : `"${name}"`;
  return `the telephony credential ${named} (SIP username ${sip_username}, created ${forPerson(created_at)})`;
}

/** What goes along with a telephony secret: enough to know later whose it is. */
export function factsOf({ id, name, connection_id, sip_username, expires_at, created_at }: TelephonyCredential) {
  return { id, name, connection_id, expires_at, created_at, sip_username };
}
