import { type ToolError, unexpected } from '../core/errors.ts';

export type Query = Record<string, string | number>;

/** An answer of Telnyx that says it went well (2xx). */
export interface Answer {
  /** Its JSON, or its text where that was asked for; undefined when there is none. */
  readonly body: unknown;
  /** What the clock of Telnyx said by its `Date`, in milliseconds since 1970, UTC; ours when it said nothing. */
  readonly at: number;
  /**
   * The error of a field that is not what it must be; `path` says which, never what it holds, and is absent when there is
   * no JSON at all. The log hears of it too.
   */
  unreadable(path?: string): ToolError;
}

/**
 * A request that changes something: made in one place, shown by a dry run, sent by a run. A `Secret` in its body shows
 * itself only while it is sent.
 */
export interface Change {
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: object;
  /** It is answered with plain text. */
  text?: true;
}

export const change = (method: Change['method'], path: string, body?: object): Change => ({
  ...{ method, path },
  ...(body && { body }),
});

/** What the functions of this folder need: requests to Telnyx within the time and the cancellation of one tool call. */
export interface Http {
  get(path: string, query?: Query): Promise<Answer>;
  /** A POST is sent once. The body is undefined when the answer holds no JSON: by its 2xx it was carried out. */
  send(change: Change): Promise<Answer>;
  /** The same with a few seconds of its own and deaf to cancellation: to find what a lost answer left behind. */
  recovery(): Http;
  /** The same, with what is called right before each try of a request that changes something, and throws to keep it back. */
  under(check: () => void): Http;
}

export interface Scope {
  signal: AbortSignal;
  /** A job of many requests, which lets a person's go first: each of them has the time of a call to itself. */
  background?: boolean;
}

/** In milliseconds: one request; all requests of a tool call together; the part of that kept back for `recovery`. */
export interface HttpLimits {
  requestMs: number;
  callMs: number;
  recoveryMs: number;
}

/** The error of an answer in which `path` cannot be read; the id is that of the request, as Telnyx gave it. */
export function unreadable(path?: string, requestId?: string): ToolError {
  return unexpected(
    path === undefined
      ? 'What came is no answer of the Telnyx API: it holds no JSON.'
      : `Telnyx answered, but ${path} is missing in its answer, or not what its documentation says.`,
    'Call again. If it stays so, tell the person: the base URL may be wrong, a proxy may stand in between, or Telnyx support can look into it by the request_id, where there is one.',
    { requestId },
  );
}

/** The same requests with those that change something left out: a proposal that tried to send one is a mistake of ours. */
export function readOnly(http: Http): Http {
  return {
    get: http.get,
    send: () => Promise.reject(new Error('a proposal sends nothing')),
    recovery: () => readOnly(http.recovery()),
    under: (check) => readOnly(http.under(check)),
  };
}
