import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { ToolError } from '../errors.ts';
import type { Http } from './http.ts';

// Telnyx may take a moment until a list shows what was created.
const LOOKS_AFTER_MS = [0, 400, 1200];

interface Creation<T> {
  http: Http;
  schema: z.ZodType<{ data: T }>;
  send(): Promise<unknown>;
  find(recovery: Http): Promise<T | undefined>;
  /** How an agent can look for the same marker itself. */
  lookup: string;
}

/**
 * Sends a create once and gives what it made. When the answer is lost or unreadable, looks for it by its marker
 * instead of sending again; throws `OUTCOME_UNKNOWN` when it does not show up.
 */
export async function createOnce<T>({ http, schema, send, find, lookup }: Creation<T>): Promise<T> {
  const answer = await send().catch((error: unknown) => {
    if (error instanceof ToolError && error.code === 'OUTCOME_UNKNOWN') return error;
    throw error;
  });
  const created = schema.safeParse(answer);
  if (created.success) return created.data.data;
  const recovery = http.recovery();
  for (const pause of LOOKS_AFTER_MS) {
    await sleep(pause);
    const found = await find(recovery).catch(() => undefined);
    if (found) return found;
  }
  const httpStatus = answer instanceof ToolError ? answer.details.httpStatus : undefined;
  throw new ToolError(
    'OUTCOME_UNKNOWN',
    'The create was sent, but no answer says whether it was carried out, and what it would have made does not show up.',
    `Before creating again, wait a minute and call ${lookup}: if something is there, it was made.`,
    { httpStatus },
  );
}
