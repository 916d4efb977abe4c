import { ToolError, WorldChanged } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import { cleanUpSteps } from './clean-up.ts';
import type { Facts, StepName } from './events.ts';
import { type Item, isOver, left, type Next, stateOf, stepKey } from './item.ts';
import { damage } from './journal.ts';
import { pushSteps } from './push.ts';
import { telephonySteps } from './telephony.ts';
import { telephonyRollback } from './telephony-rollback.ts';
import { shorten } from './until-moved.ts';
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
 * Does what is left of an item, as far as it can go by now: until it waits for the overlap or for a person, or the call's
 * time is used up. The caller holds its leases. Throws the error of the step that failed, with what to do next.
 */
export async function run<I extends Item>(item: I, means: Work, given: Running): Promise<I> {
  if (item.wrong) throw damage(item.id, item.wrong);
  // Whoever was taken for dead while a request waited must not send it: another has gone on from there.
  const work = { ...means, http: means.http.under(() => given.lease.check()) };
  const hands = { ...given };
  let current = item;
  try {
    for (;;) {
      const [next] = left(current);
      if (!next || (next.final && !given.mayDelete)) return await finished(current, work, given.lease);
      if (work.timeLeft() < ENOUGH_MS) return current;
      const { after, later } = await take(current, next, work, hands);
      current = after;
      if (later) return current;
    }
  } finally {
    // A destination that a step reserved; one that was given is disposed of by its giver.
    if (hands.slot !== given.slot) await hands.slot?.[Symbol.asyncDispose]();
  }
}

/** Nothing more is expected of one that is over: it is kept in few words. That can be done another time as well. */
async function finished<I extends Item>(item: I, { jobs, now }: Work, lease: Lease): Promise<I> {
  const alone = item.fleet === undefined;
  if (alone && isOver(stateOf(item, now()))) await jobs.condense(item.id, lease).catch(() => undefined);
  return item;
}

/** Does a step; gives the item with what was recorded of it, and whether it needs more time than the call has. */
async function take<I extends Item>(
  item: I,
  next: Next,
  work: Work,
  hands: Running,
): Promise<{ after: I; later: boolean }> {
  const { step, of } = next;
  const name = of === undefined ? { step } : { step, of };
  let after = item;
  const doing = {
    work,
    hands,
    of,
    record: item.steps.get(stepKey(step, of)),
    intend: async (facts: Facts = {}) => {
      after = await work.jobs.record(after, { type: 'intent', ...name, facts }, hands.lease);
    },
  };
  const facts = await handle(item, step, doing).catch(async (error: unknown) => {
    throw error instanceof ToolError ? await stopped(item, after, next, error, work, hands.lease) : error;
  });
  if (facts === 'later') return { after, later: true };
  // What is done but not recorded is found done when the item goes on: every step looks before it acts.
  after = await work.jobs.record(after, { type: 'done', ...name, facts }, hands.lease);
  return { after, later: false };
}

function handle(item: Item, step: StepName, doing: Omit<Doing<Item>, 'item'>): ReturnType<Handler<never>> {
  const recipe = RECIPES[item.kind] as Partial<Record<StepName, Handler<Item>>>;
  const done = recipe[step]?.({ ...doing, item });
  if (!done) throw new Error(`nobody does ${step}`);
  return done;
}

/** What does the steps of each kind of item. */
const RECIPES = {
  telephony: { ...telephonySteps, shorten, ...telephonyRollback },
  push: pushSteps,
  'clean-up': cleanUpSteps,
};

/** Records why a step failed and gives the error as the agent should read it. `before` is the item without that try. */
async function stopped(
  before: Item,
  item: Item,
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
  const after = await jobs.record(item, failed, lease).catch(() => undefined);
  const giveUp = (note: string) => jobs.record(item, { type: 'given_up', note }, lease).catch(() => undefined);
  const tries = ({ steps }: Item): number => steps.get('create')?.intents ?? 0;
  // Nothing was sent when the world was found to be another one than was agreed to.
  const unsent = code === 'CONFLICT' && after !== undefined && tries(after) === 0;
  if (step === 'create' && (unsent || (HOPELESS.includes(code) && tries(before) === 0))) {
    await giveUp('The successor could not be made.');
    const ended = `The rotation ended before it changed anything: ${message}`;
    return unsent ? new WorldChanged(ended) : new ToolError(code, ended, next, details);
  }
  // What cannot be rolled back any more need not be tried for ever.
  if (step === 'restore' && code === 'CONFLICT') {
    await giveUp(message);
    return new ToolError(code, message, next, details);
  }
  if (item.kind === 'clean-up') return error;
  return new ToolError(
    code,
    `Rotation ${item.id} stopped at "${title}": ${message}`,
    `${next} Then continue_rotation with id ${item.id} goes on, and roll_back_rotation undoes it.`,
    details,
  );
}
