import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { isIP } from 'node:net';
import { ToolError } from '../errors.ts';
import { reason } from '../secrets/destination.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Answer, HttpLimits } from '../telnyx/http.ts';
import { fieldsOf } from '../telnyx/wire.ts';
import { version } from '../version.ts';

/** How far a request came. */
export type Stage = 'name' | 'connection' | 'encryption' | 'answer';

/** An answer with its time and ours, or where the request ended and why. */
export type Reached =
  | { host: string; status: number; date: number; now: number }
  | { host: string; stage: Stage; why: string };

/** Sends a request without the key, which the API refuses; gives how far it came within the time. Throws nothing. */
export function reach(baseUrl: string, withinMs: number): Promise<Reached> {
  const url = new URL(`${baseUrl.replace(/\/$/, '')}/balance`);
  const { host, hostname, protocol } = url;
  const secure = protocol === 'https:';
  const headers = { accept: 'application/json', 'user-agent': `telnyx-credentials-mcp/${version}` };
  return new Promise((resolve) => {
    // No event tells that there was no name to look up.
    let stage: Stage = isIP(hostname.replace(/[[\]]/g, '')) ? 'connection' : 'name';
    const request = (secure ? getSecure : getPlain)(url, { agent: false, headers });
    const late = setTimeout(() => request.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), withinMs);
    request.on('close', () => clearTimeout(late));
    request.on('socket', (socket) => {
      socket.on('lookup', (failed) => {
        if (!failed) stage = 'connection';
      });
      socket.on('connect', () => {
        stage = secure ? 'encryption' : 'answer';
      });
      socket.on('secureConnect', () => {
        stage = 'answer';
      });
    });
    request.on('error', (failed) => resolve({ host, stage, why: reason(failed) }));
    request.on('response', ({ statusCode = 0, headers: { date = '' } }) => {
      resolve({ host, status: statusCode, date: Date.parse(date), now: Date.now() });
      request.destroy();
    });
  });
}

/** What Telnyx says when a key is good, but not for what was asked. */
const OTHERWISE = ['PERMISSION', 'NOT_FOUND', 'VALIDATION'];

/**
 * Sends the smallest request a key is good for; gives what it may read, since a key can be kept from the balance. Throws
 * ToolError: `AUTHENTICATION` and `PERMISSION` when the key is of no use.
 */
export async function tryKey(baseUrl: string, apiKey: Secret, withinMs: number): Promise<'balance' | 'credentials'> {
  const { createClient } = await import('../telnyx/client.ts');
  const limits: HttpLimits = { requestMs: withinMs, callMs: withinMs, recoveryMs: 0 };
  const client = createClient({ baseUrl, apiKey, version, limits, log: () => undefined });
  const http = client({ signal: new AbortController().signal });
  try {
    expectData(await http.get('balance'));
    return 'balance';
  } catch (error) {
    if (!(error instanceof ToolError && OTHERWISE.includes(error.code))) throw error;
    expectData(await http.get('telephony_credentials', { 'page[number]': 1, 'page[size]': 1 }));
    return 'credentials';
  }
}

/** Throws for an answer of something else than the API of Telnyx. */
function expectData(answer: Answer): void {
  const data = fieldsOf(answer.body)?.data;
  if (!fieldsOf(data) && !Array.isArray(data)) throw answer.unreadable('data');
}
