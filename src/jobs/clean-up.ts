import { deleteTelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { StepName } from './events.ts';
import type { CleanUp } from './item.ts';
import { changedSinceChosen, lookUp, unlessGone } from './parties.ts';
import type { Doing, Handler, Work } from './work.ts';

/** Why a member of a clean-up must not be deleted, in a sentence: what was expired when the person agreed must be so still. */
export async function whyKept({ old, steps }: CleanUp, { http }: Pick<Work, 'http'>): Promise<string | undefined> {
  const found = await lookUp(http, old.id);
  // Whoever was about to delete it and lost the answer has done so.
  if (!found) return steps.size > 0 ? undefined : 'It is gone.';
  return found.expired ? changedSinceChosen(old, found) : 'It has not expired.';
}

// `whyKept` has looked this very moment.
async function end({ item, work, intend }: Doing<CleanUp>) {
  await intend();
  await deleteTelephonyCredential(work.http, item.old.id).catch(unlessGone);
  return {};
}

export const cleanUpSteps: Partial<Record<StepName, Handler<CleanUp>>> = { delete: end };
