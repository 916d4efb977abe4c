const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
const ZONE = /(?:Z|[+-]\d\d:?\d\d)$/;
const DEFAULT_LIFE_YEARS = 20;

/** The instant of an ISO 8601 date or date-time, or undefined. A missing zone is UTC, as Telnyx means it (api.md §1). */
export function parseInstant(text: string): Date | undefined {
  if (!ISO.test(text)) return undefined;
  const [day = '', time] = text.split(/[T ]/);
  // Date rolls 31 February over into March: a day that does not exist is a mistake, not another day.
  if (new Date(`${day}T00:00:00Z`).toJSON()?.slice(0, 10) !== day) return undefined;
  const instant = new Date(`${day}T${time ?? '00:00'}${time && ZONE.test(time) ? '' : 'Z'}`);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

/** A date of Telnyx, in any of its formats, as ISO 8601 UTC with `Z`; null when absent or not a date. */
export function fromTelnyx(text: string | null): string | null {
  return (text && parseInstant(text)?.toISOString()) || null;
}

/**
 * An expiry of Telnyx as `fromTelnyx`, with null for never: people write year 9999, and a credential created without an
 * expiry shows the day of its creation decades later (22 years in the spec's sample, api.md §5).
 */
export function expiryFromTelnyx(expiresAt: string | null, createdAt: string | null): string | null {
  const expiry = fromTelnyx(expiresAt);
  const created = fromTelnyx(createdAt);
  if (!expiry || expiry.startsWith('9999')) return null;
  const years = created ? Number(expiry.slice(0, 4)) - Number(created.slice(0, 4)) : 0;
  return years >= DEFAULT_LIFE_YEARS && expiry.slice(4, 10) === created?.slice(4, 10) ? null : expiry;
}
