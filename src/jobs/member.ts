import { ToolError } from '../core/errors.ts';
import { deleteTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { alone, begin, busy, openRotationOf, refuseHalfMade, turnBack } from './begin.ts';
import type { Member, RotationEvent } from './events.ts';
import type { Fleet } from './fleet.ts';
import type { Lease } from './journal.ts';
import { endOf, hasEnded, lifeOf, lookUp, oldOf, refuseWithoutConnection } from './parties.ts';
import { rotatedOnBy } from './rotated-on.ts';
import { factsOf, type Rotation } from './rotation.ts';
import { run } from './run.ts';
import { isUndone, stateOf } from './steps.ts';
import type { Work } from './work.ts';

/** Records something about the fleet itself. */
export type Note = (event: RotationEvent) => Promise<void>;

const UNASKED = 'Nobody was asked about it.';

/**
 * Does what is left for one member of a fleet, if it was `agreed` to, and records it under the lease of the fleet. Throws the
 * ToolError of what failed.
 */
export function serve(
  fleet: Fleet,
  member: string,
  rotation: Rotation | undefined,
  agreed: boolean,
  work: Work,
  lease: Lease,
  note: Note,
): Promise<void> {
  const chosen = fleet.members.get(member);
  const back = fleet.turnedBackAt !== undefined;
  if (!back && !agreed) return note({ type: 'skipped', of: member, note: UNASKED });
  if (fleet.job === 'delete') return remove(member, chosen, work, note);
  return alone(
    work,
    [member],
    () => (back ? rollBack(rotation, agreed, work, lease, note) : rotate(fleet, member, rotation, work, lease, note)),
    (held) => Promise.reject(busy(held)),
  );
}

async function rotate(
  { id: fleet, wish, members }: Fleet & { job: 'rotate' },
  member: string,
  known: Rotation | undefined,
  work: Work,
  lease: Lease,
  note: Note,
): Promise<void> {
  const mayDelete = wish.overlap === 0;
  const going = known && stateOf(known, work.now()) === 'in_progress' ? known : undefined;
  if (going) {
    await run(going, work, { mayDelete, lease });
    return;
  }
  const other = await openRotationOf(work, member);
  if (other) return note({ type: 'skipped', of: member, note: `It is being rotated by ${other.id}.` });
  await refuseHalfMade(work, member);
  const old = await lookUp(work.http, member);
  if (!old || old.expired) return note({ type: 'skipped', of: member, note: old ? 'It has expired.' : 'It is gone.' });
  const changed = changedSinceChosen(members.get(member), old);
  if (changed) return note({ type: 'skipped', of: member, note: changed });
  refuseWithoutConnection(old);
  const { canary: _, stop_after_failures: __, expires_in, ...common } = wish;
  const expires_at = endOf(expires_in ?? lifeOf(old), work.now());
  const wanted = { ...common, ...(expires_at !== undefined && { expires_at }) };
  // Proved before anything is recorded or created.
  await using slot = await work.destinations(wish.deliver_to, wish.prefix).reserve();
  const begun = await begin(work, { type: 'began', kind: 'telephony', fleet, old: oldOf(old), wish: wanted }, lease);
  await run(begun, work, { slot, old, mayDelete, lease });
}

/** What is different of a member since it was chosen, in a sentence. A list may have left out what one row shows. */
function changedSinceChosen(chosen: Member | undefined, now: TelephonyCredential): string | undefined {
  const { connection_id = null, expires = null } = chosen ?? {};
  const differ = (was: unknown, is: unknown): boolean => was !== null && is !== null && was !== is;
  if (differ(connection_id, now.connection_id)) return 'It was moved to another connection since it was chosen.';
  const ends = now.stored_expiry === null ? null : Date.parse(now.stored_expiry);
  return differ(expires, ends) ? 'Its expiry was changed since it was chosen.' : undefined;
}

/** Leaves alone what has no way back, or whose successor is the old one of another rotation by now. */
async function rollBack(
  rotation: Rotation | undefined,
  agreed: boolean,
  work: Work,
  lease: Lease,
  note: Note,
): Promise<void> {
  const now = work.now();
  if (!rotation || isUndone(rotation, now)) return;
  const skip = (why: string) => note({ type: 'skipped', of: rotation.old.id, note: why });
  const later = await rotatedOnBy(rotation, work);
  if (later) {
    return skip(
      `Its successor was rotated in its turn, by ${later.fleet ?? later.id}: roll that back first, then this again.`,
    );
  }
  if (factsOf(rotation, 'delete')) return skip('It is deleted, and nothing brings it back: its successor was kept.');
  if (!agreed) return skip(UNASKED);
  if (rotation.turnedBackAt === undefined) {
    const old = await lookUp(work.http, rotation.old.id);
    if (!old || (rotation.kind === 'telephony' && hasEnded(rotation, old, now))) {
      return skip(`It ${old ? 'has expired' : 'is deleted'}, and nothing brings it back: its successor was kept.`);
    }
  }
  await run(await turnBack(rotation, work, lease), work, { mayDelete: true, lease });
}

/** Looks once more before it deletes: what was expired when the person agreed must be so still. */
async function remove(member: string, chosen: Member | undefined, work: Work, note: Note): Promise<void> {
  const found = await lookUp(work.http, member);
  if (!found?.expired)
    return note({ type: 'skipped', of: member, note: found ? 'It has not expired.' : 'It is gone.' });
  const changed = changedSinceChosen(chosen, found);
  if (changed) return note({ type: 'skipped', of: member, note: changed });
  await deleteTelephonyCredential(work.http, member).catch(async (error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    const { code, reason } = error;
    if (code === 'NOT_FOUND') return;
    await note({ type: 'failed', step: 'delete', of: member, code, message: reason });
    throw error;
  });
  await note({ type: 'done', step: 'delete', of: member, facts: {} });
}
