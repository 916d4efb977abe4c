import type { Question } from '../approval/question.ts';
import { badInput, conflict } from '../core/errors.ts';
import { type Deps, type Instead, nothing, type Proposal } from '../core/tool.ts';
import { type Fleet, type FleetJob, isAtRest, isCutShort, standings } from '../jobs/fleet.ts';
import { damage } from '../jobs/job-file.ts';
import { rotatedOnBy } from '../jobs/rotated-on.ts';
import { factsOf } from '../jobs/rotation.ts';
import { refuseRunning, type Way } from '../jobs/runner.ts';
import { isUndone } from '../jobs/steps.ts';
import { tooLate } from '../jobs/telephony-undo.ts';
import { whileItRuns } from './fleet.ts';
import { digestOf } from './fleet-select.ts';
import { showFleet } from './fleet-view.ts';

/** What is to be done with the members of a fleet, which are named by the digest of their ids. */
interface FleetProposal extends Proposal {
  fleet: string;
  way: Way;
  ids: readonly string[];
}

function proposalOf(fleet: Fleet, way: Way, ids: readonly string[], question: Question | undefined): FleetProposal {
  const steps = [`${way === 'on' ? `${fleet.job} of` : 'undo the rotation of'} ${ids.length} credentials`];
  const binding = { fleet: fleet.id, way, count: ids.length, selection: digestOf(ids) };
  return { binding, steps, question: question && (() => question), fleet: fleet.id, way, ids };
}

/** What is given of a fleet that there is nothing to do for. */
const asItIs = (job: FleetJob, deps: Deps): Instead => nothing('it is shown as it is', () => showFleet(job, deps));

/** Goes on with a fleet the way it goes. Throws `CONFLICT` while another process runs it. */
export async function goingOnWithFleet(job: FleetJob, deps: Deps): Promise<FleetProposal | Instead> {
  const { fleet } = job;
  if (fleet.wrong) throw damage(fleet.id, fleet.wrong);
  const all = standings(job, deps.now());
  const waiting = [...all].filter(([, { standing }]) => !isAtRest(standing)).map(([id]) => id);
  if (waiting.length === 0 || deps.fleets.isRunning(fleet.id) || isCutShort(fleet)) return asItIs(job, deps);
  await refuseRunning(fleet.id, deps);
  const selection = `(selection ${digestOf(waiting)})`;
  if (fleet.turnedBackAt !== undefined) {
    const { ids } = await undoable(job, deps);
    const question = ids.length === 0 ? undefined : undoing(`Go on undoing the rotation of ${ids.length}`, ids, '');
    return proposalOf(fleet, 'back', ids, question);
  }
  const question = { text: '', phrase: '' };
  if (fleet.job === 'delete') {
    question.text = `Go on deleting ${waiting.length} expired telephony credentials ${selection}?`;
    question.phrase = `delete ${waiting.length} expired credentials`;
  } else {
    question.text = `Go on rotating ${waiting.length} telephony credentials ${selection}? Each old one is DELETED AT ONCE, as agreed when it began.`;
    question.phrase = `rotate ${waiting.length} credentials`;
  }
  const harmless = fleet.job === 'rotate' && fleet.wish.overlap > 0;
  return proposalOf(fleet, 'on', waiting, harmless ? undefined : question);
}

/**
 * Undoes a fleet's rotations, of all that still runs too; nothing when that is done, or under way. Throws when there is no
 * way back, and `CONFLICT` while another process runs it.
 */
export async function rollingFleetBack(job: FleetJob, deps: Deps): Promise<FleetProposal | Instead> {
  const { fleet } = job;
  if (fleet.wrong) throw damage(fleet.id, fleet.wrong);
  if (fleet.job === 'delete') throw badInput('What is deleted cannot be brought back.', 'Nothing can be done.');
  const running = deps.fleets.isRunning(fleet.id);
  if (running && fleet.turnedBackAt !== undefined) return asItIs(job, deps);
  if (!running) await refuseRunning(fleet.id, deps);
  const { ids, kept, by, ended } = await undoable(job, deps);
  if (ids.length === 0 && by !== undefined && fleet.turnedBackAt === undefined) {
    throw conflict(
      `The successors of this fleet have been rotated in their turn, by ${by}.`,
      'Roll that one back first.',
    );
  }
  if (ids.length === 0 && ended > 0 && fleet.turnedBackAt === undefined) throw tooLate('of each is deleted');
  if (ids.length === 0) return asItIs(job, deps);
  const alone = kept === 0 ? '' : ` Left alone, since their successors were rotated in their turn: ${kept}.`;
  const what = running ? 'Stop this fleet, and undo what it did by then to' : 'Undo the rotation of';
  return proposalOf(fleet, 'back', ids, undoing(`${what} ${ids.length}`, ids, alone));
}

/** Lets a fleet run, for those of its members that were proposed and no others. */
export const runFleet = ({ fleet, way, ids }: FleetProposal, deps: Deps) =>
  whileItRuns(fleet, deps.fleets.run(fleet, way, new Set(ids)), deps);

const undoing = (opening: string, ids: readonly string[], ending: string): Question => ({
  text: `${opening} telephony credentials (selection ${digestOf(ids)})? Each old one that still lives gets its former expiry back, and its successor is deleted: whoever uses that by now is cut off.${ending}`,
  phrase: `roll back ${ids.length} credentials`,
});

/** Whose rotation can be undone: all of a fleet that still runs. `kept` of them cannot, since `by` came after. */
async function undoable(job: FleetJob, deps: Deps) {
  const now = deps.now();
  const running = deps.fleets.isRunning(job.fleet.id);
  const ids: string[] = [];
  const later = new Set<string>();
  let kept = 0;
  let ended = 0;
  for (const [id, { rotation }] of standings(job, now)) {
    if (rotation && isUndone(rotation, now)) continue;
    // Of one that runs all are meant, whatever it has done by then.
    if (!running && rotation && factsOf(rotation, 'delete')) {
      ended += 1;
      continue;
    }
    const on = rotation && (await rotatedOnBy(rotation, deps));
    if (on) {
      kept += 1;
      later.add(on.fleet ?? on.id);
    } else if (running || rotation) ids.push(id);
  }
  const [by] = later;
  return { ids, kept, by, ended };
}
