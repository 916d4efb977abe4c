import type { Facts, OldPush, OldTelephony, PushWish, StepName, TelephonyWish } from './events.ts';
import type { Entry, Wrong } from './journal.ts';

/** What is recorded of one step. */
export interface StepRecord {
  /** How often it was about to be done, when first and when last. */
  intents: number;
  firstIntendedAt?: string;
  intendedAt?: string;
  intent?: Facts;
  done?: { at: string; facts: Facts };
  failed?: { at: string; code: string; message: string };
}

interface Common {
  id: string;
  beganAt: string;
  /** The fleet it is one of. */
  fleet?: string | undefined;
  /** Why it must be left alone. */
  wrong?: Wrong | undefined;
  /** Since when it is being undone. */
  turnedBackAt?: string;
  givenUp?: string;
  /** By `stepKey`. */
  steps: ReadonlyMap<string, StepRecord>;
}

export type TelephonyRotation = Common & { kind: 'telephony'; old: OldTelephony; wish: TelephonyWish };
export type PushRotation = Common & { kind: 'push'; old: OldPush; wish: PushWish };
export type Rotation = TelephonyRotation | PushRotation;

export const stepKey = (step: StepName, of?: string): string => (of === undefined ? step : `${step}:${of}`);

/** What came of a step, or undefined while it is not done. */
export function factsOf({ steps }: Rotation, step: StepName, of?: string): Facts | undefined {
  return steps.get(stepKey(step, of))?.done?.facts;
}

/** The id of the successor, for the steps that come after it was made. */
export function successorOf(rotation: Rotation): string {
  const id = factsOf(rotation, 'create')?.id;
  if (id === undefined) throw new Error('a step before the successor was made');
  return id;
}

/** A rotation as its entries tell it; undefined when they do not begin with its beginning. `wrong` is what is so with its job. */
export function rotationFrom(entries: readonly Entry[], wrong?: Wrong): Rotation | undefined {
  const [first] = entries;
  if (first?.event.type !== 'began') return undefined;
  const { type: _, ...began } = first.event;
  const steps = new Map<string, StepRecord>();
  const rotation: Rotation = { id: first.rotation, beganAt: first.at, steps, ...(wrong && { wrong }), ...began };
  for (const entry of entries) apply(rotation, steps, entry);
  return rotation;
}

function apply(rotation: Rotation, steps: Map<string, StepRecord>, { event, at }: Entry): void {
  if (event.type === 'turned_back') rotation.turnedBackAt = at;
  else if (event.type === 'given_up') rotation.givenUp = event.note;
  else if (event.type === 'accepted' && rotation.kind === 'telephony') {
    rotation.old = event.old;
  } else if ('step' in event) {
    const key = stepKey(event.step, event.of);
    steps.set(key, recorded(steps.get(key) ?? { intents: 0 }, event, at));
  }
}

function recorded(before: StepRecord, event: Entry['event'], at: string): StepRecord {
  switch (event.type) {
    case 'intent':
      return {
        ...before,
        intents: before.intents + 1,
        firstIntendedAt: before.firstIntendedAt ?? at,
        intendedAt: at,
        intent: event.facts,
      };
    case 'done':
      return { ...before, done: { at, facts: event.facts } };
    case 'failed':
      return { ...before, failed: { at, code: event.code, message: event.message } };
    default:
      return before;
  }
}
