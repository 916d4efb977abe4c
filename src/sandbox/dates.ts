export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 3600 * SECOND;
export const DAY = 24 * HOUR;

const INPUT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(?:Z|[+-]00(?::?00)?)?$/;

/** `2020-06-18T21:32:38`, as telephony `created_at` and `expires_at` (api.md §1). */
export function zoneless(date: Date): string {
  return date.toISOString().slice(0, 19);
}

/** `2020-06-18T21:32:38.000Z`, as telephony `updated_at` (api.md §1). */
export function wholeSeconds(date: Date): string {
  return `${zoneless(date)}.000Z`;
}

/** `2021-03-26T17:51:59.588408Z`, as push timestamps (api.md §1). */
export function microseconds(date: Date): string {
  return `${date.toISOString().slice(0, -1)}${String(date.getTime() % 997).padStart(3, '0')}Z`;
}

/** `2020-06-18 21:32:38.917732Z`, the name of a telephony credential that was given none (api.md §3.2). */
export function timestampName(date: Date): string {
  return microseconds(date).replace('T', ' ');
}

/** Takes a date as a client sends it; gives undefined for one that is malformed or not in UTC (api.md §1). */
export function readDate(text: string): Date | undefined {
  const [, minutes, seconds = ':00'] = INPUT.exec(text) ?? [];
  if (minutes === undefined) return undefined;
  const date = new Date(`${minutes}${seconds}Z`);
  // Date.parse turns 30 February into 2 March.
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(minutes.slice(0, 10)) ? undefined : date;
}

/** Takes a date as the API writes it, where a missing zone means UTC. */
export function instant(text: string): number {
  return Date.parse(/Z$/.test(text) ? text : `${text}Z`);
}
