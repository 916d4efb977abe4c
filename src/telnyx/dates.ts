const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
const ZONE = /(?:Z|[+-]\d\d:?\d\d)$/;
const NEVER_YEARS = 20;

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
 * An expiry of Telnyx as `fromTelnyx`, with null for never: a credential created without one gets a date decades away
 * (api.md §5: 22 years after creation in the spec's sample), and people write year 9999.
 */
export function expiryFromTelnyx(expiresAt: string | null, createdAt: string | null): string | null {
  const expiry = fromTelnyx(expiresAt);
  if (!expiry) return null;
  const years = new Date(expiry).getUTCFullYear() - new Date(fromTelnyx(createdAt) ?? expiry).getUTCFullYear();
  return expiry.startsWith('9999') || years > NEVER_YEARS ? null : expiry;
}
