import { z } from 'zod';
import { within } from '../core/basics.ts';
import { changedSince, differences } from '../core/consent.ts';
import { ToolError } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import { plainly } from '../core/text.ts';
import { type Deps, defineChange, defineRead, type Instead, nothing } from '../core/tool.ts';
import { alone, busy, leasesOf, openRotationOf, refuseHalfMade, startRollback } from '../jobs/begin.ts';
import { factsOf, inWords, isOver, left, type Rotation, stateOf } from '../jobs/item.ts';
import { isAtRest, type Job, onlyOf, standings } from '../jobs/job.ts';
import { damage } from '../jobs/journal.ts';
import { run } from '../jobs/run.ts';
import { waiting } from '../jobs/until-moved.ts';
import { forPerson } from '../telnyx/dates.ts';
import { eachWithConsumers, withConsumers } from './consumers.ts';
import { cursor, durationOf, id, page } from './fields.ts';
import { goingOnWithFleet, rollingFleetBack, runFleet } from './fleet-goes-on.ts';
import { result, rotationShape, viewJob, viewRotation } from './job-view.ts';
import { reread } from './push-material.ts';
import { type GoingOn, goingOn, rollingBack } from './rotation-questions.ts';

export const getRotation = defineRead({
  name: 'get_rotation',
  title: 'Look at rotations',
  description:
    'One rotation by id, or all: open ones first, then the latest. What was done, what is left, whether those who use the old credential have moved, and what to do next. With the id of a fleet the cursor leads through its stragglers.',
  toolset: 'rotation',
  input: z.object({ id: id.optional(), limit: z.int().min(1).max(50).default(10), cursor }),
  output: z.object({ rotations: z.array(rotationShape), ...page }),
  run: async (args, deps) => {
    const list = args.id === undefined ? 'rotations' : `stragglers of ${args.id}`;
    const place = { from: deps.cursors.open(list, args.cursor), limit: args.limit };
    const cursorAt = (next: number | undefined) =>
      next === undefined ? {} : { next_cursor: deps.cursors.seal(list, next) };
    if (args.id !== undefined) {
      const job = await find(args.id, deps);
      const { view, next } = await withConsumers(viewJob(job, deps), job, deps, place);
      return { rotations: [view], ...cursorAt(next) };
    }
    const { rows, next } = await listJobs(place.from, place.limit, deps);
    return { rotations: await eachWithConsumers(rows, deps), ...cursorAt(next) };
  },
});

const onRotation = {
  toolset: 'rotation',
  effect: 'destroy',
  lasts: true,
  input: z.object({ id }),
  output: z.object({ rotation: rotationShape }),
} as const;

export const continueRotation = defineChange({
  name: 'continue_rotation',
  title: 'Continue a rotation',
  description:
    'Go on with a rotation after a crash, an error or a wait. After the overlap it deletes the old credential, asking the person first.',
  ...onRotation,
  asks: 'maybe',
  propose: async (args, deps) => {
    const job = await findWhole(args.id, deps);
    if (waitsForMove(job, deps.now())) return looking(job);
    const rotation = onlyOf(job);
    return rotation ? proposalOf(rotation, await goingOn(rotation, deps)) : goingOnWithFleet(job, deps);
  },
  run: (proposal, deps) => {
    if ('looks' in proposal) return lookNow(proposal.looks, deps);
    return 'fleet' in proposal ? runFleet(proposal, deps) : goOn(proposal, deps);
  },
});

/** Whether nothing of a job is left to be done but to wait for everyone to move. */
const waitsForMove = (job: Job, now: Date): boolean =>
  job.rollbackAt === undefined &&
  waiting(job, now).length > 0 &&
  [...standings(job, now).values()].every(({ standing }) => isAtRest(standing));

const looking = ({ id }: Job) => ({
  binding: { rotation: id },
  looks: id,
  steps: [
    'look who uses the old credentials and their successors',
    'shorten the life of old ones to an hour where everyone has moved, as agreed when it began',
  ],
});

async function lookNow(id: string, deps: Deps) {
  const look = deps.looks.goOn(id);
  look.catch(() => undefined);
  const isOver = await within(
    deps.timeLeft() - TO_ANSWER_MS,
    look.then(() => true),
    false,
  );
  const job = await find(id, deps);
  const { view } = await withConsumers(viewJob(job, deps), job, deps, { from: 0, limit: STRAGGLERS });
  return { ...(isOver ? {} : { status: 'in_progress' as const }), rotation: view };
}

const TO_ANSWER_MS = 8000;
const STRAGGLERS = 20;

export const rollBackRotation = defineChange({
  name: 'roll_back_rotation',
  title: 'Roll back a rotation',
  description:
    'Undo a rotation while the old credential lives: its former expiry back, connections back to it, the successor deleted. Asks the person.',
  ...onRotation,
  asks: 'always',
  propose: async (args, deps) => {
    const job = await findWhole(args.id, deps);
    const rotation = onlyOf(job);
    if (!rotation) return rollingFleetBack(job, deps);
    const back = await rollingBack(rotation, deps);
    if (!back) return nothing('there is nothing to undo', () => result(viewJob(job, deps)));
    return proposalOf(rotation, { deletes: false, ...back }, true);
  },
  run: (proposal, deps) => ('fleet' in proposal ? runFleet(proposal, deps) : goOn(proposal, deps)),
});

/** What going on with a rotation, or back, would do to it as it stands. */
function proposalOf(rotation: Rotation, { question, ...going }: GoingOn, back = rotation.rollbackAt !== undefined) {
  const steps = back ? left({ ...rotation, rollbackAt: rotation.rollbackAt ?? rotation.beganAt }) : left(rotation);
  return {
    binding: { rotation: rotation.id, stands: standing(rotation, back), back, ...going },
    seen: true,
    question,
    steps: steps.filter(({ final }) => going.deletes || !final).map((next) => inWords(rotation, next)),
  };
}

/** What a rotation has done by now, as far as what is to be done depends on that. */
const standing = (rotation: Rotation, back: boolean) => ({
  successor: factsOf(rotation, 'create')?.id ?? null,
  rollback: rotation.rollbackAt !== undefined,
  ...(!back && { left: left(rotation).map((next) => inWords(rotation, next)) }),
});

/** Goes on with a rotation, or back, if it still stands as it did; else shows how it stands, or says so to who said yes. */
function goOn({ binding, seen, question }: ReturnType<typeof proposalOf>, deps: Deps) {
  const { rotation: id, stands, back, deletes, old, accepts } = binding;
  return aloneWith(id, deps, async (rotation, lease) => {
    const changed = differences(stands, standing(rotation, back));
    if (changed.length > 0 && question) throw changedSince(`Rotation ${id}`, changed);
    if (changed.length > 0) return rotation;
    if (back) {
      const now = seen ? old : (await rollingBack(rotation, deps))?.old;
      const moved = differences(old, now);
      if (moved.length > 0) throw changedSince('The old credential', moved);
      return run(await startRollback(rotation, deps, lease), deps, { mayDelete: true, lease });
    }
    const accepted = accepts && old && (await deps.jobs.record(rotation, { type: 'accepted', old }, lease));
    const hands = { agreed: old, mayDelete: deletes, material: () => reread(rotation, deps), lease };
    return run(accepted ?? rotation, deps, hands);
  });
}

async function find(jobId: string, deps: Deps): Promise<Job> {
  const job = await deps.jobs.job(jobId);
  if (job) return job;
  throw new ToolError('NOT_FOUND', 'No rotation has this id here.', 'Call get_rotation without an id to see them all.');
}

/** A job that something can be done to. */
async function findWhole(jobId: string, deps: Deps): Promise<Job> {
  const job = await find(jobId, deps);
  if (job.wrong) throw damage(job.id, job.wrong);
  return job;
}

/** Works on a rotation as the only one; shows it as it stands, and says so, while someone else is at it. */
async function aloneWith(
  rotationId: string,
  deps: Deps,
  work: (rotation: Rotation, lease: Lease) => Promise<Rotation>,
) {
  const read = async (): Promise<Rotation> => {
    const rotation = onlyOf(await find(rotationId, deps));
    if (!rotation) throw new Error('a rotation that became a fleet');
    return rotation;
  };
  return alone(
    deps,
    leasesOf(await read()),
    async (lease) => result(viewRotation(await work(await read(), lease), deps)),
    async ({ holder }) => {
      const message = `Nothing was done by this call, since someone else is working on this rotation right now: ${holder}. It is shown as it stands; look again in a few seconds.`;
      return { ...result(viewRotation(await read(), deps)), status: 'in_progress' as const, message };
    },
  );
}

/** The jobs of the account, those that are not over first, then the latest; `next` is the place to go on from. */
export async function listJobs(from: number, limit: number, deps: Pick<Deps, 'jobs' | 'now' | 'fleets'>) {
  const shown = (job: Job) => ({ job, view: viewJob(job, deps) });
  const open = (await deps.jobs.open()).map(shown);
  const over = ({ view }: (typeof open)[number]): number =>
    view.state === 'damaged' ? -1 : Number(isOver(view.state));
  const all = open.sort((a, b) => over(a) - over(b) || b.job.beganAt.localeCompare(a.job.beganAt));
  const rows = all.slice(from, from + limit);
  const { jobs, next } = await deps.jobs.finished(Math.max(0, from - all.length), limit - rows.length);
  const left = from + rows.length < all.length;
  return {
    rows: [...rows, ...jobs.map(shown)],
    next: left ? from + rows.length : next === undefined ? undefined : all.length + next,
  };
}

/**
 * What is proposed for a credential that is in a rotation already: to show that one. Undefined when one can begin. Throws
 * `CONFLICT` when the credential is the successor of one that is not finished, or that rotation is of another account.
 */
export async function begunBefore(id: string, deps: Deps): Promise<Instead | undefined> {
  const open = await current(id, deps);
  return open && nothing(`rotation ${open.id} was begun before`, () => shown(open, deps));
}

async function current(id: string, deps: Deps): Promise<Rotation | undefined> {
  const open = await openRotationOf(deps, id);
  if (!open) await refuseHalfMade(deps, id);
  // An id is no secret: what another account did is not shown to whoever knows it.
  else await deps.jobs.job(open.id);
  return open;
}

/** Rotates a credential as the only one at it, or shows the rotation that it is in. Throws as `begunBefore` does. */
export function rotateAlone(id: string, deps: Deps, rotate: (lease: Lease) => Promise<Rotation>) {
  return alone(
    deps,
    [id],
    async (lease) => {
      const begun = await current(id, deps);
      return begun ? shown(begun, deps) : result(viewRotation(await rotate(lease), deps));
    },
    async (held) => {
      const begun = await current(id, deps);
      if (begun) return shown(begun, deps);
      throw busy(held);
    },
  );
}

function shown(rotation: Rotation, deps: Deps) {
  const { overlap, quiet_time, fingerprint: _, prefix: __, files = {}, ...rest } = rotation.wish as Wish;
  const given = Object.entries({ ...rest, ...files }).map(([name, value]) => `${name} ${plainly(`${value}`)}`);
  const longest = overlap === undefined ? [] : durationOf(overlap);
  const both = quiet_time === undefined ? `overlap ${longest}` : `overlap until_moved, at_most ${longest}`;
  const by = [...(overlap === undefined ? [] : [both]), ...given].join(', ');
  const ends = rotation.kind === 'telephony' && stateOf(rotation, deps.now()) === 'overlap';
  const instead = ends
    ? 'To end the old one before its overlap is over: delete_telephony_credential with its id. '
    : '';
  const message = `A rotation of this credential was begun before, ${forPerson(rotation.beganAt)}, with ${by}. It is shown; the arguments of this call were not used. ${instead}For another one, finish it with continue_rotation or undo it with roll_back_rotation, and call again.`;
  return { ...result(viewRotation(rotation, deps)), message };
}

/** What either kind of rotation was begun for. */
type Wish = {
  overlap?: number;
  quiet_time?: number;
  fingerprint?: string;
  prefix?: string;
  files?: Record<string, string>;
};
