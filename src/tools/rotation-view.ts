import { z } from 'zod';
import type { Deps } from '../core/tool.ts';
import type { Facts, StepName } from '../jobs/events.ts';
import { factsOf, inWords, left, type Rotation, type State, stateOf, titleOf } from '../jobs/item.ts';
import { WHAT_TO_DO } from '../jobs/journal.ts';
import { delivered } from './fields.ts';

const party = z.object({
  id: z.string(),
  name: z.string().nullable(),
  sip_username: z.string().nullable().optional(),
  expires_at: z.string().nullable().optional(),
});

/** A rotation as an agent sees it; what is done and what is left are lines to read. */
export const rotationShape = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  old: party.optional(),
  successor: party.optional(),
  secret: delivered.optional(),
  retires_at: z.string().nullable().optional(),
  progress: z
    .object({
      total: z.number(),
      done: z.number(),
      failed: z.number(),
      skipped: z.number(),
      left: z.number(),
      per_minute: z.number().optional(),
      seconds_left: z.number().optional(),
      failures: z.array(z.string()),
    })
    .optional(),
  done: z.array(z.string()),
  left: z.array(z.string()),
  warnings: z.array(z.string()),
  next: z.string().optional(),
});

export type RotationView = Omit<z.input<typeof rotationShape>, 'state'> & { state: State | 'stopped' };

const NEXT: Partial<Record<State, string>> = {
  in_progress: 'Call continue_rotation with this id in a few seconds.',
  overlap:
    'Have everyone use the successor. When the overlap is over, continue_rotation deletes the old one; until then roll_back_rotation undoes it.',
  old_one_left: 'continue_rotation deletes the old one, after asking the person; roll_back_rotation may still undo it.',
  rolling_back: 'Call continue_rotation with this id to finish undoing it.',
};

export function viewRotation(rotation: Rotation, { now }: Pick<Deps, 'now'>): RotationView {
  const state = stateOf(rotation, now());
  const next = rotation.wrong ? WHAT_TO_DO[rotation.wrong.problem] : NEXT[state];
  const created = factsOf(rotation, 'create');
  const { destination, place = null, fingerprint = null, warning } = factsOf(rotation, 'deliver') ?? {};
  return {
    id: rotation.id,
    kind: rotation.kind,
    state,
    old: oldParty(rotation),
    ...(created?.id !== undefined && { successor: { id: created.id, name: created.name ?? null, ...told(created) } }),
    ...(destination !== undefined && { secret: { destination, place, fingerprint, ...(warning && { warning }) } }),
    ...retiring(rotation),
    done: history(rotation),
    left: left(rotation).map((next) => inWords(rotation, next)),
    warnings: warningsOf(rotation, state),
    ...(next !== undefined && { next }),
  };
}

/** The result of a call that worked on a job. */
export function result(rotation: RotationView) {
  const going = ['in_progress', 'rolling_back'].includes(rotation.state);
  return { ...(going && { status: 'in_progress' as const }), rotation };
}

const told = ({ sip_username, expires_at }: Pick<Facts, 'sip_username' | 'expires_at'>) => ({
  ...(sip_username !== undefined && { sip_username }),
  ...(expires_at !== undefined && { expires_at }),
});

/** When the old one ends by this rotation: null when nothing ends it but a deletion, absent when that is not its doing. */
function retiring(rotation: Rotation): { retires_at?: string | null } {
  const retired = factsOf(rotation, 'retire');
  const ends = retired && !retired.gone && rotation.rollbackAt === undefined;
  return ends ? { retires_at: retired.expires_at ?? null } : {};
}

function oldParty(rotation: Rotation): z.input<typeof party> {
  const { old } = rotation;
  if ('alias' in old) return { id: old.id, name: old.alias };
  const { id, name, sip_username, expires_at, expires_at_unreadable: unclear } = old;
  const isGone = factsOf(rotation, 'delete') !== undefined || factsOf(rotation, 'retire')?.gone;
  const now = retiring(rotation).retires_at ?? expires_at;
  return { id, name, sip_username, ...(unclear === undefined && !isGone && { expires_at: now }) };
}

/** What came of a step, beside that it was done. */
function detail(step: string, { expires_at, place, destination, note }: Facts): string | undefined {
  if (note) return note;
  if (step === 'deliver') return `to ${place ?? destination}`;
  if (step !== 'restore' && step !== 'retire') return undefined;
  if (expires_at === undefined) return undefined;
  return expires_at === null ? 'it never expires' : `it expires ${expires_at}`;
}

function history(rotation: Rotation): string[] {
  const lines = [...rotation.steps].flatMap(([key, { done, failed }]) => {
    const [step = '', of] = key.split(':');
    const what = inWords(rotation, { title: titleOf(step as StepName), ...(of !== undefined && { of }) });
    const more = done && detail(step, done.facts);
    if (done) return [[done.at, what, more && `(${more})`]];
    return failed ? [[failed.at, 'failed:', what, `(${failed.code}: ${failed.message})`]] : [];
  });
  return lines.map((line) => line.filter(Boolean).join(' ')).sort();
}

/** What a rotation breaks, for those it concerns. */
function warningsOf(rotation: Rotation, state: State): string[] {
  const notes = [...rotation.steps.values()].flatMap(({ done }) => done?.facts.note ?? []);
  if (rotation.wrong) return [...notes, `${rotation.wrong.says} What is told here may not be true: it is left alone.`];
  if (rotation.givenUp !== undefined) return [rotation.givenUp];
  if (rotation.kind === 'push') {
    return rotation.old.users.length === 0
      ? [...notes, 'No connection used the old one, so none was repointed.']
      : notes;
  }
  if (state === 'rolled_back' || state === 'rolling_back') {
    const { destination } = factsOf(rotation, 'deliver') ?? {};
    const stale = `The place the successor's password went to (${destination}) still has it; hand_off_secret puts the old one's there.`;
    return destination === undefined ? notes : [...notes, stale];
  }
  const { old, wish } = rotation;
  const { sip_username: successor, expires_at } = factsOf(rotation, 'create') ?? {};
  const before = old.sip_username === null ? '' : ` from ${old.sip_username}`;
  const endless = expires_at === null && wish.expires_at === undefined && (old.expires_at ?? old.expires_at_unreadable);
  return [
    ...notes,
    ...(successor ? [`The SIP username changes${before} to ${successor}: tell whoever dials it.`] : []),
    ...(endless
      ? ['The successor never expires, unlike the old one: how long that was to live could not be told.']
      : []),
    'Login tokens made from the old one die with it.',
    ...(wish.tag === undefined ? ["The old one's tag cannot be read, so the successor has none of its own."] : []),
  ];
}
