import type { Span } from './call-records.ts';
import { fromTelnyx } from './dates.ts';
import type { Http } from './http.ts';
import { readRecords } from './records.ts';
import type { Known, Refusals } from './refusals.ts';
import { fieldsOf, wireRaw } from './wire.ts';

/** That someone changed a thing: never what it was before, or is now, since that may be a secret. */
export interface AuditEvent {
  /** ISO 8601 UTC; null when it cannot be read. */
  at: string | null;
  by: (typeof MAKERS)[number] | 'unknown';
  what: string | null;
  /** The names of the fields that were changed. */
  fields: string[];
}

export interface AuditEvents {
  /** The latest first. */
  events: AuditEvent[];
  /** Why some may be missing, in a sentence. */
  partly?: string;
}

/** Who can change something, by the documentation. */
const MAKERS = ['telnyx', 'account_manager', 'account_owner', 'organization_member'] as const;
const WORD = /^[a-z][a-z_]{0,39}$/i;
const FIELD = /^[a-z][\w.[\]]{0,63}$/i;
const PAGE = 100;

/**
 * Who changed a thing with that id (operation of the audit log, which not every account can use; it is best-effort and
 * eventually consistent, and cannot be filtered by id: so the span is read, the latest first). A value is never read.
 */
export function readAuditEvents(
  http: Http,
  refusals: Refusals,
  id: string,
  { since, now, stopped }: Span,
): Promise<Known<AuditEvents>> {
  return refusals.ask('audit events', async () => {
    const query = {
      'filter[created_after]': new Date(since).toISOString(),
      'filter[created_before]': new Date(now + CLOCKS_DIFFER_MS).toISOString(),
      sort: 'desc',
    };
    const read = await readRecords(http, { path: 'audit_events', query, size: PAGE, stopped });
    const { rows, partly = rows.some(isUnclear) ? UNCLEAR : undefined } = read;
    const events = rows.flatMap((row) => eventOf(row, id)).sort((a, b) => (b.at ?? '').localeCompare(a.at ?? ''));
    return { known: { events, ...(partly !== undefined && { partly }) } };
  });
}

const CLOCKS_DIFFER_MS = 600_000;
const UNCLEAR = 'Of some events nobody can tell what they are about.';

function isUnclear(row: unknown): boolean {
  const { resource_id, alternate_resource_id } = fieldsOf(row) ?? {};
  return wireRaw(resource_id) === null && wireRaw(alternate_resource_id) === null;
}

function eventOf(row: unknown, id: string): AuditEvent[] {
  const fields = fieldsOf(row);
  if (!fields || (fields.resource_id !== id && fields.alternate_resource_id !== id)) return [];
  const changes = Array.isArray(fields.changes) ? fields.changes : [];
  const names = changes.flatMap((change) => wireRaw(fieldsOf(change)?.field)?.match(FIELD)?.[0] ?? []);
  const by = MAKERS.find((maker) => maker === fields.change_made_by) ?? 'unknown';
  const what = wireRaw(fields.change_type)?.match(WORD)?.[0] ?? null;
  return [{ at: fromTelnyx(wireRaw(fields.created_at)), by, what, fields: [...new Set(names)] }];
}
