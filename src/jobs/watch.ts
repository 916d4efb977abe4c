import type { Watched } from './events.ts';

// An old credential may end before its time when everyone has moved. Nobody is asked then, so it rests on what is recorded
// of looks, one after the other: what was not looked at counts for nothing.

/** How long an old credential must not be seen, in seconds: on any connection, and on one whose phones sleep until a push. */
export const QUIET = { usually: 86_400, withPush: 7 * 86_400 };

/** How long an old credential lives on once everyone has moved, in milliseconds. */
export const LIVES_ON_MS = 3_600_000;

/** How often somebody should look. */
export const LOOK_EVERY_MS = 20 * 60_000;

// A registration lasts minutes to an hour: who looks less often than this would overlook whole days of work.
const LONGEST_GAP_MS = 2 * 3_600_000;

/** What looks have shown of an old credential; all times are milliseconds since 1970. */
export interface Watch {
  /** When the successor was first seen. */
  successorAt: number;
  /** Since when it was looked at without a gap. */
  since: number;
  /** When it was last looked at. */
  lookedAt: number;
  /** When it was last seen. */
  seenAt?: number;
}

/** What is known of a member after one more look; undefined while its successor was never seen. */
export function afterLook(before: Watch | undefined, look: Watched, member: string): Watch | undefined {
  const at = Date.parse(look.at);
  if (!before && !look.moved.includes(member)) return undefined;
  if (look.unknown.includes(member)) return before;
  const seen = look.seen.find(({ of }) => of === member);
  const gap = before === undefined || at - before.lookedAt > LONGEST_GAP_MS;
  const seenAt = Math.max(before?.seenAt ?? 0, seen ? Date.parse(seen.at) : 0);
  return {
    successorAt: before?.successorAt ?? at,
    since: gap ? at : before.since,
    lookedAt: Math.max(at, before?.lookedAt ?? 0),
    ...(seenAt > 0 && { seenAt }),
  };
}

/** Since when an old credential has not been seen by anyone who looked, in milliseconds since 1970. */
export const quietSince = ({ since, seenAt = 0 }: Watch): number => Math.max(since, seenAt);

/** Whether the quiet time (in seconds) is over, as far as somebody has looked. */
export const isQuiet = (watch: Watch, quietTime: number): boolean =>
  watch.lookedAt - quietSince(watch) >= quietTime * 1000;
