import { z } from 'zod';
import type { Deps } from '../core/tool.ts';
import type { Facts, StepName } from '../jobs/events.ts';
import { factsOf, inWords, left, type Rotation, retiresAt, type State, stateOf, titleOf } from '../jobs/item.ts';
import { isAtRest, isCutShort, type Job, onlyOf, standings } from '../jobs/job.ts';
import { WHAT_TO_DO, type Wrong } from '../jobs/journal.ts';
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
  consumers: z.string().optional(),
  evidence: z.array(z.string()).optional(),
  counts: z.object({ moved: z.number(), not_yet: z.number(), unknown: z.number(), to_look_at: z.number() }).optional(),
  stragglers: z.array(z.string()).optional(),
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

const WAITS =
  'Have everyone use the successor. While this server runs it looks every 20 minutes who uses what, and so does continue_rotation; roll_back_rotation undoes it while the old one lives.';

export function viewRotation(rotation: Rotation, { now }: Pick<Deps, 'now'>): RotationView {
  const state = stateOf(rotation, now());
  const waits = left(rotation)[0]?.waits && state === 'overlap';
  const next = rotation.wrong ? WHAT_TO_DO[rotation.wrong.problem] : waits ? WAITS : NEXT[state];
  const created = factsOf(rotation, 'create');
  const { destination, place = null, fingerprint = null, unproven, warning } = factsOf(rotation, 'deliver') ?? {};
  return {
    id: rotation.id,
    kind: rotation.kind,
    state,
    old: oldParty(rotation),
    ...(created?.id !== undefined && { successor: { id: created.id, name: created.name ?? null, ...told(created) } }),
    ...(destination !== undefined && {
      secret: { destination, place, fingerprint, ...(unproven && { unproven }), ...(warning && { warning }) },
    }),
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
  return ends ? { retires_at: retiresAt(rotation) } : {};
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
  if (!['restore', 'retire', 'shorten'].includes(step)) return undefined;
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

const untrue = ({ says }: Wrong): string => `${says} What is told here may not be true: it is left alone.`;

/** What a rotation breaks, for those it concerns. */
function warningsOf(rotation: Rotation, state: State): string[] {
  const notes = [...rotation.steps.values()].flatMap(({ done }) => done?.facts.note ?? []);
  if (rotation.wrong) return [...notes, untrue(rotation.wrong)];
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

const MINUTE = 60_000;
const EXAMPLES = 5;

/** A fleet as an agent sees it, in the shape of a rotation: how far it is, how fast, and what failed. */
function viewFleet(job: Job, { now, fleets }: Pick<Deps, 'now' | 'fleets'>): RotationView {
  const all = standings(job, now());
  const counts = { done: 0, skipped: 0, failed: 0, left: 0 };
  const failures = new Map<string, { count: number; message: string }>();
  for (const { standing } of all.values()) {
    if (typeof standing === 'string') counts[standing] += 1;
    else {
      counts.failed += 1;
      const { code, message } = standing;
      failures.set(code, { count: (failures.get(code)?.count ?? 0) + 1, message });
    }
  }
  const running = fleets.isRunning(job.id);
  const waiting = counts.left + counts.failed;
  const state = stateOfMany(job, waiting, running);
  const since = Date.parse(job.resumedAt);
  const finished = [...all.values()].filter(({ standing, item }) => {
    const last = item && Math.max(...[...item.steps.values()].map(({ done }) => Date.parse(done?.at ?? '') || 0));
    return isAtRest(standing) && (last === undefined || last >= since);
  }).length;
  const minutes = Math.max((now().getTime() - since) / MINUTE, 1 / MINUTE);
  const perMinute = Math.round(finished / minutes);
  return {
    id: job.id,
    kind: job.kind,
    state,
    ...(job.kind !== 'unknown' && {
      progress: {
        total: job.expected,
        ...counts,
        ...(running && {
          per_minute: perMinute,
          ...(perMinute > 0 && { seconds_left: Math.ceil((waiting / perMinute) * 60) }),
        }),
        failures: [...failures].map(([code, { count, message }]) => `${code} ${count} times, such as: ${message}`),
      },
    }),
    done: doneBy(job, counts.done),
    left: waiting === 0 ? [] : [`${waiting} of ${job.expected} credentials`],
    warnings: [...warningsOfMany(job), ...ofMembers(job)],
    next: nextOf(job, state),
  };
}

/** Gives what came of a step in all rotations that have done it. */
const factsIn =
  ({ items }: Job) =>
  (step: StepName) =>
    [...items.values()].flatMap((item) => factsOf(item, step) ?? []);

/** What was done, where the passwords are, and when the old ones end. */
function doneBy(job: Job, count: number): string[] {
  if (count === 0) return [];
  if (job.rollbackAt !== undefined) return [`${count} undone, or never begun`];
  if (job.kind === 'clean-up') return [`${count} deleted`];
  const ofStep = factsIn(job);
  const places = new Map<string, number>();
  for (const { destination, place } of ofStep('deliver')) {
    const where = destination === 'vault' ? 'the vault' : (place ?? `${destination}`);
    places.set(where, (places.get(where) ?? 0) + 1);
  }
  const ends = [...job.items.values()].flatMap((item) => retiresAt(item) ?? []).sort();
  const [first, last] = [ends[0], ends.at(-1)];
  return [
    `${count} rotated`,
    ...[...places].map(([where, written]) => `${written} passwords written to ${where}`),
    ...(first === undefined ? [] : [`the old ones end ${first === last ? first : `from ${first} to ${last}`}`]),
  ];
}

function stateOfMany(job: Job, waiting: number, running: boolean): RotationView['state'] {
  const { rollbackAt, wrong } = job;
  if (wrong) return 'damaged';
  if (running) return rollbackAt === undefined ? 'in_progress' : 'rolling_back';
  if (isCutShort(job)) return 'given_up';
  if (waiting > 0) return 'stopped';
  return rollbackAt === undefined ? 'done' : 'rolled_back';
}

function warningsOfMany(job: Job): string[] {
  if (job.wrong) return [job.kind === 'unknown' ? job.wrong.says : untrue(job.wrong)];
  if (isCutShort(job)) return ['Its beginning was cut short: nothing was done. Begin a new one.'];
  const others = `${job.more} more fitted and were not chosen. For them begin another${job.kind === 'fleet' ? ', with older_than where the successors would fit, too' : ''}.`;
  const told = [job.stopped ?? [], leftAlone(job), job.more ? others : []].flat();
  if (job.kind === 'clean-up' || job.rollbackAt !== undefined) return told;
  return [
    ...told,
    'Each SIP username changes: tell whoever dials them. Login tokens made from the old ones die with them.',
  ];
}

/** What a person should know of members: old ones whose expiry nobody can read, and passwords that went elsewhere. */
function ofMembers(job: Job): string[] {
  const ofStep = factsIn(job);
  const kept = ofStep('retire').filter(({ expires_at, gone }) => expires_at === undefined && !gone).length;
  const told = ofStep('deliver').flatMap(({ warning }) => warning ?? []);
  return [
    kept > 0 && `${kept} old ones live until they are deleted: their expiry cannot be read, and was left so.`,
    told.length > 0 &&
      `${told.length} passwords were handed over otherwise than agreed, or with a warning, such as: ${told[0]}`,
  ].filter((line) => line !== false);
}

function leftAlone({ skipped }: Job): string[] {
  const lines = [...skipped].slice(0, EXAMPLES).map(([id, why]) => `${id} was left alone. ${why}`);
  const more = skipped.size - lines.length;
  return more > 0 ? [...lines, `${more} more were left alone.`] : lines;
}

function nextOf(job: Job, state: string): string {
  if (job.wrong) return WHAT_TO_DO[job.wrong.problem];
  if (state === 'in_progress' || state === 'rolling_back')
    return 'It runs on by itself: call get_rotation with this id to see how far it is.';
  if (state === 'stopped')
    return `continue_rotation goes on${job.kind === 'fleet' ? ', roll_back_rotation undoes it' : ''}.`;
  if (state === 'done' && job.wish?.quiet_time !== undefined) return WAITS;
  return state === 'done' && job.wish && job.wish.overlap > 0
    ? 'roll_back_rotation undoes it while the old ones live; after the overlap delete_expired_telephony_credentials removes them.'
    : 'Nothing is left to do.';
}

/** A rotation or fleet as an agent sees it. */
export function viewJob(job: Job, deps: Pick<Deps, 'now' | 'fleets'>): RotationView {
  const rotation = onlyOf(job);
  return rotation ? viewRotation(rotation, deps) : viewFleet(job, deps);
}
