import { badInput, ToolError } from '../errors.ts';
import { type Fleet, fleetFrom, isAtRest, standings } from '../fleet/fleet.ts';
import { refuseRunning } from '../fleet/runner.ts';
import type { Question } from '../people/question.ts';
import { isUndone, rotatedOnBy } from '../rotation/rotated-on.ts';
import type { Deps } from '../tool.ts';
import { whileItRuns } from './fleet.ts';
import { digestOf } from './fleet-select.ts';
import { showFleet } from './fleet-view.ts';

/** The fleet with an id, or undefined when it is that of something else, or of nothing. */
export async function findFleet(id: string, { ledger }: Deps): Promise<Fleet | undefined> {
  return fleetFrom((await ledger.read()).of(id));
}

/** What going on with a fleet needs a person for: what it deletes. Throws `CONFLICT` while another process runs it. */
export async function goOnQuestion(fleet: Fleet, deps: Deps): Promise<Question | undefined> {
  const waiting = await waitingIn(fleet, deps);
  if (waiting.length === 0 || deps.fleets.isRunning(fleet.id)) return undefined;
  await refuseRunning(fleet.id, deps.ledger);
  const selection = `(selection ${digestOf(waiting)})`;
  if (fleet.turnedBackAt !== undefined) {
    const { ids } = await undoable(fleet, deps);
    return ids.length === 0 ? undefined : undoing(`Go on undoing the rotation of ${ids.length}`, ids, '');
  }
  if (fleet.job === 'delete') {
    return {
      text: `Go on deleting ${waiting.length} expired telephony credentials ${selection}?`,
      phrase: `delete ${waiting.length} expired credentials`,
    };
  }
  if (fleet.wish.overlap > 0) return undefined;
  return {
    text: `Go on rotating ${waiting.length} telephony credentials ${selection}? Each old one is DELETED AT ONCE, as agreed when it began.`,
    phrase: `rotate ${waiting.length} credentials`,
  };
}

/** Goes on with a fleet, if what a person agreed to is still what is left of it. */
export async function continueFleet(fleet: Fleet, agreed: Question | undefined, deps: Deps) {
  const question = await goOnQuestion(fleet, deps);
  const waiting = await waitingIn(fleet, deps);
  if (question?.text !== agreed?.text || waiting.length === 0 || fleet.members.length < fleet.expected) {
    return showFleet(fleet, await deps.ledger.read(), deps);
  }
  return whileItRuns(fleet.id, deps.fleets.run(fleet.id, 'on'), deps);
}

/**
 * The question of undoing a fleet's rotations; undefined when that is done, or under way. Throws when there is no way
 * back, and `CONFLICT` while another process runs it.
 */
export async function rollBackQuestion(fleet: Fleet, deps: Deps): Promise<Question | undefined> {
  if (fleet.job === 'delete') throw badInput('What is deleted cannot be brought back.', 'Nothing can be done.');
  const running = deps.fleets.isRunning(fleet.id);
  if (running && fleet.turnedBackAt !== undefined) return undefined;
  if (!running) await refuseRunning(fleet.id, deps.ledger);
  const { ids, kept, by } = await undoable(fleet, deps);
  if (ids.length === 0 && by !== undefined && fleet.turnedBackAt === undefined) {
    throw new ToolError(
      'CONFLICT',
      `The successors of this fleet have been rotated in their turn, by ${by}.`,
      'Roll that one back first.',
    );
  }
  if (ids.length === 0) return undefined;
  const alone = kept === 0 ? '' : ` Left alone, since their successors were rotated in their turn: ${kept}.`;
  const what = running ? 'Stop this fleet, and undo what it did by then to' : 'Undo the rotation of';
  return undoing(`${what} ${ids.length}`, ids, alone);
}

/** Turns a fleet back and lets it run, if what a person agreed to is still what there is to undo. */
export async function rollBackFleet(fleet: Fleet, agreed: Question | undefined, deps: Deps) {
  const question = await rollBackQuestion(fleet, deps);
  if (!question || question.text !== agreed?.text) return showFleet(fleet, await deps.ledger.read(), deps);
  return whileItRuns(fleet.id, deps.fleets.run(fleet.id, 'back'), deps);
}

const undoing = (opening: string, ids: readonly string[], ending: string): Question => ({
  text: `${opening} telephony credentials (selection ${digestOf(ids)})? Each old one that still lives gets its former expiry back, and its successor is deleted: whoever uses that by now is cut off.${ending}`,
  phrase: `roll back ${ids.length} credentials`,
});

/** Whose rotation can be undone: all of a fleet that still runs. `kept` of them cannot, since `by` came after. */
async function undoable(fleet: Fleet, { ledger, fleets, now }: Deps) {
  const records = await ledger.read();
  const running = fleets.isRunning(fleet.id);
  const ids: string[] = [];
  const later = new Set<string>();
  let kept = 0;
  for (const [id, { rotation }] of standings(fleet, records, now())) {
    if (rotation && isUndone(rotation, now())) continue;
    const on = rotation && rotatedOnBy(rotation, records, now());
    if (on) {
      kept += 1;
      later.add(on.fleet ?? on.id);
    } else if (running || rotation) ids.push(id);
  }
  const [by] = later;
  return { ids, kept, by };
}

async function waitingIn(fleet: Fleet, { ledger, now }: Deps): Promise<string[]> {
  const all = standings(fleet, await ledger.read(), now());
  return [...all].filter(([, { standing }]) => !isAtRest(standing)).map(([id]) => id);
}
