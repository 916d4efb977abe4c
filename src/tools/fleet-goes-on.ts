import { badInput, ToolError } from '../errors.ts';
import { type Fleet, fleetFrom, isAtRest, standings } from '../fleet/fleet.ts';
import type { Question } from '../people/question.ts';
import type { Deps } from '../tool.ts';
import { goOn } from './fleet.ts';
import { showFleet } from './fleet-view.ts';

/** The fleet with an id, or undefined when it is that of something else, or of nothing. */
export async function findFleet(id: string, { ledger }: Deps): Promise<Fleet | undefined> {
  return fleetFrom((await ledger.read()).of(id));
}

/** What going on with a fleet needs a person for: what it deletes. */
export async function goOnQuestion(fleet: Fleet, deps: Deps): Promise<Question | undefined> {
  const waiting = await waitingIn(fleet, deps);
  if (waiting === 0 || deps.fleets.isRunning(fleet.id)) return undefined;
  if (fleet.turnedBackAt !== undefined) {
    return {
      text: `Go on undoing the rotation of ${waiting} credentials? Their successors are deleted.`,
      phrase: `roll back ${waiting} credentials`,
    };
  }
  if (fleet.job === 'delete') {
    return {
      text: `Go on deleting ${waiting} expired telephony credentials?`,
      phrase: `delete ${waiting} expired credentials`,
    };
  }
  if (fleet.wish.overlap > 0) return undefined;
  return {
    text: `Go on rotating ${waiting} telephony credentials? Each old one is DELETED AT ONCE, as agreed when it began.`,
    phrase: `rotate ${waiting} credentials`,
  };
}

/** Goes on with a fleet, if what a person agreed to is still what is left of it. */
export async function continueFleet(fleet: Fleet, agreed: Question | undefined, deps: Deps) {
  const question = await goOnQuestion(fleet, deps);
  const waiting = await waitingIn(fleet, deps);
  if (question?.text !== agreed?.text || waiting === 0 || fleet.members.length < fleet.expected) {
    return showFleet(fleet, await deps.ledger.read(), deps);
  }
  return goOn(fleet.id, deps);
}

/** The question of undoing a fleet's rotations; undefined when that is done. Throws when there is no way back. */
export async function rollBackQuestion(fleet: Fleet, deps: Deps): Promise<Question | undefined> {
  if (fleet.job === 'delete') throw badInput('What is deleted cannot be brought back.', 'Nothing can be done.');
  if (deps.fleets.isRunning(fleet.id)) {
    throw new ToolError(
      'CONFLICT',
      'This fleet is still running.',
      'Call again when get_rotation says that it is done or stopped.',
    );
  }
  const records = await deps.ledger.read();
  const made = [...standings(fleet, records, deps.now()).values()].filter(({ rotation }) => rotation).length;
  const waiting = fleet.turnedBackAt === undefined ? made : await waitingIn(fleet, deps);
  if (waiting === 0) return undefined;
  return {
    text: `Undo the rotation of ${waiting} telephony credentials? Each old one that still lives gets its former expiry back, and its successor is deleted: whoever uses that by now is cut off.`,
    phrase: `roll back ${waiting} credentials`,
  };
}

/** Turns a fleet back and lets it run, if what a person agreed to is still what there is to undo. */
export async function rollBackFleet(fleet: Fleet, agreed: Question | undefined, deps: Deps) {
  const question = await rollBackQuestion(fleet, deps);
  const entries = (await deps.ledger.read()).of(fleet.id);
  if (!question || question.text !== agreed?.text) return showFleet(fleet, await deps.ledger.read(), deps);
  if (fleet.turnedBackAt === undefined) {
    const n = (entries.at(-1)?.n ?? -1) + 1;
    await deps.ledger.append({ rotation: fleet.id, n, at: deps.now().toISOString(), event: { type: 'turned_back' } });
  }
  return goOn(fleet.id, deps);
}

async function waitingIn(fleet: Fleet, { ledger, now }: Deps): Promise<number> {
  const all = standings(fleet, await ledger.read(), now());
  return [...all.values()].filter(({ standing }) => !isAtRest(standing)).length;
}
