import { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import type { Deps } from '../core/tool.ts';
import { parseInstant } from '../telnyx/dates.ts';
import type { Unreadable, Window } from '../telnyx/list.ts';

/** An id as Telnyx gives it: opaque, and never a path. Whoever has one from a list needs no pattern to read. */
export const id = z
  .string()
  .refine((value) => /^[\w-]{1,128}$/.test(value), 'an id holds only letters, digits, _ and -');

/** A text a person would type: one line, without control characters. */
export const text = z
  .string()
  .refine((value) => /^[^\p{Cc}]{1,255}$/u.test(value), 'must be one line of text, at most 255 characters');

/** A text that must come back from Telnyx just as it was sent, to be recognised by it. */
export const uniqueName = text.refine(
  (value) => oneLine(value) === value,
  'must be visible text without doubled spaces',
);

export const limit = z.int().min(1).max(500).default(50);
export const cursor = z.string().optional();

export const expiresAt = z.string().optional().describe('ISO 8601; UTC without a zone');

/** An expiry argument as Telnyx takes it, UTC with `Z`. Throws `BAD_INPUT` for what is no date, or not in the future. */
export function futureInstant(value: string | undefined, now: Date): string | undefined {
  if (value === undefined) return undefined;
  const instant = parseInstant(value);
  if (!instant) throw badInput('expires_at is not an ISO 8601 date, such as 2030-01-31T12:00:00Z.');
  if (instant <= now) throw badInput(`expires_at must be in the future; it is now ${now.toISOString()}.`);
  return instant.toISOString();
}

const SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };
const LONGEST_DAYS = 3650;

/** A length of time in minutes, hours or days, such as 30m, 24h or 7d. */
export const duration = z
  .string()
  .refine(
    (value) => /^(\d{1,7}[mhd]|0)$/.test(value) && secondsOf(value) <= LONGEST_DAYS * 86_400,
    'must be a length of time such as 30m, 24h or 7d',
  );

/** The seconds of a `duration`. */
export function secondsOf(value: string): number {
  return Number.parseInt(value, 10) * (SECONDS[value.slice(-1)] ?? 0);
}

/** A length of time as `duration` takes it, rounded to minutes; to days where it is long and has no round number. */
export function durationOf(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes > 3 * 1440 && minutes % 60 > 0) return `about ${Math.round(minutes / 1440)}d`;
  if (minutes % 60 > 0 || minutes === 0) return `${minutes}m`;
  return minutes % 1440 > 0 ? `${minutes / 60}h` : `${minutes / 1440}d`;
}

const UNTIL_MOVED = 'until_moved';

/** How long both credentials of a rotation work. */
export const overlap = z
  .string()
  .refine((value) => value === UNTIL_MOVED || duration.safeParse(value).success, {
    message: `must be a length of time such as 30m, 24h or 7d, or ${UNTIL_MOVED}`,
  })
  .default('24h');

/** The longest that `until_moved` may take. */
export const atMost = duration.optional().describe('With until_moved; default 14d');

const LONGEST_WAIT_FOR_ALL = '14d';

/**
 * An overlap in seconds; with `until_moved` it is the longest, and `quietTime` (seconds) is asked for how long the old one
 * must not be seen. Throws `BAD_INPUT` for `at_most` where it has no meaning.
 */
export async function overlapOf(
  { overlap, at_most }: { overlap: string; at_most?: string | undefined },
  quietTime: () => Promise<number>,
): Promise<{ overlap: number; quiet_time?: number }> {
  if (overlap === UNTIL_MOVED) {
    const longest = secondsOf(at_most ?? LONGEST_WAIT_FOR_ALL);
    if (longest === 0) throw badInput('at_most must be longer than 0.');
    return { overlap: longest, quiet_time: await quietTime() };
  }
  if (at_most !== undefined) throw badInput(`at_most goes with overlap: "${UNTIL_MOVED}".`);
  return { overlap: secondsOf(overlap) };
}

/** Where a secret goes: never into the conversation. */
export const deliverTo = z
  .string()
  .optional()
  .describe('vault (default), browser, file:PATH, keychain:NAME, command:NAME');

/** What a secret's values are called on their way out. */
export const TELEPHONY_NAMES = ['sip_username', 'sip_password'];
export const TOKEN_NAMES = ['login_token'];

/** What a proposal says of the place for values of these names: in words, and bound, with what it would replace there. */
export async function placeFor(
  { deliver_to, prefix }: { deliver_to?: string | undefined; prefix: string },
  names: readonly string[],
  { destinations }: Deps,
) {
  const { to, label, present } = await destinations(deliver_to, prefix);
  const there = await present?.(names);
  return {
    inWords: there ? `${label}, in place of its ${there.names.join(' and ')}` : label,
    replaces: there !== undefined,
    bound: { to, prefix, ...(there && { digest_of_values_in_place: there.digest }) },
  };
}

/** How keys in files begin. */
export const prefix = z
  .string()
  .refine((value) => /^[A-Z][A-Z0-9_]{0,39}$/.test(value), 'must be capital letters, digits and _')
  .default('TELNYX');

/** Where a secret came to rest. */
export const delivered = z.object({
  destination: z.string(),
  place: z.string().nullable(),
  fingerprint: z.string().nullable(),
  unproven: z.boolean().optional(),
  warning: z.string().optional(),
});

/** The fields beside the rows of every list. */
export const page = {
  total: z.number().optional(),
  next_cursor: z.string().optional(),
  unreadable: z.object({ count: z.number(), paths: z.array(z.string()) }).optional(),
};

interface Paging {
  limit: number;
  cursor?: string | undefined;
}

/** Reads the part of a list that `limit` and `cursor` ask for; gives its rows and what stands beside them. */
export async function readPage<T, F extends object>(
  list: string,
  { limit, cursor, ...filters }: Paging & F,
  { cursors }: Deps,
  fetch: (filters: Omit<F, keyof Paging>, window: { offset: number; limit: number }) => Promise<Window<T>>,
): Promise<{ rows: T[]; beside: { total?: number; next_cursor?: string; unreadable?: Unreadable } }> {
  const bound = JSON.stringify([list, filters]);
  const offset = cursors.open(bound, cursor);
  const { rows, total, more, passed, unreadable } = await fetch(filters, { offset, limit });
  return {
    rows,
    beside: {
      ...(total !== undefined && { total }),
      ...(more && { next_cursor: cursors.seal(bound, offset + passed) }),
      ...(unreadable.count > 0 && { unreadable }),
    },
  };
}
