import { z } from 'zod';
import { changedSince, differences } from '../consent.ts';
import { ToolError } from '../errors.ts';
import { fleetFrom } from '../fleet/fleet.ts';
import { allRotations, alone, turnBack } from '../rotation/begin.ts';
import { factsOf, type Rotation } from '../rotation/rotation.ts';
import { load, record, run } from '../rotation/run.ts';
import { inWords, left } from '../rotation/steps.ts';
import { type Deps, defineChange, defineRead, nothing } from '../tool.ts';
import { cursor, id, page } from './fields.ts';
import { findFleet, goingOnWithFleet, rollingFleetBack, runFleet } from './fleet-goes-on.ts';
import { viewFleet } from './fleet-view.ts';
import { reread } from './push-material.ts';
import { type GoingOn, goingOn, rollingBack } from './rotation-questions.ts';
import { result, rotationShape, viewRotation } from './rotation-view.ts';

export const getRotation = defineRead({
  name: 'get_rotation',
  title: 'Look at rotations',
  description:
    'One rotation by id, or all: open ones first, then the latest. What was done, what is left, and what to do next.',
  toolset: 'rotation',
  input: z.object({ id: id.optional(), limit: z.int().min(1).max(50).default(10), cursor }),
  output: z.object({ rotations: z.array(rotationShape), ...page }),
  run: async (args, deps) => {
    const records = await deps.ledger.read();
    if (args.id !== undefined) {
      const fleet = fleetFrom(records.of(args.id));
      return { rotations: [fleet ? viewFleet(fleet, records, deps) : viewRotation(await find(args.id, deps), deps)] };
    }
    const offset = deps.cursors.open('rotations', args.cursor);
    // A fleet stands for its members.
    const single = (await allRotations(deps.ledger)).filter(({ fleet }) => fleet === undefined);
    const views = single.map((rotation) => ({ at: rotation.beganAt, view: viewRotation(rotation, deps) }));
    const fleets = [...records.ids()].flatMap((id) => fleetFrom(records.of(id)) ?? []);
    const all = openFirst([
      ...fleets.map((fleet) => ({ at: fleet.beganAt, view: viewFleet(fleet, records, deps) })),
      ...views,
    ]);
    const rows = all.slice(offset, offset + args.limit);
    return {
      rotations: rows,
      total: all.length,
      ...(offset + rows.length < all.length && { next_cursor: deps.cursors.seal('rotations', offset + rows.length) }),
    };
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
    const fleet = await findFleet(args.id, deps);
    if (fleet) return goingOnWithFleet(fleet, deps);
    const rotation = await find(args.id, deps);
    return proposalOf(rotation, await goingOn(rotation, deps));
  },
  run: (proposal, deps) => ('fleet' in proposal ? runFleet(proposal, deps) : goOn(proposal, deps)),
});

export const rollBackRotation = defineChange({
  name: 'roll_back_rotation',
  title: 'Roll back a rotation',
  description:
    'Undo a rotation while the old credential lives: its former expiry back, connections back to it, the successor deleted. Asks the person.',
  ...onRotation,
  asks: 'always',
  propose: async (args, deps) => {
    const fleet = await findFleet(args.id, deps);
    if (fleet) return rollingFleetBack(fleet, deps);
    const rotation = await find(args.id, deps);
    const back = await rollingBack(rotation, deps);
    if (!back) return nothing('there is nothing to undo', () => result(rotation, deps));
    return proposalOf(rotation, { deletes: false, ...back }, true);
  },
  run: (proposal, deps) => ('fleet' in proposal ? runFleet(proposal, deps) : goOn(proposal, deps)),
});

/** What going on with a rotation, or back, would do to it as it stands. */
function proposalOf(rotation: Rotation, { question, ...going }: GoingOn, back = rotation.turnedBackAt !== undefined) {
  const steps = back ? left({ ...rotation, turnedBackAt: rotation.turnedBackAt ?? rotation.beganAt }) : left(rotation);
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
  turned_back: rotation.turnedBackAt !== undefined,
  ...(!back && { left: left(rotation).map((next) => inWords(rotation, next)) }),
});

/** Goes on with a rotation, or back, if it still stands as it did; else shows how it stands, or says so to who said yes. */
function goOn({ binding, seen, question }: ReturnType<typeof proposalOf>, deps: Deps) {
  const { rotation: id, stands, back, deletes, old, accepts } = binding;
  return aloneWith(id, deps, async (rotation) => {
    const changed = differences(stands, standing(rotation, back));
    if (changed.length > 0 && question) throw changedSince(`Rotation ${id}`, changed);
    if (changed.length > 0) return rotation;
    if (back) {
      const now = seen ? old : (await rollingBack(rotation, deps))?.old;
      const moved = differences(old, now);
      if (moved.length > 0) throw changedSince('The old credential', moved);
      return run(await turnBack(rotation, deps), deps, { mayDelete: true });
    }
    const accepted = accepts && old && (await record(deps, id, { type: 'accepted', old }));
    const hands = { agreed: old, mayDelete: deletes, material: () => reread(rotation, deps) };
    return run(accepted ?? rotation, deps, hands);
  });
}

async function find(rotationId: string, deps: Deps): Promise<Rotation> {
  const rotation = await load(deps, rotationId);
  if (rotation) return rotation;
  throw new ToolError('NOT_FOUND', 'No rotation has this id here.', 'Call get_rotation without an id to see them all.');
}

/** Works on a rotation as the only one; shows it as it stands while someone else is at it. */
async function aloneWith(rotationId: string, deps: Deps, work: (rotation: Rotation) => Promise<Rotation>) {
  const { old } = await find(rotationId, deps);
  const rotation = await alone(
    deps.ledger,
    old.id,
    async () => work(await find(rotationId, deps)),
    () => find(rotationId, deps),
  );
  return result(rotation, deps);
}

function openFirst<T extends { state: string }>(rotations: { at: string; view: T }[]): T[] {
  const over = ({ view }: { view: T }): number => Number(['done', 'rolled_back', 'given_up'].includes(view.state));
  return rotations.sort((a, b) => over(a) - over(b) || b.at.localeCompare(a.at)).map(({ view }) => view);
}
