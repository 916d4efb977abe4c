import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../core/errors.ts';
import type { Answer, Http } from './http.ts';
import { type Row, readIfOne } from './wire.ts';

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
