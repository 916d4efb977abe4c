import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { sameText } from './entry.ts';

const COOKIE = 'telnyx_page';

/** Whether the request names this server by an address it gave out; a rebound DNS name shows here. */
export function knowsHost({ host }: IncomingHttpHeaders, port: number): boolean {
  return host === `127.0.0.1:${port}` || host === `localhost:${port}`;
}

/** Whether a browser went to the page for a person to look at; a prefetch, a frame or a script is none of that. */
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  const mode = headers['sec-fetch-mode'] ?? 'navigate';
  const dest = headers['sec-fetch-dest'] ?? 'document';
  return mode === 'navigate' && dest === 'document' && !headers['sec-purpose'] && !headers.purpose;
}

/** Whether a submission was made by a page of this very origin, as the browser says. */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  return headers.origin === `http://${headers.host}` && (headers['sec-fetch-site'] ?? 'same-origin') === 'same-origin';
}

export function cookieOf({ cookie }: IncomingHttpHeaders): string | undefined {
  return cookie
    ?.split(/;\s*/)
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
}

/** A cookie of this page alone, for as long as the browser runs. Lax: a reload after coming from elsewhere sends it. */
export const setCookie = (value: string, path: string): string =>
  `${COOKIE}=${value}; Path=${path}; HttpOnly; SameSite=Lax`;

export function isType({ headers }: IncomingMessage, accepts: 'form' | 'json'): boolean {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type === (accepts === 'form' ? 'application/x-www-form-urlencoded' : 'application/json');
}

/** Whether the submission carries the token that the page was shown with. */
export function hasToken(fields: unknown, token: string): boolean {
  if (typeof fields !== 'object' || fields === null || !('token' in fields)) return false;
  return typeof fields.token === 'string' && sameText(fields.token, token);
}
