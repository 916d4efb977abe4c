const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/;
const DEFAULT_LIFE_YEARS = 20;

/** The instant of an ISO 8601 date or date-time, or undefined. A missing zone is UTC, as Telnyx means it (api.md §1). */
export function parseInstant(text: string): Date | undefined {
  const [, year, month, day, time = '00:00', zone = 'Z'] = ISO.exec(text) ?? [];
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
 * An expiry of Telnyx as `fromTelnyx`, with null for never: people write year 9999, and a credential created without an
 * expiry shows the day of its creation decades later (22 years in the spec's sample, api.md §5).
 */
export function expiryFromTelnyx(expiresAt: string | null, createdAt: string | null): string | null {
  if (!expiresAt || expiresAt.startsWith('9999')) return null;
  const years = Number(expiresAt.slice(0, 4)) - Number(createdAt?.slice(0, 4));
  return years >= DEFAULT_LIFE_YEARS && expiresAt.slice(4, 10) === createdAt?.slice(4, 10)
    ? null
    : fromTelnyx(expiresAt);
}

/** A date of ours as a person reads it, to the minute. */
export function forPerson(iso: string | null): string {
  return iso === null ? 'unknown' : `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
