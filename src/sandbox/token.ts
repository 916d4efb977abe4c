import { createHmac, randomUUID } from 'node:crypto';
import { DAY, instant, SECOND } from './dates.ts';
import { alphanumerics, secretBytes } from './random.ts';
import type { TelephonyRecord } from './world.ts';

const signingKey = Buffer.from(secretBytes(64));

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A login token (JWT) with the claims of the spec's sample (api.md §4 row 9), good for a day or the parent's life. */
export function mintToken(record: TelephonyRecord, now: Date): string {
  const issued = Math.floor(now.getTime() / SECOND);
  const expires = Math.floor(Math.min(now.getTime() + DAY, instant(record.expires_at)) / SECOND);
  const claims = {
    aud: 'telnyx_telephony',
    exp: expires,
    iat: issued,
    iss: 'telnyx_telephony',
    jti: randomUUID(),
    nbf: issued - 1,
    // Unknown whether this is the credential's id (api.md §10): a client that reads it as one should fail here.
    sub: record.user_id,
    tel_token: alphanumerics(secretBytes, 112),
    typ: 'access',
  };
  const signed = `${segment({ alg: 'HS512', typ: 'JWT' })}.${segment(claims)}`;
  return `${signed}.${createHmac('sha512', signingKey).update(signed).digest('base64url')}`;
}
