import { conflict, ToolError, WorldChanged } from '../errors.ts';
import type { Facts, RotationEvent, StepName } from './events.ts';
import { pushSteps } from './push.ts';
import { type Rotation, rotationFrom, stepKey } from './rotation.ts';
import { left, type Next } from './steps.ts';
import { telephonySteps } from './telephony.ts';
import { telephonyUndo } from './telephony-undo.ts';
import { type Doing, ENOUGH_MS, type Handler, type Hands, type Work } from './work.ts';

/** A create refused like this will be refused again: the rotation ends before it has changed anything. */
const HOPELESS = ['VALIDATION', 'PERMISSION', 'AUTHENTICATION', 'NOT_FOUND', 'BAD_INPUT', 'CONFIGURATION'];

interface Running extends Hands {
  /** A person has said yes to the deletion of the old credential. */
  mayDelete: boolean;
}

/** The rotation as the ledger has it; undefined for an id it does not know. */
export async function load({ ledger }: Work, id: string): Promise<Rotation | undefined> {
  return rotationFrom((await ledger.read()).of(id));
}

/** Records what happened to a rotation and gives it with that in it. Throws when it cannot be recorded. */
export async function record(work: Work, id: string, event: RotationEvent): Promise<Rotation> {
  const before = (await work.ledger.read()).of(id);
  const entry = { rotation: id, n: (before.at(-1)?.n ?? -1) + 1, at: work.now().toISOString(), event };
  await work.ledger.append(entry);
  const rotation = rotationFrom([...before, entry]);
  if (!rotation) throw new Error('a rotation without a beginning');
  return rotation;
}

/**
 * Does what is left of a rotation, as far as it can go by now: until it waits for the overlap or for a person, or the
 * call's time is used up. The caller holds its lock. Throws the error of the step that failed, with what to do next.
 */
export async function run(rotation: Rotation, work: Work, given: Running): Promise<Rotation> {
  if (rotation.damaged) throw damage(rotation);
  const hands = { ...given };
  let current = rotation;
  try {
    for (;;) {
      const [next] = left(current);
      if (!next || (next.final && !given.mayDelete)) return current;
      if (work.timeLeft() < ENOUGH_MS) return current;
      const after = await take(current, next, work, hands);
      if (after === 'later') return (await load(work, current.id)) ?? current;
      current = after;
    }
  } finally {
    // A destination that a step reserved; one that was given is disposed of by its giver.
    if (hands.slot !== given.slot) await hands.slot?.[Symbol.asyncDispose]();
  }
}

function damage({ id }: Rotation): ToolError {
  return conflict(
    `Parts of what the ledger recorded of rotation ${id} are missing, so it cannot be told what was done. Nothing was changed.`,
    'Tell the person to run "telnyx-credentials-mcp ledger verify" and to look at both credentials; finish by hand with the other tools.',
  );
}

async function take(rotation: Rotation, next: Next, work: Work, hands: Hands): Promise<Rotation | 'later'> {
  const { step, of } = next;
  const name = of === undefined ? { step } : { step, of };
  const doing = {
    work,
    hands,
    of,
    record: rotation.steps.get(stepKey(step, of)),
    intend: async (facts: Facts = {}) => {
      await record(work, rotation.id, { type: 'intent', ...name, facts });
    },
  };
  const facts = await handle(rotation, step, doing).catch(async (error: unknown) => {
    throw error instanceof ToolError ? await stopped(rotation, next, error, work) : error;
  });
  // What is done but not recorded is found done when the rotation goes on: every step looks before it acts.
  return facts === 'later' ? facts : record(work, rotation.id, { type: 'done', ...name, facts });
}

function handle(
  rotation: Rotation,
  step: StepName,
  doing: Omit<Doing<Rotation>, 'rotation'>,
): ReturnType<Handler<never>> {
  const done =
    rotation.kind === 'push'
      ? pushSteps[step]?.({ ...doing, rotation })
      : { ...telephonySteps, ...telephonyUndo }[step]?.({ ...doing, rotation });
  if (!done) throw new Error(`nobody does ${step}`);
  return done;
}

/** Records why a step failed and gives the error as the agent should read it. */
async function stopped(
  rotation: Rotation,
  { step, of, title }: Next,
  error: ToolError,
  work: Work,
): Promise<ToolError> {
  const { code, message, reason, next, details } = error;
  const failed = { type: 'failed' as const, step, ...(of !== undefined && { of }), code, message: reason };
  // When not even this can be recorded, the error itself still says what happened.
  const after = await record(work, rotation.id, failed).catch(() => undefined);
  const tries = ({ steps }: Rotation): number => steps.get('create')?.intents ?? 0;
  // Nothing was sent when the world was found to be another one than was agreed to.
  const unsent = code === 'CONFLICT' && after !== undefined && tries(after) === 0;
  if (step === 'create' && (unsent || (HOPELESS.includes(code) && tries(rotation) === 0))) {
    await record(work, rotation.id, { type: 'given_up', note: 'The successor could not be made.' }).catch(
      () => undefined,
    );
    const ended = `The rotation ended before it changed anything: ${message}`;
    return unsent ? new WorldChanged(ended) : new ToolError(code, ended, next, details);
  }
  // What cannot be undone any more need not be tried for ever.
  if (step === 'restore' && code === 'CONFLICT') {
    await record(work, rotation.id, { type: 'given_up', note: message }).catch(() => undefined);
    return new ToolError(code, message, next, details);
  }
  return new ToolError(
    code,
    `Rotation ${rotation.id} stopped at "${title}": ${message}`,
    `${next} Then continue_rotation with id ${rotation.id} goes on, and roll_back_rotation undoes it.`,
    details,
  );
}
