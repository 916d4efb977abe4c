import { deleteTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Member, StepName } from './events.ts';
import type { CleanUp } from './item.ts';
import { lookUp, unlessGone } from './parties.ts';
import type { Doing, Handler, Work } from './work.ts';

/** Why a member of a clean-up must not be deleted, in a sentence: what was expired when the person agreed must be so still. */
export async function whyKept({ old, steps }: CleanUp, { http }: Pick<Work, 'http'>): Promise<string | undefined> {
  const found = await lookUp(http, old.id);
  // Whoever was about to delete it and lost the answer has done so.
  if (!found) return steps.size > 0 ? undefined : 'It is gone.';
  return found.expired ? changedSinceChosen(old, found) : 'It has not expired.';
}

/** What is different of a member since it was chosen, in a sentence. A list may have left out what one row shows. */
export function changedSinceChosen({ connection_id, expires }: Member, now: TelephonyCredential): string | undefined {
  const differ = (was: unknown, is: unknown): boolean => was !== null && is !== null && was !== is;
  if (differ(connection_id, now.connection_id)) return 'It was moved to another connection since it was chosen.';
  const ends = now.stored_expiry === null ? null : Date.parse(now.stored_expiry);
  return differ(expires, ends) ? 'Its expiry was changed since it was chosen.' : undefined;
}

// `whyKept` has looked this very moment.
async function end({ item, work, intend }: Doing<CleanUp>) {
  await intend();
  await deleteTelephonyCredential(work.http, item.old.id).catch(unlessGone);
  return {};
}

export const cleanUpSteps: Partial<Record<StepName, Handler<CleanUp>>> = { delete: end };
