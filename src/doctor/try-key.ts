import { z } from 'zod';
import { ToolError } from '../errors.ts';
import type { Secret } from '../secrets/secret.ts';
import { type HttpLimits, read } from '../telnyx/http.ts';
import { version } from '../version.ts';

const answer = z.object({ data: z.looseObject({}).or(z.array(z.unknown())) });

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
    read(answer, await http.get('balance'));
    return 'balance';
  } catch (error) {
    if (!(error instanceof ToolError && OTHERWISE.includes(error.code))) throw error;
    read(answer, await http.get('telephony_credentials', { 'page[number]': 1, 'page[size]': 1 }));
    return 'credentials';
  }
}
