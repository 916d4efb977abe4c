import type { Lease } from '../core/lease.ts';
import { alone, begin, busy, openRotationOf, refuseHalfMade, rotatedOnBy, startRollback } from './begin.ts';
import { whyKept } from './clean-up.ts';
import type { FleetWish, Member } from './events.ts';
import { type CleanUp, cleanUpOf, factsOf, isRolledBack, type Rotation, stateOf } from './item.ts';
import type { Job } from './job.ts';
import { changedSinceChosen, endOf, hasEnded, lifeOf, lookUp, oldOf, refuseWithoutConnection } from './parties.ts';
import { run } from './run.ts';
import type { Work } from './work.ts';

/** What it takes to deal with the members of a job; `lease` is that of the job. */
export interface Means {
  job: Job;
  work: Work;
  lease: Lease;
}

/** Why a member was left alone, in a sentence; undefined when it was not. */
type Skipped = string | undefined;

const UNASKED = 'Nobody was asked about it.';

/** Does what is left for one member of a job, if it was `agreed` to. Throws the ToolError of what failed. */
export async function serve(member: Member, agreed: boolean, means: Means): Promise<Skipped> {
  const { job, work } = means;
  const back = job.rollbackAt !== undefined;
  if (!back && !agreed) return UNASKED;
  return alone(
    work,
    [member.id],
    () => {
      const item = job.items.get(member.id);
      if (item?.kind === 'clean-up') return cleanUp(item, means);
      if (!job.wish) return cleanUp(cleanUpOf(member, job), means);
      return back ? rollBack(item, agreed, means) : rotate(member, item, job.wish, means);
    },
    (held) => Promise.reject(busy(held)),
  );
}

async function rotate(
  member: Member,
  known: Rotation | undefined,
  wish: FleetWish,
  { job, work, lease }: Means,
): Promise<Skipped> {
  const mayDelete = wish.overlap === 0;
  const going = known && stateOf(known, work.now()) === 'in_progress' ? known : undefined;
  if (going) {
    await run(going, work, { mayDelete, lease });
    return undefined;
  }
  const other = await openRotationOf(work, member.id);
  if (other) return `It is being rotated by ${other.id}.`;
  await refuseHalfMade(work, member.id);
  const old = await lookUp(work.http, member.id);
  if (!old || old.expired) return old ? 'It has expired.' : 'It is gone.';
  const changed = changedSinceChosen(member, old);
  if (changed) return changed;
  refuseWithoutConnection(old);
  const { canary: _, stop_after_failures: __, expires_in, ...common } = wish;
  const expires_at = endOf(expires_in ?? lifeOf(old), work.now());
  const wanted = { ...common, ...(expires_at !== undefined && { expires_at }) };
  // Proved before anything is recorded or created.
  await using slot = await (await work.destinations(wish.deliver_to, wish.prefix)).reserve();
  const beginning = { type: 'began', kind: 'telephony', fleet: job.id, old: oldOf(old), wish: wanted } as const;
  await run(await begin(work, beginning, lease), work, { slot, old, mayDelete, lease });
  return undefined;
}

/** Leaves alone what has no way back, or whose successor is the old one of another rotation by now. */
async function rollBack(rotation: Rotation | undefined, agreed: boolean, { work, lease }: Means): Promise<Skipped> {
  const now = work.now();
  if (!rotation || isRolledBack(rotation, now)) return undefined;
  const later = await rotatedOnBy(rotation, work);
  if (later)
    return `Its successor was rotated in its turn, by ${later.fleet ?? later.id}: roll that back first, then this again.`;
  if (factsOf(rotation, 'delete')) return 'It is deleted, and nothing brings it back: its successor was kept.';
  if (!agreed) return UNASKED;
  if (rotation.rollbackAt === undefined) {
    const old = await lookUp(work.http, rotation.old.id);
    if (!old || (rotation.kind === 'telephony' && hasEnded(rotation, old, now)))
      return `It ${old ? 'has expired' : 'is deleted'}, and nothing brings it back: its successor was kept.`;
  }
  await run(await startRollback(rotation, work, lease), work, { mayDelete: true, lease });
  return undefined;
}

async function cleanUp(item: CleanUp, { work, lease }: Means): Promise<Skipped> {
  const kept = await whyKept(item, work);
  if (kept === undefined) await run(item, work, { mayDelete: true, lease });
  return kept;
}
