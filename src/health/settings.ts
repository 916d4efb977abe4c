import { oneLine } from '../core/text.ts';

/** What a report is about unless it is told. */
export const DEFAULT_SECTIONS = ['telephony', 'push', 'connections', 'rotations'] as const;
/** `activity` costs requests for each credential, and is looked at when it is named. */
export const SECTIONS = [...DEFAULT_SECTIONS, 'activity'] as const;
export type Section = (typeof SECTIONS)[number];

/** What a report is asked for. The lengths of time are as they were typed, such as 30d. */
export interface Settings {
  connection_id?: string | undefined;
  expiring_within: string;
  older_than: string;
  /** How many credentials the activity is looked at of. */
  limit: number;
}

/** The moments that findings are told by, in milliseconds since 1970, UTC. */
export interface Moments {
  now: number;
  /** What ends until then ends soon. */
  soon: number;
  /** What was made until then is old. */
  old: number;
  /** From when on calls are told of: the same, or as far back as their records reach. */
  calls: number;
}

// Names come from whoever can write to the account: long enough to be recognised, too short to say much.
const LONGEST_NAME = 40;

/** A name as examples show it. */
export const short = (name: string | null): string | null => (name === null ? null : oneLine(name, LONGEST_NAME));

/** A moment in milliseconds since 1970 as examples show it: ISO 8601 UTC, to the minute. */
export const minute = (ms: number | null): string | null =>
  ms === null ? null : `${new Date(ms).toISOString().slice(0, 16)}Z`;
