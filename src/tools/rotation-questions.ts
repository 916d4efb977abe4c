import { ToolError } from '../errors.ts';
import type { Question } from '../people/question.ts';
import { changedMeanwhile, hasEnded, lookUp, refuseWithoutSuccessor, successorLives } from '../rotation/parties.ts';
import { refuseWhenRotatedOn } from '../rotation/rotated-on.ts';
import { factsOf, type PushRotation, type Rotation, type TelephonyRotation } from '../rotation/rotation.ts';
import { endsNow, isOver, left, stateOf } from '../rotation/steps.ts';
import { tooLate } from '../rotation/telephony-undo.ts';
import { getPushCredential } from '../telnyx/push-credentials.ts';
import type { TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Deps } from '../tool.ts';
import { describePush } from './push-view.ts';
import { describe, whenItExpires } from './telephony-view.ts';

interface GoingOn {
  /** What a person must agree to first; undefined when nothing of it takes anything from anyone. */
  question?: Question | undefined;
  /** Whether going on deletes the old credential. */
  deletes: boolean;
  /** The old credential as it is now, when it is not what it was at the beginning and the question says so. */
  accepts?: TelephonyCredential;
}

/** What going on with a rotation needs a person for, from a fresh read. */
export async function goOnQuestion(rotation: Rotation, deps: Deps): Promise<GoingOn> {
  if (rotation.turnedBackAt !== undefined) return { question: await rollBackQuestion(rotation, deps), deletes: false };
  if (isOver(stateOf(rotation, deps.now()))) return { deletes: false };
  return rotation.kind === 'telephony' ? goOnTelephony(rotation, deps) : goOnPush(rotation, deps);
}

async function goOnTelephony(rotation: TelephonyRotation, deps: Deps): Promise<GoingOn> {
  const { http, now } = deps;
  const ends = endsNow(rotation, now());
  const [next] = left(rotation);
  if (!ends && next?.step !== 'retire') return { deletes: false };
  const old = await lookUp(http, rotation.old.id);
  if (!old) return { deletes: ends };
  if (!old.expired) await refuseWithoutSuccessor(rotation, deps);
  if (ends) {
    const text = `Delete ${describe(old)}, which ${successorName(rotation)} replaces? It ${old.expired ? 'has expired' : `would expire ${whenItExpires(old)}`}. Whoever still uses it can no longer log in, and it cannot be brought back.`;
    return { question: { text }, deletes: true };
  }
  const changed = old.expired ? undefined : changedMeanwhile(rotation, old);
  const intended = rotation.steps.get('retire')?.intent?.expires_at;
  if (!changed || (intended && old.expires_at === intended)) return { deletes: false };
  const text = `${capital(describe(old))} was changed since its rotation began: ${changed}. Let it expire for good all the same, ${rotation.wish.overlap / 3600} hours from now?`;
  return { question: { text }, deletes: false, accepts: old };
}

function goOnPush(rotation: PushRotation, { now }: Deps): GoingOn {
  if (!endsNow(rotation, now())) return { deletes: false };
  const text = `Delete the old ${describePush(rotation.old)}, which ${successorName(rotation)} replaces? After that the rotation cannot be rolled back.`;
  return { question: { text }, deletes: true };
}

/** The question of a rollback, from a fresh read; undefined when there is nothing to undo. Throws when it is too late. */
export async function rollBackQuestion(rotation: Rotation, deps: Deps): Promise<Question | undefined> {
  const state = stateOf(rotation, deps.now());
  if (state === 'rolled_back' || state === 'given_up') return undefined;
  await refuseWhenRotatedOn(rotation, deps);
  const successor = factsOf(rotation, 'create')
    ? `${successorName(rotation)} is deleted for good: whoever uses it by now is cut off`
    : 'no successor is left behind';
  if (rotation.kind === 'push') {
    const { alias, users, id } = rotation.old;
    const successorId = factsOf(rotation, 'create')?.id;
    // An unfinished one with neither of them left has nothing to lose: it can be ended.
    const keeps = state === 'done' || (successorId !== undefined && (await isThere(deps.http, successorId)));
    if (keeps && !(await isThere(deps.http, id))) throw tooLate('is deleted');
    const names = users.map(({ id, name, kind }) => `"${name ?? id}" (${kind})`).join(', ');
    const back = users.length === 0 ? '' : ` ${users.length} connections point to it again: ${names}; and`;
    return {
      text: `Undo the rotation of the ${describePush(rotation.old)}?${back} ${successor}.`,
      ...(users.length > 0 && { phrase: `roll back ${alias ?? id} on ${users.length} connections` }),
    };
  }
  const old = await lookUp(deps.http, rotation.old.id);
  const isOver = old && hasEnded(rotation, old, deps.now()) && !rotation.old.expired;
  const ended = !old ? 'is deleted' : isOver ? 'has expired' : undefined;
  // An unfinished one with neither of them left has nothing to lose: it can be ended.
  if (ended && (state === 'done' || (await successorLives(rotation, deps.http)))) throw tooLate(ended);
  const called = describe(old ?? rotation.old);
  const { stored_expiry, expires_at_unreadable: unclear } = rotation.old;
  const endless = stored_expiry === null && unclear === undefined;
  const life = endless
    ? 'is given no end, since Telnyx showed none before'
    : `expires ${whenItExpires(rotation.old)} again`;
  const again = rotation.old.expired ? 'stays expired' : life;
  return { text: `Undo the rotation of ${called}? It ${ended ?? again}, and ${successor}.` };
}

function isThere(http: Deps['http'], pushId: string): Promise<boolean> {
  return getPushCredential(http, pushId).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ToolError && error.code === 'NOT_FOUND') return false;
      throw error;
    },
  );
}

function successorName(rotation: Rotation): string {
  const created = factsOf(rotation, 'create');
  if (!created) return 'a successor still to be made';
  const { name, sip_username, id } = created;
  return `the successor "${name ?? id}"${sip_username ? ` (SIP username ${sip_username})` : ''}`;
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
