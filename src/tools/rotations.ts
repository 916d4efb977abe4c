import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { fleetFrom } from '../fleet/fleet.ts';
import { allRotations, alone } from '../rotation/begin.ts';
import { oldOf } from '../rotation/parties.ts';
import type { Rotation } from '../rotation/rotation.ts';
import { load, record, run } from '../rotation/run.ts';
import { left, type Next } from '../rotation/steps.ts';
import { turnBack } from '../rotation/turn-back.ts';
import { type Deps, defineChange, defineRead } from '../tool.ts';
import { cursor, id, page } from './fields.ts';
import {
  continueFleet,
  findFleet,
  goOnQuestion as goOnFleetQuestion,
  rollBackFleet,
  rollBackQuestion as rollBackFleetQuestion,
} from './fleet-goes-on.ts';
import { viewFleet } from './fleet-view.ts';
import { reread } from './push-material.ts';
import { goOnQuestion, rollBackQuestion } from './rotation-questions.ts';
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
  confirm: async (args, deps) => {
    const fleet = await findFleet(args.id, deps);
    return fleet ? goOnFleetQuestion(fleet, deps) : (await goOnQuestion(await find(args.id, deps), deps)).question;
  },
  plan: async (args, deps) => {
    const records = await deps.ledger.read();
    const fleet = fleetFrom(records.of(args.id));
    return { requests: fleet ? viewFleet(fleet, records, deps).left : left(await find(args.id, deps)).map(titled) };
  },
  run: async (args, deps, agreed) => {
    const fleet = await findFleet(args.id, deps);
    if (fleet) return continueFleet(fleet, agreed, deps);
    return aloneWith(args.id, deps, async (rotation) => {
      const asked = await goOnQuestion(rotation, deps);
      // Someone else may have brought it further since the person was asked: then they agreed to something else.
      if (asked.question?.text !== agreed?.text) return rotation;
      const { accepts, deletes } = asked;
      const accepted = accepts && (await record(deps, rotation.id, { type: 'accepted', old: oldOf(accepts) }));
      return run(accepted ?? rotation, deps, { mayDelete: deletes, material: () => reread(rotation, deps) });
    });
  },
});

export const rollBackRotation = defineChange({
  name: 'roll_back_rotation',
  title: 'Roll back a rotation',
  description:
    'Undo a rotation while the old credential lives: its former expiry back, connections back to it, the successor deleted. Asks the person.',
  ...onRotation,
  confirm: async (args, deps) => {
    const fleet = await findFleet(args.id, deps);
    return fleet ? rollBackFleetQuestion(fleet, deps) : rollBackQuestion(await find(args.id, deps), deps);
  },
  plan: async (args, deps) => {
    const fleet = await findFleet(args.id, deps);
    if (fleet) return { requests: [(await rollBackFleetQuestion(fleet, deps))?.text ?? 'nothing'] };
    const rotation = await find(args.id, deps);
    return { requests: left({ ...rotation, turnedBackAt: deps.now().toISOString() }).map(titled) };
  },
  run: async (args, deps, agreed) => {
    const fleet = await findFleet(args.id, deps);
    if (fleet) return rollBackFleet(fleet, agreed, deps);
    return aloneWith(args.id, deps, async (rotation) => {
      const question = await rollBackQuestion(rotation, deps);
      if (!question || question.text !== agreed?.text) return rotation;
      return run(await turnBack(rotation, deps), deps, { mayDelete: true });
    });
  },
});

const titled = ({ title, of }: Next): string => (of === undefined ? title : `${title}: ${of}`);

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
