import type { Question } from '../core/consent.ts';
import { badInput, conflict } from '../core/errors.ts';
import { type Deps, type Instead, nothing, type Proposal } from '../core/tool.ts';
import { rotatedOnBy } from '../jobs/begin.ts';
import { factsOf, isRolledBack } from '../jobs/item.ts';
import { isAtRest, isCutShort, type Job, standings } from '../jobs/job.ts';
import { refuseRunning, type Way } from '../jobs/runner.ts';
import { tooLate } from '../jobs/telephony-rollback.ts';
import { whileItRuns } from './fleet.ts';
import { digestOf } from './fleet-select.ts';
import { result, viewJob } from './job-view.ts';

/** What is to be done with the members of a fleet, which are named by the digest of their ids. */
interface FleetProposal extends Proposal {
  fleet: string;
  way: Way;
  ids: readonly string[];
}

function proposalOf(
  { id: fleet, kind }: Job,
  way: Way,
  ids: readonly string[],
  question: Question | undefined,
): FleetProposal {
  const steps = [`${way === 'back' ? 'roll back' : kind === 'fleet' ? 'rotate' : 'delete'} ${ids.length} credentials`];
  const binding = { fleet, way, count: ids.length, selection: digestOf(ids) };
  return { binding, steps, question: question && (() => question), fleet, way, ids };
}

/** What is given of a fleet that there is nothing to do for. */
const asItIs = (job: Job, deps: Deps): Instead => nothing('it is shown as it is', () => result(viewJob(job, deps)));

/** Goes on with a fleet the way it goes. Throws `CONFLICT` while another process runs it. */
export async function goingOnWithFleet(job: Job, deps: Deps): Promise<FleetProposal | Instead> {
  const all = standings(job, deps.now());
  const waiting = [...all].filter(([, { standing }]) => !isAtRest(standing)).map(([id]) => id);
  if (waiting.length === 0 || deps.fleets.isRunning(job.id) || isCutShort(job)) return asItIs(job, deps);
  await refuseRunning(job.id, deps);
  const selection = `(selection ${digestOf(waiting)})`;
  if (job.rollbackAt !== undefined) {
    const { ids } = await inReach(job, deps);
    const question =
      ids.length === 0 ? undefined : rollbackQuestion(`Go on undoing the rotation of ${ids.length}`, ids, '');
    return proposalOf(job, 'back', ids, question);
  }
  const question = { text: '', phrase: '' };
  if (job.kind === 'clean-up') {
    question.text = `Go on deleting ${waiting.length} expired telephony credentials ${selection}?`;
    question.phrase = `delete ${waiting.length} expired credentials`;
  } else {
    question.text = `Go on rotating ${waiting.length} telephony credentials ${selection}? Each old one is DELETED AT ONCE, as agreed when it began.`;
    question.phrase = `rotate ${waiting.length} credentials`;
  }
  const harmless = job.wish !== undefined && job.wish.overlap > 0;
  return proposalOf(job, 'on', waiting, harmless ? undefined : question);
}

/**
 * Undoes a fleet's rotations, of all that still runs too; nothing when that is done, or under way. Throws when there is no
 * way back, and `CONFLICT` while another process runs it.
 */
export async function rollingFleetBack(job: Job, deps: Deps): Promise<FleetProposal | Instead> {
  if (job.kind === 'clean-up') throw badInput('What is deleted cannot be brought back.', 'Nothing can be done.');
  const running = deps.fleets.isRunning(job.id);
  if (running && job.rollbackAt !== undefined) return asItIs(job, deps);
  if (!running) await refuseRunning(job.id, deps);
  const { ids, kept, by, ended } = await inReach(job, deps);
  if (ids.length === 0 && by !== undefined && job.rollbackAt === undefined) {
    throw conflict(
      `The successors of this fleet have been rotated in their turn, by ${by}.`,
      'Roll that one back first.',
    );
  }
  if (ids.length === 0 && ended > 0 && job.rollbackAt === undefined) throw tooLate('of each is deleted');
  if (ids.length === 0) return asItIs(job, deps);
  const alone = kept === 0 ? '' : ` Left alone, since their successors were rotated in their turn: ${kept}.`;
  const what = running ? 'Stop this fleet, and undo what it did by then to' : 'Undo the rotation of';
  return proposalOf(job, 'back', ids, rollbackQuestion(`${what} ${ids.length}`, ids, alone));
}

/** Lets a fleet run, for those of its members that were proposed and no others. */
export const runFleet = ({ fleet, way, ids }: FleetProposal, deps: Deps) =>
  whileItRuns(fleet, deps.fleets.run(fleet, way, new Set(ids)), deps);

const rollbackQuestion = (opening: string, ids: readonly string[], ending: string): Question => ({
  text: `${opening} telephony credentials (selection ${digestOf(ids)})? Each old one that still lives gets its former expiry back, and its successor is deleted: whoever uses that by now is cut off.${ending}`,
  phrase: `roll back ${ids.length} credentials`,
});

/** Whose rotation can be rolled back: all of a fleet that still runs. `kept` of them cannot, since `by` came after. */
async function inReach(job: Job, deps: Deps) {
  const now = deps.now();
  const running = deps.fleets.isRunning(job.id);
  const ids: string[] = [];
  const later = new Set<string>();
  let kept = 0;
  let ended = 0;
  for (const [id, { item }] of standings(job, now)) {
    if (item && isRolledBack(item, now)) continue;
    // Of one that runs all are meant, whatever it has done by then.
    if (!running && item && factsOf(item, 'delete')) {
      ended += 1;
      continue;
    }
    const on = item && (await rotatedOnBy(item, deps));
    if (on) {
      kept += 1;
      later.add(on.fleet ?? on.id);
    } else if (running || item) ids.push(id);
  }
  const [by] = later;
  return { ids, kept, by, ended };
}
