import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelError, got, HTTPError, RequestError, TimeoutError } from 'got';
import PQueue from 'p-queue';
import { ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secrets/secret.ts';
import { explain, type Failure, type Method } from './failure.ts';
import type { Http, HttpLimits, Query, Scope } from './http.ts';
import { problemOf } from './problem.ts';
import { retryDelay, waitAsked } from './retry.ts';

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
const AT_ONCE = 6;
const MOST_BYTES = 32 * 1024 * 1024;
const UNSENT_PHASES = new Set(['lookup', 'connect', 'secureConnect']);
const UNSENT_CODES = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|.*(CERT|TLS|SSL).*)$/;

// An idle socket is dropped before servers usually drop theirs: a POST on a dying one has an unknown outcome.
const KEEP_ALIVE = { keepAlive: true, timeout: 4000 };

/**
 * The one connection to Telnyx: gives, for the scope of a tool call, functions that send a request and answer with its
 * parsed JSON (undefined for an empty body). They throw nothing but ToolError: got's own errors print the API key, and
 * none leaves this file.
 */
export function createClient({ baseUrl, apiKey, version, limits, log }: ClientOptions): (scope: Scope) => Http {
  const queue = new PQueue({ concurrency: AT_ONCE });
  // One 429 slows every request of the process: they share the account's allowance.
  let pausedUntil = 0;

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

  function open(signal: AbortSignal, deadline: number): Http {
    async function send(method: Method, path: string, sending: Sending = {}): Promise<string> {
      // A create keeps some of the call's time back: enough to look for it should its answer get lost.
      const until = method === 'POST' ? deadline - limits.recoveryMs : deadline;
      const stop = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, until - Date.now()))]);
      const started = Date.now();
      let underWay = false;

      const trying = async (): Promise<string> => {
        for (let tries = 1; ; tries += 1) {
          await pauseOver(until, stop);
          underWay = true;
          const outcome = await once(method, path, sending, stop);
          if ('done' in outcome) return outcome.done;
          if (stop.aborted) throw stop.reason;
          // A DELETE whose first answer got lost finds nothing the second time: that is the outcome asked for.
          if (method === 'DELETE' && tries > 1 && outcome.kind === 'answered' && outcome.status === 404) return '';
          const wait = pace(method, tries, outcome, until);
          if (wait === 0) throw explain(method, outcome);
          underWay = false;
          await sleep(wait, undefined, { signal: stop });
        }
      };

      try {
        return await queue.add(trying, { signal: stop });
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
      recovery: () => open(new AbortController().signal, Date.now() + limits.recoveryMs),
    };
  }

  /** One request, and how it went. got's own retry is left out: on Node 24 it loses to a second error of a refused socket. */
  async function once(method: Method, path: string, sending: Sending, stop: AbortSignal): Promise<Outcome> {
    const { query = {}, body, accept = JSON_TYPE } = sending;
    try {
      const request = telnyx(path, {
        method,
        searchParams: query,
        headers: { accept },
        ...(body && { json: body }),
        signal: stop,
      });
      request.on('downloadProgress', ({ transferred }) => transferred > MOST_BYTES && request.cancel());
      const { statusCode, body: text } = await request;
      if (statusCode < 300) return { done: text };
      return { kind: 'answered', status: statusCode, body: '', wait: undefined };
    } catch (error) {
      return error instanceof RequestError ? failureOf(error) : { kind: 'cut', code: 'UNKNOWN' };
    }
  }

  async function pauseOver(until: number, stop: AbortSignal): Promise<void> {
    for (let left = pausedUntil - Date.now(); left > 0; left = pausedUntil - Date.now()) {
      if (pausedUntil > until) throw problemOf(429, '', Math.ceil(left / 1000));
      await sleep(left, undefined, { signal: stop });
    }
  }

  /** Milliseconds until the next attempt; 0 gives up, as it does when the call's time would be over before. */
  function pace(method: Method, attempt: number, failure: Failure, until: number): number {
    const delay = retryDelay(method, attempt, failure, Math.random());
    if (failure.kind === 'answered' && failure.status === 429) {
      pausedUntil = Math.max(pausedUntil, Date.now() + (failure.wait ?? delay ?? 0));
    }
    if (delay === undefined) return 0;
    const wait = Math.max(1, delay, pausedUntil - Date.now());
    return Date.now() + wait < until ? wait : 0;
  }

  return ({ signal }) => open(signal, Date.now() + limits.callMs);
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
