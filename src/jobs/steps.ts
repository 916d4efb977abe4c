import { quoted } from '../core/untrusted.ts';
import type { StepName } from './events.ts';
import { factsOf, type Rotation, stepKey } from './rotation.ts';

/** Whether nothing of a rotation is left to be undone. */
export const isUndone = (rotation: Rotation, now: Date): boolean =>
  ['rolled_back', 'given_up'].includes(stateOf(rotation, now));

/** A step of a rotation: pure facts about when it belongs, `run.ts` does it. */
interface Step {
  step: StepName;
  title: string;
  /** Left out when false. */
  when?(rotation: Rotation): boolean;
  /** Done once for each of these. */
  each?(rotation: Rotation): string[];
  /** Deletes the old credential: waits for the overlap to end, and for a person's yes. */
  final?: true;
}

const begun = (step: StepName) => (rotation: Rotation) => (rotation.steps.get(step)?.intents ?? 0) > 0;

const FORWARD: Record<Rotation['kind'], readonly Step[]> = {
  telephony: [
    { step: 'create', title: 'create the successor' },
    { step: 'deliver', title: 'hand over its password' },
    { step: 'verify', title: 'see that it can log in' },
    { step: 'tag', title: 'give it its tag', when: ({ wish }) => 'tag' in wish && wish.tag !== undefined },
    { step: 'retire', title: 'shorten the life of the old one', when: (rotation) => retires(rotation) === 'later' },
    { step: 'delete', title: 'delete the old one', when: ends, final: true },
  ],
  push: [
    { step: 'create', title: 'create the successor' },
    { step: 'repoint', title: 'point a connection to it', each: users },
    { step: 'read_back', title: 'read the connections back' },
    { step: 'delete', title: 'delete the old one', final: true },
  ],
};

const BACK: Record<Rotation['kind'], readonly Step[]> = {
  telephony: [
    {
      step: 'restore',
      title: 'give the old one its former expiry back',
      when: (rotation) => begun('retire')(rotation) || begun('delete')(rotation),
    },
    { step: 'remove', title: 'delete the successor', when: begun('create') },
  ],
  push: [
    { step: 'point_back', title: 'point a connection back', each: users },
    { step: 'remove', title: 'delete the successor', when: begun('create') },
  ],
};

/** A step in a few words, for those who read about it. */
export function titleOf(step: StepName): string {
  const all = [...Object.values(FORWARD), ...Object.values(BACK)].flat();
  return all.find((known) => known.step === step)?.title ?? step;
}

/** What is to be done next, by the table; `of` names the connection. Undefined when nothing is left. */
export interface Next extends Pick<Step, 'step' | 'title' | 'final'> {
  of?: string;
}

/** The steps that are left, in their order. */
export function left(rotation: Rotation): Next[] {
  if (rotation.givenUp !== undefined) return [];
  const table = rotation.turnedBackAt === undefined ? FORWARD : BACK;
  return table[rotation.kind]
    .filter(({ when }) => when?.(rotation) ?? true)
    .flatMap(({ step, title, final, each }) => {
      const whole = { step, title, ...(final && { final }) };
      return each ? each(rotation).map((of) => ({ ...whole, of })) : [whole];
    })
    .filter(({ step, of }: Next) => !rotation.steps.get(stepKey(step, of))?.done);
}

/** A step in words, with the connection it is about by name. */
export function inWords({ old }: Rotation, { title, of }: Pick<Next, 'title' | 'of'>): string {
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

export function stateOf(rotation: Rotation, now: Date): State {
  if (rotation.wrong) return 'damaged';
  if (rotation.givenUp !== undefined) return 'given_up';
  const [next] = left(rotation);
  if (rotation.turnedBackAt !== undefined) return next ? 'rolling_back' : 'rolled_back';
  if (!next) return 'done';
  if (!next.final || retires(rotation) === 'at once') return 'in_progress';
  const until = retiresAt(rotation);
  return until !== null && now.toISOString() < until ? 'overlap' : 'old_one_left';
}

/** Whether the end of the old credential is due, once a person agrees: its overlap is over, or it was to have none. */
export function endsNow(rotation: Rotation, now: Date): boolean {
  const state = stateOf(rotation, now);
  if (state === 'in_progress') return retires(rotation) === 'at once' && left(rotation).some(({ final }) => final);
  return state === 'old_one_left';
}

/** Whether a state asks for nothing more. */
export const isOver = (state: string): boolean => ['done', 'rolled_back', 'given_up'].includes(state);

/** When the old credential stops working: ISO 8601 UTC, null when nothing ends it. */
export function retiresAt(rotation: Rotation): string | null {
  return factsOf(rotation, 'retire')?.expires_at ?? null;
}

function retires(rotation: Rotation): 'at once' | 'later' | 'never' {
  if (rotation.kind === 'push') return 'later';
  if (rotation.old.expired) return 'never';
  return rotation.wish.overlap === 0 ? 'at once' : 'later';
}

function ends(rotation: Rotation): boolean {
  return retires(rotation) !== 'never' && !factsOf(rotation, 'retire')?.gone;
}

function users({ old }: Rotation): string[] {
  return 'users' in old ? old.users.map(({ id, field }) => `${id}.${field}`) : [];
}
