import { factsOf, isOver, type Rotation, retiresAt, stateOf } from '../src/jobs/item.ts';
import { continueRotation, getRotation, rollBackRotation } from '../src/tools/rotations.ts';
import { type Command, describeManner, drive, type Manner } from './rotation-calls.ts';
import type { Universe } from './rotation-model.ts';

const MINUTE = 60_000;
const ROUNDS = 24;
const FORWARD_ERRORS = 2;
const BACK_ERRORS = 2;

/** The nth rotation there is by now. */
export const nth = (universe: Universe, n: number): Rotation | undefined => universe.rotations()[n];

/** A call that either of two servers can be asked for. */
export interface Call extends Command {
  run(universe: Universe, server?: 0 | 1): Promise<void>;
}

const NAMES = { continue: continueRotation, 'roll back': rollBackRotation, get: getRotation };

/** A call about the nth rotation. */
export function callAbout(what: keyof typeof NAMES, n: number, how: Manner): Call {
  const run = async (universe: Universe, server: 0 | 1 = 0) => {
    const rotation = nth(universe, n);
    if (rotation) await drive(universe, NAMES[what], { id: rotation.id }, how, server);
  };
  return { run, toString: () => `${what} ${n}${describeManner(how)}` };
}

/**
 * Two calls at the same time, to two servers; the other one comes so many turns later. Without outsiders: what they do
 * in between looking and acting nobody can see.
 */
export const both = (one: Call, other: Call, turns: number): Command => ({
  async run(universe) {
    const second = async () => {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await other.run(universe, 1);
    };
    await Promise.all([one.run(universe, 0), second()]);
  },
  toString: () => `(${one} || +${turns} ${other})`,
});

export const waits = (minutes: number): Command => ({
  run: async (universe) => universe.pass(minutes * MINUTE),
  toString: () => `${minutes}m pass`,
});

/**
 * Without any more faults, and with a person who says yes, brings every rotation to its end: forward, and back when
 * there is no way forward. `mend` does on the outside what the errors ask for.
 */
export async function heal(universe: Universe, mend: (rotation: Rotation) => void = () => undefined): Promise<void> {
  for (const { id } of universe.rotations().reverse()) {
    let errors = 0;
    for (let round = 0; round < ROUNDS && errors < FORWARD_ERRORS + BACK_ERRORS; round += 1) {
      const rotation = universe.rotations().find((each) => each.id === id);
      if (!rotation) break;
      const state = stateOf(rotation, universe.now());
      if (isOver(state)) break;
      if (state === 'overlap') universe.pass(Date.parse(retiresAt(rotation) ?? '') - universe.time + 1000);
      if (errors > 0) mend(rotation);
      const back = errors >= FORWARD_ERRORS && state !== 'rolling_back';
      // When nobody else had a hand in it there is a way forward, unless a process died with what was dropped at a page.
      const dropped = rotation.kind === 'push' && rotation.wish.files === undefined && !factsOf(rotation, 'create');
      universe.demand(!back || universe.touched || dropped, 'had to be rolled back');
      const { error } = await drive(universe, back ? rollBackRotation : continueRotation, { id });
      if (error) errors += 1;
    }
  }
  // By now everything that was still on its way is there.
  universe.pass(MINUTE);
}
