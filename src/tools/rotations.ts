import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { allRotations, alone } from '../rotation/begin.ts';
import type { Rotation } from '../rotation/rotation.ts';
import { load, record, run } from '../rotation/run.ts';
import { isOver, left, type Next, stateOf } from '../rotation/steps.ts';
import { oldOf } from '../rotation/telephony.ts';
import { type Deps, defineChange, defineRead } from '../tool.ts';
import { cursor, id, page } from './fields.ts';
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
    if (args.id !== undefined) return { rotations: [viewRotation(await find(args.id, deps), deps)] };
    const offset = deps.cursors.open('rotations', args.cursor);
    const all = openFirst(await allRotations(deps.ledger), deps.now());
    const rows = all.slice(offset, offset + args.limit);
    return {
      rotations: rows.map((rotation) => viewRotation(rotation, deps)),
      total: all.length,
      ...(offset + rows.length < all.length && { next_cursor: deps.cursors.seal('rotations', offset + rows.length) }),
    };
  },
});

export const continueRotation = defineChange({
  name: 'continue_rotation',
  title: 'Continue a rotation',
  description:
    'Go on with a rotation after a crash, an error or a wait. After the overlap it deletes the old credential, asking the person first.',
  toolset: 'rotation',
  effect: 'destroy',
  lasts: true,
  input: z.object({ id }),
  output: z.object({ rotation: rotationShape }),
  confirm: async (args, deps) => (await goOnQuestion(await find(args.id, deps), deps)).question,
  plan: async (args, deps) => ({ requests: left(await find(args.id, deps)).map(titled) }),
  run: (args, deps, agreed) =>
    aloneWith(args.id, deps, async (rotation) => {
      const asked = await goOnQuestion(rotation, deps);
      // Someone else may have brought it further since the person was asked: then they agreed to something else.
      if (asked.question?.text !== agreed?.text) return rotation;
      const { accepts, deletes } = asked;
      const accepted = accepts && (await record(deps, rotation.id, { type: 'accepted', old: oldOf(accepts) }));
      return run(accepted ?? rotation, deps, { mayDelete: deletes, material: () => reread(rotation, deps) });
    }),
});

export const rollBackRotation = defineChange({
  name: 'roll_back_rotation',
  title: 'Roll back a rotation',
  description:
    'Undo a rotation while the old credential lives: its former expiry back, connections back to it, the successor deleted. Asks the person.',
  toolset: 'rotation',
  effect: 'destroy',
  lasts: true,
  input: z.object({ id }),
  output: z.object({ rotation: rotationShape }),
  confirm: async (args, deps) => rollBackQuestion(await find(args.id, deps), deps),
  plan: async (args, deps) => {
    const rotation = await find(args.id, deps);
    return { requests: left({ ...rotation, turnedBackAt: deps.now().toISOString() }).map(titled) };
  },
  run: (args, deps, agreed) =>
    aloneWith(args.id, deps, async (rotation) => {
      const question = await rollBackQuestion(rotation, deps);
      if (!question || question.text !== agreed?.text) return rotation;
      const turned = rotation.turnedBackAt ? rotation : await record(deps, rotation.id, { type: 'turned_back' });
      return run(turned, deps, { mayDelete: true });
    }),
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

function openFirst(rotations: Rotation[], now: Date): Rotation[] {
  const over = (rotation: Rotation) => Number(isOver(stateOf(rotation, now)));
  return rotations.sort((a, b) => over(a) - over(b));
}
