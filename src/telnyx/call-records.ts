import { parseTime } from './dates.ts';
import type { Http } from './http.ts';
import { keyOf, type Records, readRecords } from './records.ts';
import type { Known, Refusals } from './refusals.ts';
import { fieldsOf, wireRaw } from './wire.ts';

/** A call as its record tells it; times are milliseconds since 1970, by the clock of this machine. */
export interface Call {
  startedAt: number;
  endedAt: number;
  direction: 'inbound' | 'outbound' | null;
  /** Who was called, as it was dialled. */
  to: string | null;
  cost: number | null;
  currency: string | null;
}

/** The calls of a SIP username, the latest first. */
export interface Calls {
  calls: Call[];
  /** From when on all of them are told, in milliseconds since 1970. */
  since: number;
  /** Why some may be missing, in a sentence. */
  partly?: string;
}

/** By how much the clock of Telnyx is ahead; it tells whole seconds, and an answer takes a while, minutes for a job. */
const aheadBy = (at: number, now: number, took: number): number =>
  at > now - CLOCKS_AGREE_MS && at < now + took + CLOCKS_AGREE_MS ? 0 : at - now;
const CLOCKS_AGREE_MS = 20_000;

const DAY_MS = 86_400_000;
// The documentation allows 50 rows a page.
const PAGE = 50;

/** How far zones are from UTC, at the most: nothing tells by which of them Telnyx reckons days. */
const ZONE_MS = 14 * 3_600_000;

/**
 * The ranges of dates that Telnyx offers, which together reach from `since` to `now` whatever its distance from UTC, as
 * long as that stays the same, and the day its weeks begin with; `from` is as far back as they surely reach. All in
 * milliseconds since 1970.
 */
export function rangesBack(since: number, now: number): { ranges: string[]; from: number } {
  if (since >= now - DAY_MS) return { ranges: ['today', 'yesterday'], from: since };
  if (since >= now - 7 * DAY_MS) return { ranges: ['this_week', 'last_week'], from: since };
  const there = new Date(now + ZONE_MS);
  const month = Date.UTC(there.getUTCFullYear(), there.getUTCMonth() - 1) + ZONE_MS;
  // The shortest month has 28 days.
  return { ranges: ['this_month', 'last_month'], from: Math.max(since, Math.min(month, now - 28 * DAY_MS)) };
}

export interface Span {
  /** In milliseconds since 1970, by the clock of this machine. */
  since: number;
  now: number;
  /** True ends the reading where it is. */
  stopped(): boolean;
}

/**
 * The calls of a SIP username (spec operation SearchDetailRecords, record type webrtc, which not every account can use).
 * Records of others are left out, should Telnyx take no notice of the filter; those that cannot be told to be of anyone
 * make the answer a part.
 */
export function readCalls(
  http: Http,
  refusals: Refusals,
  username: string,
  { since, now, stopped }: Span,
): Promise<Known<Calls>> {
  return refusals.ask('call records', async () => {
    const { ranges, from } = rangesBack(since, now);
    const parts: Records[] = [];
    for (const range of ranges) {
      const query = {
        'filter[record_type]': 'webrtc',
        'filter[auth_username]': username,
        'filter[date_range]': range,
      };
      parts.push(await readRecords(http, { path: 'detail_records', query, size: PAGE, stopped }));
    }
    const [first, second] = parts.map(({ rows }) => rows);
    const again = new Set(first?.map(keyOf));
    // A range that is not heeded gives the same rows twice.
    const rows = [...(first ?? []), ...(second ?? []).filter((row) => !again.has(keyOf(row)))];
    const { at = now, took = 0 } = parts[0] ?? {};
    const calls = rows.map((row) => callOf(row, username, { since, now, ahead: aheadBy(at, now, took) }));
    const partly = parts.find((part) => part.partly)?.partly ?? (calls.includes('unclear') ? UNCLEAR : undefined);
    const known = calls.filter((call) => typeof call === 'object').filter(({ endedAt }) => endedAt >= since);
    known.sort((a, b) => b.startedAt - a.startedAt);
    return { known: { calls: known, since: from, ...(partly !== undefined && { partly }) } };
  });
}

const UNCLEAR = 'Of some records nobody can tell whose they are, or when they were.';

interface When {
  /** In milliseconds since 1970. */
  since: number;
  now: number;
  /** By how many milliseconds the clock of Telnyx is ahead. */
  ahead: number;
}

function callOf(row: unknown, username: string, { since, now, ahead }: When): Call | 'unclear' | undefined {
  const fields = fieldsOf(row);
  const whose = wireRaw(fields?.auth_username);
  if (!fields || whose === null) return 'unclear';
  if (whose !== username) return isLike(whose, username) ? 'unclear' : undefined;
  const time = (said: unknown): number | undefined => {
    const told = (parseTime(wireRaw(said) ?? '') ?? Number.NaN) - ahead;
    return told <= now + DAY_MS ? told : undefined;
  };
  const [started, finished] = [time(fields.started_at), time(fields.finished_at)];
  const startedAt = started ?? finished;
  if (startedAt === undefined) return 'unclear';
  // It may have gone on; but not for days.
  if (finished === undefined && startedAt < since && startedAt >= since - DAY_MS) return 'unclear';
  const { direction } = fields;
  return {
    startedAt,
    endedAt: Math.max(startedAt, finished ?? startedAt),
    direction: direction === 'inbound' || direction === 'outbound' ? direction : null,
    to: wireRaw(fields.cld)?.match(/^[\w.:@*#+-]{1,64}$/)?.[0] ?? null,
    cost: amountOf(fields.cost),
    currency: wireRaw(fields.currency)?.match(/^[A-Z]{3}$/)?.[0] ?? null,
  };
}

/** Whether it may be the same, in other case or as a SIP address. */
const isLike = (whose: string, username: string): boolean => whose.toLowerCase().includes(username.toLowerCase());

function amountOf(cost: unknown): number | null {
  const isAmount = typeof cost === 'number' ? Number.isFinite(cost) : /^\d{1,9}(\.\d{1,9})?$/.test(wireRaw(cost) ?? '');
  return isAmount ? Number(cost) : null;
}
