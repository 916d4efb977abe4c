import { plainly, quoted } from '../core/text.ts';
import type { Deps, Proposal } from '../core/tool.ts';
import { refuseWhenRotatedOn } from '../jobs/begin.ts';
import type { OldTelephony } from '../jobs/events.ts';
import {
  endsNow,
  factsOf,
  isOver,
  left,
  type PushRotation,
  type Rotation,
  stateOf,
  type TelephonyRotation,
} from '../jobs/item.ts';
import {
  changedMeanwhile,
  hasEnded,
  lookUp,
  oldOf,
  refuseWithoutSuccessor,
  successorLives,
  unlessGone,
} from '../jobs/parties.ts';
import { tooLate } from '../jobs/telephony-rollback.ts';
import { getPushCredential } from '../telnyx/push-credentials.ts';
import { usersInWords } from './consumers.ts';
import { durationOf } from './fields.ts';
import { connectionsNamed, countOf, describePush, handleOf } from './push-credentials.ts';
import { describe, onConnection, whenItExpires } from './telephony-credentials.ts';

/** What going on with a rotation, or back, comes to; but for the question it is what a person agrees to. */
export interface GoingOn {
  /** Whether it deletes the old credential. */
  deletes: boolean;
  /** The old telephony credential as the question tells of it. */
  old?: OldTelephony;
  /** Whether that is what the rotation goes on with, although it is not what it was at its beginning. */
  accepts?: true;
  /** Absent when nothing of it takes anything from anyone. */
  question?: Proposal['question'];
}

/** What going on with a rotation needs a person for, from a fresh read. */
export async function goingOn(rotation: Rotation, deps: Deps): Promise<GoingOn> {
  if (rotation.rollbackAt !== undefined) return { deletes: false, ...(await rollingBack(rotation, deps)) };
  if (isOver(stateOf(rotation, deps.now()))) return { deletes: false };
  if (rotation.kind === 'push') return goOnPush(rotation, deps);
  return goOnTelephony(rotation, deps);
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
    const question = async () => ({
      text: `Delete ${describe(old)}${await onConnection(old, deps)}, which ${successorName(rotation)} replaces? It ${old.expired ? 'has expired' : `would expire ${whenItExpires(old)}`}. ${await usersInWords(rotation, deps)} Whoever still uses it can no longer log in, and it cannot be brought back.`,
    });
    return { deletes: true, old: oldOf(old), question };
  }
  const changed = old.expired ? undefined : changedMeanwhile(rotation, old);
  const intended = rotation.steps.get('retire')?.intent?.expires_at;
  if (!changed || (intended && old.expires_at === intended)) return { deletes: false };
  const text = `${capital(describe(old))} was changed since its rotation began: ${changed}. Let it expire for good all the same, ${durationOf(rotation.wish.overlap)} from now?`;
  return { deletes: false, old: oldOf(old), accepts: true, question: () => ({ text }) };
}

function goOnPush(rotation: PushRotation, { now }: Deps): GoingOn {
  if (!endsNow(rotation, now())) return { deletes: false };
  const text = `Delete the old ${describePush(rotation.old)}, which ${successorName(rotation)} replaces? After that the rotation cannot be rolled back.`;
  return { deletes: true, question: () => ({ text }) };
}

/** What a rollback comes to, from a fresh read; undefined when there is nothing to undo. Throws when it is too late. */
export async function rollingBack(rotation: Rotation, deps: Deps): Promise<Omit<GoingOn, 'deletes'> | undefined> {
  const state = stateOf(rotation, deps.now());
  if (state === 'rolled_back' || state === 'given_up') return undefined;
  await refuseWhenRotatedOn(rotation, deps);
  const successor = factsOf(rotation, 'create')
    ? `${successorName(rotation)} is deleted for good: whoever uses it by now is cut off`
    : 'no successor is left behind';
  if (rotation.kind === 'push') {
    const { users, id } = rotation.old;
    const successorId = factsOf(rotation, 'create')?.id;
    // An unfinished one with neither of them left has nothing to lose: it can be ended.
    const keeps = state === 'done' || (successorId !== undefined && (await isThere(deps.http, successorId)));
    if (keeps && !(await isThere(deps.http, id))) throw tooLate('is deleted');
    const back = users.length === 0 ? '' : ` ${countOf(users)} point to it again: ${connectionsNamed(users)}; and`;
    const question = {
      text: `Undo the rotation of the ${describePush(rotation.old)}?${back} ${successor}.`,
      ...(users.length > 0 && { phrase: `roll back ${handleOf(rotation.old)} on ${countOf(users)}` }),
    };
    return { question: () => question };
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
    : rotation.old.expires_at === null && unclear === undefined
      ? 'is to live without end again'
      : `expires ${whenItExpires(rotation.old)} again`;
  const again = rotation.old.expired ? 'stays expired' : life;
  const text = `Undo the rotation of ${called}? It ${ended ?? again}, and ${successor}.`;
  return { ...(old && { old: oldOf(old) }), question: () => ({ text }) };
}

const isThere = async (http: Deps['http'], pushId: string): Promise<boolean> =>
  (await getPushCredential(http, pushId).catch(unlessGone)) !== undefined;

function successorName(rotation: Rotation): string {
  const created = factsOf(rotation, 'create');
  if (!created) return 'a successor still to be made';
  const { name, sip_username, id } = created;
  return `the successor ${quoted(name ?? `${id}`)}${sip_username ? ` (SIP username ${plainly(sip_username)})` : ''}`;
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
