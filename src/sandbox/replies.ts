/** An answer before it is put on the wire: a string body goes as it is, undefined is no body, all else is JSON. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Thrown by a rule that refuses; carries the answer. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

export interface Complaint {
  detail: string;
  /** Of the body's field. No `parameter` for a query: connections do not declare it, and so the detail names it. */
  pointer?: string;
}

// Titles are Telnyx's where the spec shows one (api.md §1).
const TITLES: Record<string, string> = {
  '10004': 'Missing required parameter',
  '10005': 'Resource not found',
  '10006': 'Invalid ID',
  '10007': 'Unexpected error',
  '10009': 'Authentication failed',
  '10010': 'Not authorized',
  '10011': 'Too many requests',
  '10013': 'Associated resource not found',
  '10015': 'Bad Request',
  '10025': 'Invalid length',
  '10031': 'Invalid filter',
  '10032': 'Invalid enumerated value',
  '10033': 'Value outside of range',
};

/** The standard error envelope (api.md §1), one entry per complaint. */
export function refuse(status: number, code: string, ...complaints: Complaint[]): Refusal {
  const errors = complaints.map(({ detail, pointer }) => ({
    code,
    title: TITLES[code] ?? 'Error',
    detail,
    ...(pointer === undefined ? {} : { source: { pointer } }),
    meta: { url: `https://developers.telnyx.com/docs/overview/errors/${code}` },
  }));
  return new Refusal({ status, body: { errors } });
}

/** 404 with code 10005. */
export function notFound(): Refusal {
  return refuse(404, '10005', { detail: 'The requested resource or URL could not be found.', pointer: '/' });
}

/** Gives the body as an object, or refuses it as not well-formed. */
export function fields(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  throw refuse(400, '10015', { detail: 'The request failed because it was not well-formed.', pointer: '/' });
}

/** Gives a text field; undefined when it is absent or null; refuses another type. */
export function text(body: Record<string, unknown>, field: string): string | undefined {
  const value = body[field] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw refuse(422, '10015', { detail: 'must be a string', pointer: `/${field}` });
}
