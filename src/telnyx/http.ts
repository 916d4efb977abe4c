import type { z } from 'zod';
import { ToolError } from '../errors.ts';

export type Query = Record<string, string | number>;

/** What the functions of this folder need: requests to Telnyx within the time and the cancellation of one tool call. */
export interface Http {
  get(path: string, query?: Query): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
  /** A POST without a body whose answer is plain text. */
  postForText(path: string): Promise<string>;
  patch(path: string, body: object): Promise<unknown>;
  delete(path: string): Promise<void>;
  /** The same with a few seconds of its own and deaf to cancellation: to find what a lost answer left behind. */
  recovery(): Http;
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

/** `value` as the schema's output. Throws `UNEXPECTED_RESPONSE` without a word of the value: it may hold a secret. */
export function read<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ToolError(
    'UNEXPECTED_RESPONSE',
    'Telnyx sent an answer without the fields this operation needs.',
    'Call again; if it stays so, tell the person.',
  );
}

/** The same requests with those that change something left out: a plan that tried to send one is a mistake of ours. */
export function readOnly(http: Http): Http {
  const refuse = () => Promise.reject(new Error('a plan sends nothing'));
  return {
    ...http,
    post: refuse,
    postForText: refuse,
    patch: refuse,
    delete: refuse,
    recovery: () => readOnly(http.recovery()),
  };
}
