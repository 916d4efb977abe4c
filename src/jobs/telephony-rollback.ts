import { conflict, type ToolError } from '../core/errors.ts';
import { isKept } from '../telnyx/dates.ts';
import {
  deleteTelephonyCredential,
  type TelephonyCredential,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { refuseWhenReplaced } from './begin.ts';
import type { StepName } from './events.ts';
import type { TelephonyRotation } from './item.ts';
import { hasEnded, lookUp, madeBefore, saysExpired, shortenedTo, successorLives, unlessGone } from './parties.ts';
import { madeBy } from './telephony.ts';
import type { Doing, Handler } from './work.ts';

type Telephony = Doing<TelephonyRotation>;

const NEVER = '9999-12-31T23:59:59Z';

/** Gives the old credential its former expiry back, unless someone has given it another one since. */
async function restore({ item: rotation, work, intend }: Telephony) {
  const { old } = rotation;
  const now = await lookUp(work.http, old.id);
  if (!now || hasEnded(rotation, now, work.now())) {
    const is = now ? 'has expired' : 'is deleted';
    if (await successorLives(rotation, work.http)) throw tooLate(is);
    return { note: `The old credential ${is}, and nothing brings it back.` };
  }
  // An unreadable one was never written over, and must not be now.
  if (old.expires_at_unreadable !== undefined) return {};
  const shortened = shortenedTo(rotation);
  const shows = now.stored_expiry !== null || now.expires_at_unreadable !== undefined;
  if (!shows && shortened.length === 0) return {};
  if (shows && (now.stored_expiry === old.stored_expiry || (isNever(now) && old.expires_at === null))) return {};
  if (shows && !shortened.some((expires_at) => isKept(expires_at, `${now.stored_expiry}`))) {
    return {
      note: `Someone has set the expiry of the old one to ${now.expires_at ?? (isNever(now) ? 'never' : 'what nobody can read')}; it was left so.`,
    };
  }
  await intend();
  // Telnyx has no way known to clear an expiry (api.md §10): never is the last day there is.
  const expires_at = old.stored_expiry ?? NEVER;
  await updateTelephonyCredential(work.http, old.id, { expires_at }).catch((error: unknown) => {
    throw saysExpired(error) ? tooLate('has expired') : error;
  });
  if (old.stored_expiry !== null || shows) return { expires_at: old.expires_at };
  return { expires_at: null, note: 'Telnyx never said when the old one was to expire: it never expires now.' };
}

/** Whether it says that it never expires: Telnyx has more than one date for that. */
const isNever = ({ stored_expiry, expires_at }: TelephonyCredential): boolean =>
  stored_expiry !== null && expires_at === null;

/** Deletes the successor, and another one that a create which was sent twice has left behind. */
async function remove({ item: rotation, work, record, intend }: Telephony) {
  const create = rotation.steps.get('create');
  const known = create?.done?.facts.id;
  if (known === undefined) {
    const made = await madeBefore(async () => (await madeBy(rotation, work)).rows[0], create, work);
    if (made === 'later') return made;
  }
  const twice = (create?.intents ?? 0) > 1;
  const { rows, sure } = known !== undefined && !twice ? { rows: [], sure: true } : await madeBy(rotation, work);
  // What is likely to have been made may be delivered, but not deleted.
  const found = sure ? rows.map(({ id }) => id) : [];
  const ids = new Set([...(known === undefined ? [] : [known]), ...found]);
  if (!sure && known === undefined) return { note: unsure(rows) };
  // One that a crash kept from being recorded may have been found, and rotated, by hand.
  await refuseWhenReplaced(ids, work);
  if (ids.size > 0 || record) await intend();
  for (const id of ids) await deleteTelephonyCredential(work.http, id).catch(unlessGone);
  return ids.size > 0 ? {} : { note: 'No successor had been made.' };
}

const unsure = (rows: readonly TelephonyCredential[]): string =>
  `Telnyx takes no notice of tags, so it cannot be told whether a successor was made${rows.map(({ id }) => `; it may be ${id}`).join('')}. Nothing was deleted.`;

/** The error of a rollback that comes after the end of the old credential; `is` says which end that was. */
export function tooLate(is: string): ToolError {
  return conflict(
    `It is too late to roll back: the old credential ${is}, and nothing brings it back. The successor was left as it is.`,
    'Keep using the successor, or rotate it in its turn.',
  );
}

export const telephonyRollback: Partial<Record<StepName, Handler<TelephonyRotation>>> = { restore, remove };
