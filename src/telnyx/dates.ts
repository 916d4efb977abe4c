import { oneLine } from '../core/text.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)?$/;
const DEFAULT_LIFE_YEARS = 20;

/** As Telnyx writes nearly all, on a day that every month has: nothing to take apart. */
const USUAL = /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;
const ZERO = '0'.charCodeAt(0);
const two = (text: string, at: number): number => (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
const yearOf = (text: string): number => two(text, 0) * 100 + two(text, 2);

/** The same as `parseInstant`, as milliseconds since 1970: for the dates of whole accounts, which it is quick about. */
export function parseTime(text: string): number | undefined {
  if (!USUAL.test(text)) return parseInstant(text)?.getTime();
  return Date.UTC(yearOf(text), two(text, 5) - 1, two(text, 8), two(text, 11), two(text, 14), two(text, 17));
}

/**
 * The instant of an ISO 8601 date or date-time, or undefined. A missing zone is UTC, as Telnyx means it, and so are `-00`,
 * ` UTC` and small letters (api.md §1).
 */
export function parseInstant(text: string): Date | undefined {
  const [, year, month, day, time = '00:00', given = 'Z'] = ISO.exec(text) ?? [];
  const zone = /^[a-z]/i.test(given) ? 'Z' : given.length === 3 ? `${given}:00` : given;
  // Date rolls 31 February over into March: a day that does not exist is a mistake, not another day.
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return undefined;
  const instant = new Date(`${year}-${month}-${day}T${time}${zone}`);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

/** A date of Telnyx, in any of its formats, as ISO 8601 UTC with `Z`; null when absent or not a date. */
export function fromTelnyx(text: string | null): string | null {
  return (text && parseInstant(text)?.toISOString()) || null;
}

/**
 * Whether an expiry of Telnyx, one that can be read, means never: people write year 9999, and a credential created without
 * an expiry shows the day of its creation decades later (22 years in the spec's sample, api.md §5).
 */
export function neverEnds(expiresAt: string, createdAt: string | null): boolean {
  if (expiresAt.startsWith('9999')) return true;
  if (!createdAt || !(yearOf(expiresAt) - yearOf(createdAt) >= DEFAULT_LIFE_YEARS)) return false;
  return expiresAt.slice(4, 10) === createdAt.slice(4, 10);
}

/** An expiry as Telnyx has it: when it ends, ISO 8601 UTC, null for never; or what it says and nobody can read. */
export interface Expiry {
  at: string | null;
  /** The same as Telnyx keeps it: a far future where `at` says never. */
  stored: string | null;
  unreadable?: string;
}

const LONGEST_QUOTE = 64;

/** What stands in `expires_at`, of whatever type, beside what stands in `created_at`. Nothing at all is never. */
export function expiryFromTelnyx(expiresAt: unknown, createdAt: string | null): Expiry {
  if (expiresAt === undefined || expiresAt === null || expiresAt === '') return { at: null, stored: null };
  const stored = typeof expiresAt === 'string' ? fromTelnyx(expiresAt) : null;
  if (typeof expiresAt === 'string' && stored) return { at: neverEnds(expiresAt, createdAt) ? null : stored, stored };
  const said = typeof expiresAt === 'object' ? 'not a text' : oneLine(String(expiresAt), LONGEST_QUOTE);
  return { at: null, stored: null, unreadable: said || 'nothing visible' };
}

// What a date may be kept to: a second, a minute, an hour, a day. Nothing says which (api.md §1, "Date-times").
const KEPT_TO_MS = [1000, 60_000, 3_600_000, 86_400_000];

/** Whether a date that Telnyx shows is the one that was sent, both ISO 8601 UTC: the same, or cut to what it keeps. */
export function isKept(sent: string, shown: string): boolean {
  const [at, kept] = [Date.parse(sent), Date.parse(shown)];
  return Math.abs(at - kept) < 1000 || KEPT_TO_MS.some((ms) => at - (at % ms) === kept);
}

/** A date of ours as a person reads it, to the minute. */
export function forPerson(iso: string | null): string {
  return iso === null ? 'unknown' : `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
