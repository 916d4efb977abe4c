import { isKept } from '../telnyx/dates.ts';
import { updateTelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Watched } from './events.ts';
import { type Evidence, lookAt } from './evidence.ts';
import { isWaitingForMove, retiresAt, type TelephonyRotation } from './item.ts';
import type { Job } from './job.ts';
import { inWholeSeconds, lookUp, refuseWithoutSuccessor, saysExpired, shortenedTo } from './parties.ts';
import { isQuiet, LIVES_ON_MS } from './watch.ts';
import type { Doing } from './work.ts';

// A rotation until everyone has moved: looks that are recorded, and the step that rests on them.

/** The members of a job that wait for everyone to move, in their order. */
export const waiting = ({ items }: Pick<Job, 'items'>, now: Date): TelephonyRotation[] =>
  [...items.values()].filter((item) => isWaitingForMove(item, now));

/** What a look that began at that time saw, by the id of the old credential, as it is recorded; undefined when that is nothing. */
export function lookOf(evidence: ReadonlyMap<string, Evidence>, job: Job, began: Date): Watched | undefined {
  const look: Watched = { type: 'watched', at: began.toISOString(), moved: [], seen: [], unknown: [] };
  let any = false;
  for (const item of waiting(job, began)) {
    const { id } = item.old;
    const { successor, old } = evidence.get(id) ?? {};
    if (!item.watch && !successor?.seen) continue;
    any = true;
    if (!item.watch) look.moved.push(id);
    if (old?.seen) look.seen.push({ of: id, at: new Date(old.at ?? began).toISOString() });
    // One that was not looked at is not known either.
    else if (old?.seen !== false) look.unknown.push(id);
  }
  return any ? look : undefined;
}

/** Whether an old credential was not seen for its quiet time, and may end within an hour. */
export const mayEndSoon = ({ watch, wish }: TelephonyRotation): boolean =>
  watch !== undefined && wish.quiet_time !== undefined && isQuiet(watch, wish.quiet_time);

/**
 * Shortens the life of an old credential to an hour when everyone has moved by what is recorded, and by one look more. Once
 * its time is over there is nothing to shorten.
 */
export async function shorten({ item: rotation, work, record, intend }: Doing<TelephonyRotation>) {
  const until = retiresAt(rotation);
  if (until !== null && work.now().toISOString() >= until)
    return { note: 'It lived to its latest: not all were seen to move.' };
  const intended = record?.intent?.expires_at;
  if (!intended && !mayEndSoon(rotation)) return 'later' as const;
  const old = await lookUp(work.http, rotation.old.id);
  if (!old) return { gone: true, note: 'The old credential was deleted by someone else.' };
  if (old.expired) return { expires_at: old.expires_at, note: 'The old credential has expired meanwhile.' };
  const { stored_expiry: kept, expires_at_unreadable: unclear } = old;
  if (intended && kept && isKept(intended, kept)) return { expires_at: old.expires_at };
  const isOurs = kept === null || shortenedTo(rotation).some((expires_at) => isKept(expires_at, kept));
  // As it was before: its own end came sooner than the overlap's.
  if (unclear !== undefined || !(isOurs || kept === rotation.old.stored_expiry))
    return { note: `Someone has set its expiry to ${old.expires_at ?? 'another one'}; it was left so.` };
  if ((await lookAt(rotation, work, true)).consumers !== 'moved' || !mayEndSoon(rotation)) return 'later' as const;
  await refuseWithoutSuccessor(rotation, work);
  const expires_at = inWholeSeconds(work.now().getTime() + LIVES_ON_MS);
  if (old.expires_at !== null && old.expires_at <= expires_at) return { expires_at: old.expires_at };
  await intend({ expires_at });
  const after = await updateTelephonyCredential(work.http, old.id, { expires_at }).catch((error: unknown) => {
    if (saysExpired(error)) return undefined;
    throw error;
  });
  return { expires_at: after ? (after.expires_at ?? expires_at) : null };
}
