import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../core/errors.ts';
import { type Answer, type Row, readIfOne } from './wire.ts';

export type Query = Record<string, string | number>;

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

/** The same requests with those that change something left out: a proposal that tried to send one is a mistake of ours. */
export function readOnly(http: Http): Http {
  return {
    get: http.get,
    send: () => Promise.reject(new Error('a proposal sends nothing')),
    recovery: () => readOnly(http.recovery()),
    under: (check) => readOnly(http.under(check)),
  };
}

// Telnyx may take a moment until a list shows what was created.
const LOOKS_AFTER_MS = [0, 400, 1200];

interface Creation<T> {
  http: Http;
  row: Row<T>;
  send(): Promise<Answer>;
  find(recovery: Http): Promise<T | undefined>;
  /** How an agent can look for the same marker itself. */
  lookup: string;
}

/**
 * Sends a create once and gives what it made. When the answer is lost or unreadable, looks for it by its marker
 * instead of sending again; throws `OUTCOME_UNKNOWN` when it does not show up.
 */
export async function createOnce<T>({ http, row, send, find, lookup }: Creation<T>): Promise<T> {
  const answer = await send().catch((error: unknown) => {
    if (error instanceof ToolError && error.code === 'OUTCOME_UNKNOWN') return error;
    throw error;
  });
  const created = answer instanceof ToolError ? undefined : readIfOne(answer, row);
  if (created) return created;
  const recovery = http.recovery();
  for (const pause of LOOKS_AFTER_MS) {
    await sleep(pause);
    const found = await find(recovery).catch(() => undefined);
    if (found) return found;
  }
  const { details } = answer instanceof ToolError ? answer : answer.unreadable('data.id');
  throw new ToolError(
    'OUTCOME_UNKNOWN',
    'The create was sent, but no answer says whether it was carried out, and what it would have made does not show up.',
    `Before creating again, wait a minute and call ${lookup}: if something is there, it was made.`,
    { httpStatus: details.httpStatus, requestId: details.requestId },
  );
}

/**
 * What a PATCH made. One that was answered with 2xx was carried out, whatever stands in the answer: where that holds no
 * row, or one that does not show the change, `get` reads it.
 */
export async function changed<T>(
  answer: Answer,
  row: Row<T>,
  id: string,
  get: () => Promise<T>,
  shows: (row: T) => boolean = () => true,
): Promise<T> {
  const told = readIfOne(answer, row, id);
  return told && shows(told) ? told : await get();
}
