import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isRecord, parseJson } from '../../core/basics.ts';
import { contentPolicy, notice, renderDocument, type View } from './document.ts';
import { type Entry, sameText } from './entry.ts';
import type { Reply } from './page.ts';

const COOKIE = 'telnyx_page';

/** Whether the request names this server by an address it gave out; a rebound DNS name shows here. */
function knowsHost({ host }: IncomingHttpHeaders, port: number): boolean {
  return host === `127.0.0.1:${port}` || host === `localhost:${port}`;
}

/** Whether a browser went to the page for a person to look at; a prefetch, a frame or a script is none of that. */
function isNavigation(headers: IncomingHttpHeaders): boolean {
  const mode = headers['sec-fetch-mode'] ?? 'navigate';
  const dest = headers['sec-fetch-dest'] ?? 'document';
  return mode === 'navigate' && dest === 'document' && !headers['sec-purpose'] && !headers.purpose;
}

/** Whether a submission was made by a page of this very origin, as the browser says. */
function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  return headers.origin === `http://${headers.host}` && (headers['sec-fetch-site'] ?? 'same-origin') === 'same-origin';
}

function cookieOf({ cookie }: IncomingHttpHeaders): string | undefined {
  return cookie
    ?.split(/;\s*/)
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
}

/** A cookie of this page alone, for as long as the browser runs. Lax: a reload after coming from elsewhere sends it. */
const setCookie = (value: string, path: string): string => `${COOKIE}=${value}; Path=${path}; HttpOnly; SameSite=Lax`;

function isType({ headers }: IncomingMessage, accepts: 'form' | 'json'): boolean {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type === (accepts === 'form' ? 'application/x-www-form-urlencoded' : 'application/json');
}

/** Whether the submission carries the token that the page was shown with. */
function hasToken(fields: unknown, token: string): boolean {
  return isRecord(fields) && typeof fields.token === 'string' && sameText(fields.token, token);
}

class TooLarge extends Error {}

/** Whether the request admits to more than the limit before a byte of it was read. */
const declaresMore = ({ headers }: IncomingMessage, limit: number): boolean =>
  Number(headers['content-length'] ?? 0) > limit;

/** The body as form fields or JSON; throws TooLarge at the first byte beyond the limit, and gives undefined for garbage. */
async function readFields(request: IncomingMessage, accepts: 'form' | 'json', limit: number): Promise<unknown> {
  const text = await readText(request, limit);
  return accepts === 'form' ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text);
}

async function readText(request: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed: the answer that says it is too large still has to leave by the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const ASK_AGAIN = 'If you still need it, ask your assistant to open it again.';
const GONE = notice(
  'This page is closed',
  'It was used already, or its time was over. Nothing more can be done here.',
  ASK_AGAIN,
);
const ELSEWHERE = notice(
  'This page is open elsewhere',
  'It works only in the browser that opened it first, with cookies allowed. If that was not you, tell your assistant to stop and look at who else uses this machine.',
  ASK_AGAIN,
);
const FAILED = notice('Something went wrong', 'The server could not finish this.', ASK_AGAIN);

/** Answers one request. Whoever does not know a page's address learns nothing from what comes back. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  entries: Iterable<Entry>,
  port: number,
): Promise<void> {
  if (!knowsHost(request.headers, port)) return refuse(response, 403);
  if (request.method !== 'GET' && request.method !== 'POST')
    return refuse(response.setHeader('Allow', 'GET, POST'), 405);
  const found = find(entries, request.url ?? '');
  if (!found) return refuse(response, 404);
  const { entry, byTicket } = found;
  if (request.method === 'POST') return byTicket ? refuse(response, 405) : submit(request, response, entry);
  if (!isNavigation(request.headers)) return refuse(response, 403);
  if (byTicket) {
    if (!entry.redeemTicket()) return show(response, 410, GONE, entry);
    response.setHeader('Location', entry.path);
    return refuse(response, 303);
  }
  if (!entry.usable) return show(response, 410, GONE, entry);
  const cookie = entry.adopt(cookieOf(request.headers));
  if (cookie === undefined) return show(response, 403, ELSEWHERE, entry);
  response.setHeader('Set-Cookie', setCookie(cookie, entry.path));
  show(response, 200, entry.page.show(entry.token), entry);
}

async function submit(request: IncomingMessage, response: ServerResponse, entry: Entry): Promise<void> {
  const { page, token } = entry;
  if (!isSameOrigin(request.headers)) return refuse(response, 403);
  if (!isType(request, page.accepts)) return refuse(response, 415);
  if (declaresMore(request, page.bodyLimit)) return refuse(response, 413);
  if (!entry.usable) return tell(response, 410, GONE, entry);
  if (!entry.ownedBy(cookieOf(request.headers))) return tell(response, 403, ELSEWHERE, entry);
  try {
    const fields = await readFields(request, page.accepts, page.bodyLimit);
    if (!hasToken(fields, token)) return refuse(response, 403);
    if (!entry.usable) return tell(response, 410, GONE, entry);
    // The person's browser has its answer before whoever waits for `done` may close the host.
    response.once('close', () => entry.settle());
    reply(response, await page.submit(fields, { token, claim: (ending) => entry.claim(ending) }), entry);
  } catch (error) {
    if (error instanceof TooLarge) return refuse(response, 413);
    tell(response, 500, FAILED, entry);
  } finally {
    if (response.destroyed) entry.settle();
  }
}

/** Every address is compared, each in constant time: how long this takes says nothing about which exist. */
function find(entries: Iterable<Entry>, url: string): { entry: Entry; byTicket: boolean } | undefined {
  let found: { entry: Entry; byTicket: boolean } | undefined;
  for (const entry of entries) {
    if (sameText(url, entry.path)) found = { entry, byTicket: false };
    if (sameText(url, entry.ticket)) found = { entry, byTicket: true };
  }
  return found;
}

function reply(response: ServerResponse, answered: Reply, entry: Entry): void {
  if (answered === 'gone') tell(response, 410, GONE, entry);
  else if ('view' in answered) show(response, answered.status, answered.view, entry);
  else send(response, answered.status, 'application/json', JSON.stringify(answered.json));
}

/** What ends a submission without its page: a document for a form, a sentence for a script. */
function tell(response: ServerResponse, status: number, view: View, entry: Entry): void {
  if (entry.page.accepts === 'form') show(response, status, view, entry);
  else send(response, status, 'application/json', JSON.stringify({ error: `${view.title}. ${ASK_AGAIN}` }));
}

function show(response: ServerResponse, status: number, view: View, { page }: Entry): void {
  response.setHeader('Content-Security-Policy', contentPolicy(view.script));
  // With `no-referrer` browsers send `Origin: null` with the form; this tells the address to nobody but this server.
  response.setHeader('Referrer-Policy', 'same-origin');
  send(response, status, 'text/html', renderDocument(view, page.code));
}

/** Says nothing beyond the status, and reads no more of what is still being sent. */
export function refuse(response: ServerResponse, status: number): void {
  if (status === 413) {
    const { socket } = response.req;
    response.setHeader('Connection', 'close').once('finish', () => {
      socket.end();
      setTimeout(() => socket.destroy(), 1_000).unref();
    });
  }
  send(response, status, 'text/plain', status === 303 ? '' : 'There is nothing here.\n');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const defaults = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'Content-Type': `${type}; charset=utf-8`,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'X-Robots-Tag': 'noindex, noarchive',
  };
  for (const [name, value] of Object.entries(defaults)) if (!response.hasHeader(name)) response.setHeader(name, value);
  response.statusCode = status;
  response.end(body);
}
