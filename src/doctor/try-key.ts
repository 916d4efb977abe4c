import { ToolError } from '../errors.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Answer, HttpLimits } from '../telnyx/http.ts';
import { fieldsOf } from '../telnyx/wire.ts';
import { version } from '../version.ts';

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
