import { quoted } from '../core/text.ts';
import type { Facts, Member, OldPush, OldTelephony, PushWish, StepName, TelephonyWish, Watched } from './events.ts';
import type { Entry, Wrong } from './journal.ts';
import { afterLook, type Watch } from './watch.ts';

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
  /** Since when it is being rolled back. */
  rollbackAt?: string;
  givenUp?: string;
  /** By `stepKey`. */
  steps: ReadonlyMap<string, StepRecord>;
}

export type TelephonyRotation = Common & {
  kind: 'telephony';
  old: OldTelephony;
  wish: TelephonyWish;
  /** What looks have shown of it, once its successor was seen. */
  watch?: Watch | undefined;
};
export type PushRotation = Common & { kind: 'push'; old: OldPush; wish: PushWish };
export type Rotation = TelephonyRotation | PushRotation;
/** A member of a clean-up, which is deleted since it has expired. It is recorded under the id of the clean-up. */
export type CleanUp = Common & { kind: 'clean-up'; old: Member };
/** What is done to one credential, step by step. */
export type Item = Rotation | CleanUp;

export const stepKey = (step: StepName, of?: string): string => (of === undefined ? step : `${step}:${of}`);

/** What came of a step, or undefined while it is not done. */
export function factsOf({ steps }: Item, step: StepName, of?: string): Facts | undefined {
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
  const rotation = { id: first.rotation, beganAt: first.at, steps: new Map(), ...(wrong && { wrong }), ...began };
  for (const entry of entries) apply(rotation, rotation.steps, entry);
  return rotation;
}

/** The clean-up of one member, of which nothing is recorded yet. */
export const cleanUpOf = (old: Member, job: Pick<Common, 'id' | 'beganAt'>): CleanUp & { steps: Steps } => ({
  ...{ id: job.id, beganAt: job.beganAt, fleet: job.id },
  ...{ kind: 'clean-up', old, steps: new Map() },
});

/** An item with one more thing that happened to it. */
export function withEntry<I extends Item>(item: I, entry: Entry): I {
  const steps = new Map(item.steps);
  const later = { ...item, steps };
  apply(later, steps, entry);
  return later;
}

type Steps = Map<string, StepRecord>;

/** Writes what happened into an item that nobody else has yet. */
export function apply(item: Item, steps: Steps, { event, at }: Entry): void {
  if (event.type === 'rollback') item.rollbackAt = at;
  else if (event.type === 'given_up') item.givenUp = event.note;
  else if (event.type === 'accepted' && item.kind === 'telephony') item.old = event.old;
  else if (event.type === 'watched') applyLook(item, event);
  else if ('step' in event) {
    const key = stepKey(event.step, event.of);
    steps.set(key, recorded(steps.get(key) ?? { intents: 0 }, event, at));
  }
}

/** Writes what a look has shown into an item that nobody else has yet. */
export function applyLook(item: Item, look: Watched): void {
  if (item.kind !== 'telephony') return;
  const watch = afterLook(item.watch, look, item.old.id);
  if (watch) item.watch = watch;
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

/** Whether nothing of a rotation is left to be rolled back. */
export const isRolledBack = (item: Item, now: Date): boolean =>
  ['rolled_back', 'given_up'].includes(stateOf(item, now));

/** A step of a recipe: pure facts about when it belongs, `run.ts` does it. */
interface Step {
  step: StepName;
  title: string;
  /** Left out when false. */
  when?(item: Item): boolean;
  /** Done once for each of these. */
  each?(item: Item): string[];
  /** Deletes the old credential: waits for the overlap to end, and for a person's yes. */
  final?: true;
  /** Belongs to the overlap: waits for everyone to move. */
  waits?: true;
}

const begun = (step: StepName) => (item: Item) => (item.steps.get(step)?.intents ?? 0) > 0;

const FORWARD: Record<Item['kind'], readonly Step[]> = {
  telephony: [
    { step: 'create', title: 'create the successor' },
    { step: 'deliver', title: 'hand over its password' },
    { step: 'verify', title: 'see that it can log in' },
    { step: 'tag', title: 'give it its tag', when: hasTag },
    { step: 'retire', title: 'shorten the life of the old one', when: (item) => retires(item) === 'later' },
    { step: 'shorten', title: 'shorten it further once everyone has moved', when: isWatched, waits: true },
    { step: 'delete', title: 'delete the old one', when: ends, final: true },
  ],
  push: [
    { step: 'create', title: 'create the successor' },
    { step: 'repoint', title: 'point a connection to it', each: users },
    { step: 'read_back', title: 'read the connections back' },
    { step: 'delete', title: 'delete the old one', final: true },
  ],
  'clean-up': [{ step: 'delete', title: 'delete it', each: ({ old }) => [old.id], final: true }],
};

const BACK: Record<Item['kind'], readonly Step[]> = {
  telephony: [
    {
      step: 'restore',
      title: 'give the old one its former expiry back',
      when: (item) => begun('retire')(item) || begun('delete')(item),
    },
    { step: 'remove', title: 'delete the successor', when: begun('create') },
  ],
  push: [
    { step: 'point_back', title: 'point a connection back', each: users },
    { step: 'remove', title: 'delete the successor', when: begun('create') },
  ],
  'clean-up': [],
};

/** A step in a few words, for those who read about it. */
export function titleOf(step: StepName): string {
  const all = [...Object.values(FORWARD), ...Object.values(BACK)].flat();
  return all.find((known) => known.step === step)?.title ?? step;
}

/** What is to be done next, by the table; `of` names the connection. Undefined when nothing is left. */
export interface Next extends Pick<Step, 'step' | 'title' | 'final' | 'waits'> {
  of?: string;
}

/** The steps that are left, in their order. */
export function left(item: Item): Next[] {
  if (item.givenUp !== undefined) return [];
  const table = item.rollbackAt === undefined ? FORWARD : BACK;
  return table[item.kind]
    .filter(({ when }) => when?.(item) ?? true)
    .flatMap(({ step, title, final, waits, each }) => {
      const whole = { step, title, ...(final && { final }), ...(waits && { waits }) };
      return each ? each(item).map((of) => ({ ...whole, of })) : [whole];
    })
    .filter(({ step, of }: Next) => !item.steps.get(stepKey(step, of))?.done);
}

/** A step in words, with the connection or credential it is about. */
export function inWords({ old }: Item, { title, of }: Pick<Next, 'title' | 'of'>): string {
  const user = 'users' in old ? old.users.find(({ id, field }) => `${id}.${field}` === of) : undefined;
  if (of === undefined) return title;
  return `${title}: ${user ? `${quoted(user.name ?? user.id)} (${user.kind})` : of}`;
}

export type State =
  | 'in_progress'
  /** What was recorded of it was altered, or is more than this version knows: it is left alone. */
  | 'damaged'
  /** All is done but the end of the old one, which lives until its overlap is over. */
  | 'overlap'
  /** Only the deletion of the old one is left, and it waits for a person. */
  | 'old_one_left'
  | 'done'
  | 'rolling_back'
  | 'rolled_back'
  | 'given_up';

export function stateOf(item: Item, now: Date): State {
  if (item.wrong) return 'damaged';
  if (item.givenUp !== undefined) return 'given_up';
  const [next] = left(item);
  if (item.rollbackAt !== undefined) return next ? 'rolling_back' : 'rolled_back';
  if (!next) return 'done';
  if (!(next.final || next.waits) || retires(item) === 'at once') return 'in_progress';
  const until = retiresAt(item);
  return until !== null && now.toISOString() < until ? 'overlap' : 'old_one_left';
}

/** Whether the end of the old credential is due, once a person agrees: its overlap is over, or it was to have none. */
export function endsNow(item: Item, now: Date): boolean {
  const state = stateOf(item, now);
  if (state === 'in_progress') return retires(item) === 'at once' && left(item).some(({ final }) => final);
  return state === 'old_one_left';
}

/** Whether a state asks for nothing more. */
export const isOver = (state: string): boolean => ['done', 'rolled_back', 'given_up'].includes(state);

/** When the old credential stops working: ISO 8601 UTC, null when nothing ends it. */
export function retiresAt(item: Item): string | null {
  return factsOf(item, 'shorten')?.expires_at ?? factsOf(item, 'retire')?.expires_at ?? null;
}

/** Whether it is in the time in which someone has to look for that. */
export const isWaitingForMove = (item: Item, now: Date): item is TelephonyRotation =>
  stateOf(item, now) === 'overlap' && left(item)[0]?.waits === true;

function retires(item: Item): 'at once' | 'later' | 'never' {
  if (item.kind === 'push') return 'later';
  if (item.kind === 'clean-up') return 'at once';
  if (item.old.expired) return 'never';
  return item.wish.overlap === 0 ? 'at once' : 'later';
}

/** Whether the old credential ends sooner when everyone has moved. */
function isWatched(item: Item): boolean {
  if (item.kind !== 'telephony' || item.wish.quiet_time === undefined || retires(item) !== 'later') return false;
  const retired = factsOf(item, 'retire');
  // An expiry that was left alone as it was is nothing to shorten.
  return !retired || typeof retired.expires_at === 'string';
}

function ends(item: Item): boolean {
  return retires(item) !== 'never' && !factsOf(item, 'retire')?.gone && !factsOf(item, 'shorten')?.gone;
}

function users({ old }: Item): string[] {
  return 'users' in old ? old.users.map(({ id, field }) => `${id}.${field}`) : [];
}

function hasTag(item: Item): boolean {
  return item.kind === 'telephony' && item.wish.tag !== undefined;
}
