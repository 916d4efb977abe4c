import { statSync } from 'node:fs';
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { isIP } from 'node:net';
import { ToolError } from '../core/errors.ts';
import type { KeySource } from '../host/api-key.ts';
import { version } from '../host/version.ts';
import { reason } from '../secrets/files.ts';
import type { Secret } from '../secrets/secret.ts';
import type { HttpLimits } from '../telnyx/http.ts';
import { type Answer, fieldsOf } from '../telnyx/wire.ts';
import { type Check, error, type Found, ok, type Reached, type Stage, warning } from './check.ts';

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

const OTHERS = 0o077;
const KEY_WITHIN_MS = 5000;
const MOST_SKEW_MS = 60_000;

const MEND: Record<KeySource | 'none', string> = {
  sandbox: '',
  keychain: 'run telnyx-credentials-mcp login',
  TELNYX_API_KEY: 'set TELNYX_API_KEY to a key from the Telnyx portal',
  TELNYX_API_KEY_FILE: 'put a key, and nothing else, into a file of mode 0600 that TELNYX_API_KEY_FILE names',
  none: 'run telnyx-credentials-mcp login, or set TELNYX_API_KEY or TELNYX_API_KEY_FILE; the settings of an MCP client are not seen here',
};

/** Which key would be sent, and what is wrong with it. */
export const key: Check = async ({ config, key }) => {
  const { keyFrom, apiKeyFile } = config;
  try {
    const { from } = await key();
    if (from === 'sandbox') return [ok('the sandbox needs none')];
    const found = ok(from === 'keychain' ? 'from the keychain' : `from ${from}`);
    return from === 'TELNYX_API_KEY_FILE' && readByOthers(apiKeyFile) ? [found, open] : [found];
  } catch (failed) {
    if (!(failed instanceof ToolError)) throw failed;
    return [error(failed.message, MEND[keyFrom ?? (failed === config.apiKey ? 'none' : 'keychain')])];
  }
};

const open = warning('other users can read the file that TELNYX_API_KEY_FILE names', 'chmod 600 that file');

const readByOthers = (path: string | undefined): boolean =>
  process.platform !== 'win32' && path !== undefined && (statSync(path).mode & OTHERS) !== 0;

const LOST: Record<Stage, [says: string, next: string]> = {
  name: ['its name cannot be resolved', 'check the network and DNS of this machine, and TELNYX_BASE_URL'],
  connection: ['it cannot be connected to', 'check the network and the firewall of this machine, and TELNYX_BASE_URL'],
  encryption: [
    'no encrypted connection comes about',
    'look whether a proxy stands in between; NODE_EXTRA_CA_CERTS names the certificate of one you trust',
  ],
  answer: ['it does not answer', 'try again; look whether a proxy stands in between'],
};

/** Whether the API answers at all; no key is sent to find out. */
export const network: Check = async ({ reached }) => {
  const at = await reached();
  if (!at) return [ok('the sandbox is in this process')];
  if ('stage' in at) return [error(`${at.host}: ${LOST[at.stage][0]} (${at.why})`, LOST[at.stage][1])];
  if (at.status >= 500) return [warning(`${at.host} answers with HTTP ${at.status}`, 'try again in a minute')];
  return [ok(`${at.host} answers`)];
};

/** Whether this clock and that of the API agree: expiry dates are reckoned here. */
export const clock: Check = async ({ reached }) => {
  const at = await reached();
  if (!hasDate(at)) return [];
  const skew = at.now - at.date;
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) <= MOST_SKEW_MS) return [ok(`as that of ${at.host}, to ${seconds} s`)];
  const says = `${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} that of ${at.host}`;
  return [warning(says, 'set the clock of this machine; credentials would expire too early or too late')];
};

const hasDate = (at: Reached | undefined): at is Extract<Reached, { date: number }> =>
  at !== undefined && 'date' in at && Number.isFinite(at.date);

/** Whether the API takes the key; looked at only where there is one, and somebody to ask. */
export const account: Check = async ({ config, key, reached }) => {
  const at = await reached();
  const found = await key().catch(() => undefined);
  if (!at || 'stage' in at || !found) return [];
  try {
    const may = await tryKey(config.baseUrl, found.apiKey, KEY_WITHIN_MS);
    return [
      ok(`${at.host} accepts the key${may === 'balance' ? '' : ', but not for the balance, which is not needed'}`),
    ];
  } catch (failed) {
    if (!(failed instanceof ToolError)) throw failed;
    return [refusal(failed, at.host, MEND[found.from])];
  }
};

function refusal({ code, message, next }: ToolError, host: string, mend: string): Found {
  if (code === 'AUTHENTICATION') return error(`${host} does not accept the key (401)`, mend);
  if (code !== 'PERMISSION') return error(message, next);
  return error(
    `${host} knows the key, but it may not read credentials (403)`,
    'give it wider rights in the Telnyx portal',
  );
}
