import { ToolError, WorldChanged } from '../core/errors.ts';
import type { Facts, StepName } from './events.ts';
import { damage } from './job-file.ts';
import type { Lease } from './journal.ts';
import { pushSteps } from './push.ts';
import { type Rotation, stepKey } from './rotation.ts';
import { isOver, left, type Next, stateOf } from './steps.ts';
import { telephonySteps } from './telephony.ts';
import { telephonyUndo } from './telephony-undo.ts';
import { type Doing, ENOUGH_MS, type Handler, type Hands, type Work } from './work.ts';

/** A create refused like this will be refused again: the rotation ends before it has changed anything. */
const HOPELESS = ['VALIDATION', 'PERMISSION', 'AUTHENTICATION', 'NOT_FOUND', 'BAD_INPUT', 'CONFIGURATION'];

interface Running extends Hands {
  /** A person has said yes to the deletion of the old credential. */
  mayDelete: boolean;
  /** The one to record it under. */
  lease: Lease;
}

/**
 * Does what is left of a rotation, as far as it can go by now: until it waits for the overlap or for a person, or the
 * call's time is used up. The caller holds its leases. Throws the error of the step that failed, with what to do next.
 */
export async function run(rotation: Rotation, work: Work, given: Running): Promise<Rotation> {
  if (rotation.wrong) throw damage(rotation.id, rotation.wrong);
  const hands = { ...given };
  let current = rotation;
  try {
    for (;;) {
      const [next] = left(current);
      if (!next || (next.final && !given.mayDelete)) return await finished(current, work, given.lease);
      if (work.timeLeft() < ENOUGH_MS) return current;
      const after = await take(current, next, work, hands);
      if (after === 'later') return (await work.jobs.rotation(current.id)) ?? current;
      current = after;
    }
  } finally {
    // A destination that a step reserved; one that was given is disposed of by its giver.
    if (hands.slot !== given.slot) await hands.slot?.[Symbol.asyncDispose]();
  }
}

/** Nothing more is expected of one that is over: it is kept in few words. That can be done another time as well. */
async function finished(rotation: Rotation, { jobs, now }: Work, lease: Lease): Promise<Rotation> {
  const alone = rotation.fleet === undefined;
  if (alone && isOver(stateOf(rotation, now()))) await jobs.condense(rotation.id, lease).catch(() => undefined);
  return rotation;
}

async function take(rotation: Rotation, next: Next, work: Work, hands: Running): Promise<Rotation | 'later'> {
  const { step, of } = next;
  const name = of === undefined ? { step } : { step, of };
  const doing = {
    work,
    hands,
    of,
    record: rotation.steps.get(stepKey(step, of)),
    intend: async (facts: Facts = {}) => {
      await work.jobs.record(rotation.id, { type: 'intent', ...name, facts }, hands.lease);
    },
  };
  const facts = await handle(rotation, step, doing).catch(async (error: unknown) => {
    throw error instanceof ToolError ? await stopped(rotation, next, error, work, hands.lease) : error;
  });
  // What is done but not recorded is found done when the rotation goes on: every step looks before it acts.
  return facts === 'later' ? facts : work.jobs.record(rotation.id, { type: 'done', ...name, facts }, hands.lease);
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
  { jobs }: Work,
  lease: Lease,
): Promise<ToolError> {
  const { code, message, reason, next, details } = error;
  // Whoever stopped it knows, and nothing has failed.
  if (code === 'CANCELLED') return error;
  const failed = { type: 'failed' as const, step, ...(of !== undefined && { of }), code, message: reason };
  // When not even this can be recorded, the error itself still says what happened.
  const after = await jobs.record(rotation.id, failed, lease).catch(() => undefined);
  const giveUp = (note: string) => jobs.record(rotation.id, { type: 'given_up', note }, lease).catch(() => undefined);
  const tries = ({ steps }: Rotation): number => steps.get('create')?.intents ?? 0;
  // Nothing was sent when the world was found to be another one than was agreed to.
  const unsent = code === 'CONFLICT' && after !== undefined && tries(after) === 0;
  if (step === 'create' && (unsent || (HOPELESS.includes(code) && tries(rotation) === 0))) {
    await giveUp('The successor could not be made.');
    const ended = `The rotation ended before it changed anything: ${message}`;
    return unsent ? new WorldChanged(ended) : new ToolError(code, ended, next, details);
  }
  // What cannot be undone any more need not be tried for ever.
  if (step === 'restore' && code === 'CONFLICT') {
    await giveUp(message);
    return new ToolError(code, message, next, details);
  }
  return new ToolError(
    code,
    `Rotation ${rotation.id} stopped at "${title}": ${message}`,
    `${next} Then continue_rotation with id ${rotation.id} goes on, and roll_back_rotation undoes it.`,
    details,
  );
}
