import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelError, got, HTTPError, RequestError, TimeoutError } from 'got';
import { isRecord, parseJson } from '../core/basics.ts';
import { ToolError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { Secret } from '../secrets/secret.ts';
import type { Http, HttpLimits, Query, Scope } from './http.ts';
import { explain, type Failure, type Method } from './problem.ts';
import { retryDelay } from './retry.ts';
import {
  callTime,
  type Headers,
  jobTime,
  Scheduler,
  sensible,
  type Ticket,
  type Time,
  waitAsked,
} from './scheduler.ts';
import { type Answer, unreadable } from './wire.ts';

interface ClientOptions {
  baseUrl: string;
  apiKey: Secret;
  version: string;
  limits: HttpLimits;
  log: Log;
  now?: () => Date;
}

interface Sending {
  query?: Query;
  body?: object;
  accept?: string;
}

/** An answer that says it went well: its text, when it came by the clock of Telnyx, and the id of its request. */
interface Done {
  text: string;
  at: number;
  requestId: string | undefined;
}

type Outcome = Done | Failure;

const JSON_TYPE = 'application/json';
// 32 KB for each row of the largest page: certificates and keys take a tenth of that.
const MOST_BYTES = 8 * 1024 * 1024;
// Nothing documents it (api.md §1), and it goes on to a model and a log.
const REQUEST_ID = /^[\w-]{1,64}$/;
const LEAST_OF_A_REQUEST = 3;
const UNSENT_PHASES = new Set(['lookup', 'connect', 'secureConnect']);
const UNSENT_CODES = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|.*(CERT|TLS|SSL).*)$/;

// An idle socket is dropped before servers usually drop theirs: a POST on a dying one has an unknown outcome.
const KEEP_ALIVE = { keepAlive: true, timeout: 4000 };

/**
 * The one connection to Telnyx: gives, for the scope of a tool call or a job, functions that send a request and answer
 * with its parsed JSON. They throw nothing but ToolError: got's own errors print the API key, and none leaves this file.
 */
export function createClient(options: ClientOptions): (scope: Scope) => Http {
  const { baseUrl, apiKey, version, limits, log, now = () => new Date() } = options;
  // One for the process: all its requests share the account's allowance.
  const scheduler = new Scheduler();
  let toldOfWait = false;

  /** How long the headers of an answer ask to wait, as far as that is sensible; the log hears once of what is not. */
  function waitOf(status: number, headers: Headers): number | undefined {
    const asked = waitAsked(status, headers, now().getTime());
    const kept = sensible(asked);
    if (asked !== kept && !toldOfWait) {
      toldOfWait = true;
      const seconds = Math.round((asked ?? 0) / 1000);
      log('warn', 'Telnyx asks for a wait that is not kept', { seconds, kept: (kept ?? 0) / 1000 });
    }
    return kept;
  }

  const telnyx = got.extend({
    prefixUrl: baseUrl,
    agent: { http: new HttpAgent(KEEP_ALIVE), https: new HttpsAgent(KEEP_ALIVE) },
    // A redirect could carry the key elsewhere, and the API has none.
    followRedirect: false,
    headers: {
      authorization: `Bearer ${apiKey.reveal()}`,
      'user-agent': `telnyx-credentials-mcp/${version}`,
    },
    retry: { limit: 0 },
    timeout: { lookup: 5000, connect: 5000, secureConnect: 5000, request: limits.requestMs },
  });

  function open(scope: Scope, ms: number): Http {
    return within(scope, scope.background ? jobTime(scope.signal, ms) : callTime(scope.signal, ms, limits));
  }

  function within({ signal, background = false }: Scope, timeOf: (method: Method) => Time, check?: () => void): Http {
    async function send(method: Method, path: string, sending: Sending = {}): Promise<Done> {
      using time = timeOf(method);
      const started = Date.now();
      let underWay = false;

      const attempt = async (ticket: Ticket, stop: AbortSignal): Promise<Outcome> => {
        // A create that would be cut off before most answers come has an unknown outcome: better not to begin it.
        if (method === 'POST' && sending.body && time.patience() < limits.requestMs / LEAST_OF_A_REQUEST) {
          throw explain(method, { kind: 'stopped', sent: false, cancelled: false });
        }
        // It may have waited for minutes, and its sender may have been taken for dead.
        if (method !== 'GET') check?.();
        underWay = true;
        const outcome = await once(method, path, sending, stop, ticket);
        if (!('text' in outcome) && stop.aborted) throw stop.reason;
        return outcome;
      };

      const trying = async (): Promise<Done> => {
        for (let tries = 1; ; tries += 1) {
          const outcome = await scheduler.send(background, time, (ticket) =>
            time.spend((stop) => attempt(ticket, stop)),
          );
          if ('text' in outcome) return outcome;
          // A DELETE whose first answer got lost finds nothing the second time: that is the outcome asked for.
          if (method === 'DELETE' && tries > 1 && outcome.kind === 'answered' && outcome.status === 404) {
            return { text: '', at: now().getTime(), requestId: outcome.requestId };
          }
          const delay = retryDelay(method, tries, outcome, Math.random(), background);
          if (delay === undefined || delay >= time.patience()) throw explain(method, outcome, fieldsSent(sending.body));
          underWay = false;
          await sleep(delay, undefined, { signal: time.signal });
        }
      };

      try {
        return await scheduler.serve(background, trying, time.signal);
      } catch (error) {
        if (error instanceof ToolError) throw error;
        throw explain(method, { kind: 'stopped', sent: underWay, cancelled: signal.aborted });
      } finally {
        log('debug', 'request', { method, path, ms: Date.now() - started });
      }
    }

    function answerOf(body: unknown, { at, requestId }: Done, method: Method, path: string): Answer {
      return {
        body,
        at,
        unreadable(field) {
          const facts = {
            method,
            path,
            field: field ?? 'all of it',
            ...(requestId !== undefined && { request_id: requestId }),
          };
          log('debug', 'an answer cannot be read', facts);
          return unreadable(field, requestId);
        },
      };
    }

    /** With the JSON of the answer, if it is any. */
    async function sendForJson(method: Method, path: string, sending: Sending): Promise<Answer> {
      const done = await send(method, path, sending);
      return answerOf(parseJson(done.text), done, method, path);
    }

    return {
      async get(path, query = {}) {
        const answer = await sendForJson('GET', path, { query });
        if (answer.body === undefined) throw answer.unreadable();
        return answer;
      },
      async send({ method, path, body, text }) {
        if (!text) return sendForJson(method, path, body ? { body } : {});
        const done = await send(method, path, { accept: 'text/plain' });
        return answerOf(done.text, done, method, path);
      },
      recovery: () => open({ signal: new AbortController().signal, background }, limits.recoveryMs),
      under: (before) => within({ signal, background }, timeOf, before),
    };
  }

  /** One request, and how it went. got's own retry is left out: on Node 24 it loses to a second error of a refused socket. */
  async function once(
    method: Method,
    path: string,
    { query = {}, body, accept = JSON_TYPE }: Sending,
    stop: AbortSignal,
    ticket: Ticket,
  ): Promise<Outcome> {
    try {
      const request = telnyx(path, {
        method,
        searchParams: query,
        headers: { accept },
        ...(body && { json: revealed(body) }),
        signal: stop,
      });
      request.on('response', ({ statusCode, headers }) => scheduler.answered(ticket, statusCode, headers));
      request.on('downloadProgress', ({ transferred }) => transferred > MOST_BYTES && request.cancel());
      const { statusCode, headers, body: text } = await request;
      const requestId = requestIdOf(headers);
      if (statusCode < 300) return { text, at: Date.parse(`${headers.date}`) || now().getTime(), requestId };
      return { kind: 'answered', status: statusCode, body: '', wait: undefined, requestId };
    } catch (error) {
      if (!(error instanceof RequestError)) return { kind: 'cut', code: 'UNKNOWN' };
      if (!(error instanceof HTTPError)) return failureOf(error);
      const { statusCode: status, headers, rawBody } = error.response;
      const wait = waitOf(status, headers);
      return { kind: 'answered', status, body: rawBody.toString(), wait, requestId: requestIdOf(headers) };
    }
  }

  return (scope) => open(scope, limits.callMs);
}

/** The names of the fields of a body that holds a secret, at any depth; undefined of one that holds none. */
function fieldsSent(body: object | undefined): string[] | undefined {
  const fields = [...walk(body)];
  return fields.some(([, value]) => value instanceof Secret) ? fields.map(([key]) => key) : undefined;
}

function* walk(value: unknown): Generator<[string, unknown]> {
  if (!isRecord(value) || value instanceof Secret) return;
  for (const field of Object.entries(value)) {
    yield field;
    yield* walk(field[1]);
  }
}

/** A body as Telnyx is to get it. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealed(inner)]));
}

/** How a request failed that has no answer, or none that ends. */
function failureOf(error: RequestError): Failure {
  if (error instanceof CancelError) return { kind: 'unreadable' };
  const unsent = error instanceof TimeoutError ? UNSENT_PHASES.has(error.event) : UNSENT_CODES.test(error.code);
  return { kind: unsent ? 'unreachable' : 'cut', code: error.code };
}

function requestIdOf(headers: Headers): string | undefined {
  const id = headers['x-request-id']?.toString();
  return id !== undefined && REQUEST_ID.test(id) ? id : undefined;
}
