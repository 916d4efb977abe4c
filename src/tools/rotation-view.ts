import { z } from 'zod';
import type { Deps } from '../core/tool.ts';
import type { StepName } from '../jobs/events.ts';
import { factsOf, type Rotation } from '../jobs/rotation.ts';
import { inWords, left, retiresAt, type State, stateOf, titleOf } from '../jobs/steps.ts';
import { delivered } from './fields.ts';

const party = z.object({ id: z.string(), name: z.string().nullable(), sip_username: z.string().nullable().optional() });

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

/** What to do about one whose record cannot be relied on. */
export const DAMAGED =
  'Tell the person at once: its record cannot be relied on. They run "telnyx-credentials-mcp journal verify", and look at the credentials in the Telnyx portal.';

const NEXT: Partial<Record<State, string>> = {
  in_progress: 'Call continue_rotation with this id in a few seconds.',
  overlap:
    'Have everyone use the successor. When the overlap is over, continue_rotation deletes the old one; until then roll_back_rotation undoes it.',
  old_one_left: 'continue_rotation deletes the old one, after asking the person; roll_back_rotation may still undo it.',
  rolling_back: 'Call continue_rotation with this id to finish undoing it.',
  damaged: DAMAGED,
};

export function viewRotation(rotation: Rotation, { now }: Pick<Deps, 'now'>): RotationView {
  const state = stateOf(rotation, now());
  const created = factsOf(rotation, 'create');
  const { destination, place = null, fingerprint = null, warning } = factsOf(rotation, 'deliver') ?? {};
  return {
    id: rotation.id,
    kind: rotation.kind,
    state,
    old: oldParty(rotation),
    ...(created?.id !== undefined && { successor: { id: created.id, name: created.name ?? null, ...sip(created) } }),
    ...(destination !== undefined && { secret: { destination, place, fingerprint, ...(warning && { warning }) } }),
    retires_at: rotation.turnedBackAt === undefined ? retiresAt(rotation) : null,
    done: history(rotation),
    left: left(rotation).map((next) => inWords(rotation, next)),
    warnings: warningsOf(rotation, state),
    ...(NEXT[state] !== undefined && { next: NEXT[state] }),
  };
}

/** The result of a call that worked on a rotation. */
export function result(rotation: Rotation, deps: Pick<Deps, 'now'>) {
  const view = viewRotation(rotation, deps);
  const going = ['in_progress', 'rolling_back'].includes(view.state);
  return { ...(going && { status: 'in_progress' as const }), rotation: view };
}

const sip = ({ sip_username }: { sip_username?: string | null | undefined }) =>
  sip_username === undefined ? {} : { sip_username };

function oldParty({ old }: Rotation) {
  return 'alias' in old
    ? { id: old.id, name: old.alias }
    : { id: old.id, name: old.name, sip_username: old.sip_username };
}

function history(rotation: Rotation): string[] {
  const lines = [...rotation.steps].flatMap(([key, { done, failed }]) => {
    const [step = '', of] = key.split(':');
    const what = inWords(rotation, { title: titleOf(step as StepName), ...(of !== undefined && { of }) });
    if (done) return [[done.at, what, done.facts.note && `(${done.facts.note})`]];
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
