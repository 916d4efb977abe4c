import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { notFound, type Reply, refuse } from './replies.ts';

export interface SeenRequest {
  method: string;
  /** After `/v2` (whole when it does not begin so), without the query, percent-encoding as sent. */
  path: string;
  query: URLSearchParams;
  /** Parsed JSON; undefined when there was none; the text itself when it is not JSON. */
  body: unknown;
  headers: IncomingHttpHeaders;
}

const BASE = '/v2/';
const BODY_LIMIT = 1024 * 1024;
const GZIP_FROM = 1024;
const compress = promisify(gzip);

/** Reads a request whole; `refusal` is the answer to a body nobody could handle. */
export async function read(incoming: IncomingMessage): Promise<{ request: SeenRequest; refusal?: Reply }> {
  const { bytes, tooLarge } = await readBody(incoming);
  const [target = '/', search = ''] = (incoming.url ?? '/').split(/\?(.*)/s);
  const request: SeenRequest = {
    method: incoming.method ?? 'GET',
    path: target.startsWith(BASE) ? target.slice(BASE.length - 1) : target,
    query: new URLSearchParams(search),
    body: undefined,
    headers: incoming.headers,
  };
  if (tooLarge) return { request, refusal: refuse(413, '10025', { detail: 'The request is too large.' }).reply };
  if (!target.startsWith(BASE)) return { request, refusal: notFound().reply };
  if (bytes.length === 0) return { request };
  const source = bytes.toString('utf8');
  try {
    request.body = JSON.parse(source);
    return { request };
  } catch {
    request.body = source;
    const detail = 'The request failed because it was not well-formed.';
    return { request, refusal: refuse(400, '10015', { detail, pointer: '/' }).reply };
  }
}

async function readBody(incoming: IncomingMessage): Promise<{ bytes: Buffer; tooLarge: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    // The rest is read and dropped: a client still writing would take the answer for a broken connection.
    if (length <= BODY_LIMIT) chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), tooLarge: length > BODY_LIMIT };
}

function encode(body: unknown): { bytes: Buffer; type: string } {
  if (typeof body !== 'string') return { bytes: Buffer.from(JSON.stringify(body)), type: 'application/json' };
  const type = body.startsWith('<') ? 'text/html' : /^[[{]/.test(body) ? 'application/json' : 'text/plain';
  return { bytes: Buffer.from(body), type };
}

// One by one, so that a fault's `Content-Type` takes the place of ours whatever its case.
function setHeaders(outgoing: ServerResponse, headers: Record<string, string> = {}): void {
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
}

/** Writes an answer; `share` below 1 cuts the body there, under a Content-Length that fits what is left. */
export async function send(outgoing: ServerResponse, reply: Reply, acceptEncoding = '', share = 1): Promise<void> {
  outgoing.statusCode = reply.status;
  if (reply.body === undefined) {
    setHeaders(outgoing, reply.headers);
    outgoing.end();
    return;
  }
  const { bytes, type } = encode(reply.body);
  setHeaders(outgoing, { 'content-type': `${type}; charset=utf-8` });
  setHeaders(outgoing, reply.headers);
  let body = bytes.subarray(0, Math.floor(bytes.length * share));
  if (share === 1 && bytes.length > GZIP_FROM && /\bgzip\b/.test(acceptEncoding)) {
    body = await compress(bytes, { level: 1 });
    setHeaders(outgoing, { 'content-encoding': 'gzip', vary: 'accept-encoding' });
  }
  setHeaders(outgoing, { 'content-length': String(body.length) });
  outgoing.end(body);
}
