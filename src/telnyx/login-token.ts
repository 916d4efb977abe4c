import { parseJson } from '../core/basics.ts';
import { ToolError } from '../core/errors.ts';
import { Secret } from '../secrets/secret.ts';
import { type Change, change, type Http } from './http.ts';
import { type Fields, fieldsOf } from './wire.ts';

/** The request that mints a login token (spec operation CreateTelephonyCredentialToken). */
export const minting = (id: string): Change => ({
  ...change('POST', `telephony_credentials/${encodeURIComponent(id)}/token`),
  text: true,
});

/**
 * A login token of a credential, with its own expiry: the docs say 24
 * hours and the spec's sample lives 28 days (api.md §4 row 9), so it is read from the token, null when it has none.
 * Throws `UNEXPECTED_RESPONSE` for an answer that is no token (RFC 7519), though by its status one was minted.
 */
export async function createLoginToken(http: Http, id: string): Promise<{ token: Secret; expires_at: string | null }> {
  const { text, claims, answer } = await mint(http, id);
  if (!claims) throw answer.unreadable('the login token');
  const { exp } = claims;
  return { token: new Secret(text), expires_at: typeof exp === 'number' ? dateOf(exp) : null };
}

/**
 * Has Telnyx mint a token, to see that a credential can log in, and drops it. False when the answer says that it was made
 * and holds none. Throws what `createLoginToken` does, for a page too: that is of somebody who stands in between.
 */
export async function canLogIn(http: Http, id: string): Promise<boolean> {
  const { text, claims, answer } = await mint(http, id);
  if (!claims && text.startsWith('<')) throw answer.unreadable('the login token');
  return claims !== undefined;
}

async function mint(http: Http, id: string) {
  const answer = await http.send(minting(id)).catch(explainLostToken);
  const text = String(answer.body ?? '').trim();
  return { text, claims: JWT.test(text) ? claimsOf(text) : undefined, answer };
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The claims of a token (RFC 7519 §7.2), of which its first part must say as JSON how it is signed. */
function claimsOf(token: string): Fields | undefined {
  const [header, claims] = token.split('.').map((part) => parseJson(Buffer.from(part, 'base64url').toString()));
  return fieldsOf(header) && fieldsOf(claims);
}

/** An `exp` in seconds as ISO 8601, or null when no calendar has it. */
function dateOf(seconds: number): string | null {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
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
