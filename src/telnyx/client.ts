import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelError, got, HTTPError, RequestError, TimeoutError } from 'got';
import { ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Ticket } from './allowance.ts';
import { explain, type Failure, type Method } from './failure.ts';
import type { Http, HttpLimits, Query, Scope } from './http.ts';
import { Pace } from './pace.ts';
import { createPlaces } from './places.ts';
import { problemOf } from './problem.ts';
import { isRefusal, retryDelay, waitAsked } from './retry.ts';
import { callTime, jobTime, type Time } from './time.ts';

interface ClientOptions {
  baseUrl: string;
  apiKey: Secret;
  version: string;
  limits: HttpLimits;
  log: Log;
}

interface Sending {
  query?: Query;
  body?: object;
  accept?: string;
}

type Outcome = { done: string } | Failure;

const JSON_TYPE = 'application/json';
const MOST_BYTES = 32 * 1024 * 1024;
const UNSENT_PHASES = new Set(['lookup', 'connect', 'secureConnect']);
const UNSENT_CODES = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|.*(CERT|TLS|SSL).*)$/;

// An idle socket is dropped before servers usually drop theirs: a POST on a dying one has an unknown outcome.
const KEEP_ALIVE = { keepAlive: true, timeout: 4000 };

/**
 * The one connection to Telnyx: gives, for the scope of a tool call or a job, functions that send a request and answer
 * with its parsed JSON (undefined for an empty body). They throw nothing but ToolError: got's own errors print the API
 * key, and none leaves this file.
 */
export function createClient({ baseUrl, apiKey, version, limits, log }: ClientOptions): (scope: Scope) => Http {
  // One of each for the process: all its requests share the account's allowance.
  const places = createPlaces();
  const pace = new Pace();

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

  function open({ signal, background = false }: Scope, ms: number): Http {
    const timeOf = background ? jobTime(signal, ms) : callTime(signal, ms, limits);

    async function send(method: Method, path: string, sending: Sending = {}): Promise<string> {
      using time = timeOf(method);
      const started = Date.now();
      let underWay = false;

      const attempt = (ticket: Ticket) => async (stop: AbortSignal) => {
        underWay = true;
        const outcome = await once(method, path, sending, stop, ticket);
        if (!('done' in outcome) && stop.aborted) throw stop.reason;
        return outcome;
      };

      const trying = async (): Promise<string> => {
        for (let tries = 1; ; tries += 1) {
          const ticket = await turn(background, time);
          const outcome = await places
            .send(background, () => time.spend(attempt(ticket)), time.signal)
            .finally(() => pace.ended(ticket));
          if ('done' in outcome) return outcome.done;
          // A DELETE whose first answer got lost finds nothing the second time: that is the outcome asked for.
          if (method === 'DELETE' && tries > 1 && outcome.kind === 'answered' && outcome.status === 404) return '';
          const delay = retryDelay(method, tries, outcome, Math.random(), background);
          if (isRefusal(outcome)) pace.refused(ticket, outcome.wait ?? delay ?? 0);
          if (delay === undefined || delay >= time.patience()) throw explain(method, outcome);
          underWay = false;
          await sleep(delay, undefined, { signal: time.signal });
        }
      };

      try {
        return await places.serve(background, trying, time.signal);
      } catch (error) {
        if (error instanceof ToolError) throw error;
        throw explain(method, { kind: 'stopped', sent: underWay, cancelled: signal.aborted });
      } finally {
        log('debug', 'request', { method, path, ms: Date.now() - started });
      }
    }

    return {
      get: async (path, query = {}) => parseJson('GET', await send('GET', path, { query })),
      post: async (path, body) => parseJson('POST', await send('POST', path, { body })),
      postForText: (path) => send('POST', path, { accept: 'text/plain' }),
      patch: async (path, body) => parseJson('PATCH', await send('PATCH', path, { body })),
      delete: async (path) => void (await send('DELETE', path)),
      recovery: () => open({ signal: new AbortController().signal, background }, limits.recoveryMs),
    };
  }

  /** Waits until the request may start. Throws `RATE_LIMITED` at once when its time would be over before. */
  async function turn(background: boolean, time: Time): Promise<Ticket> {
    for (let wait = pace.wait(background); wait > 0; wait = pace.wait(background)) {
      if (wait > time.patience()) throw problemOf(429, '', Math.ceil(wait / 1000));
      await sleep(wait, undefined, { signal: time.signal });
    }
    return pace.start();
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
        ...(body && { json: body }),
        signal: stop,
      });
      request.on('response', ({ statusCode, headers }) => pace.answered(ticket, statusCode, headers));
      request.on('downloadProgress', ({ transferred }) => transferred > MOST_BYTES && request.cancel());
      const { statusCode, body: text } = await request;
      if (statusCode < 300) return { done: text };
      return { kind: 'answered', status: statusCode, body: '', wait: undefined };
    } catch (error) {
      return error instanceof RequestError ? failureOf(error) : { kind: 'cut', code: 'UNKNOWN' };
    }
  }

  return (scope) => open(scope, limits.callMs);
}

function failureOf(error: RequestError): Failure {
  if (error instanceof HTTPError) {
    const { statusCode, headers, rawBody } = error.response;
    return {
      kind: 'answered',
      status: statusCode,
      body: rawBody.toString(),
      wait: waitAsked(statusCode, headers, Date.now()),
    };
  }
  if (error instanceof CancelError) return { kind: 'unreadable' };
  const unsent = error instanceof TimeoutError ? UNSENT_PHASES.has(error.event) : UNSENT_CODES.test(error.code);
  return { kind: unsent ? 'unreachable' : 'cut', code: error.code };
}

function parseJson(method: Method, text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw explain(method, { kind: 'unreadable' });
  }
}
