import { randomBytes } from 'node:crypto';
import { conflict, ToolError } from '../core/errors.ts';
import type { Held, Lease } from '../core/lease.ts';
import type { RotationEvent, UnknownEvent } from './events.ts';

/** Who records something: the user of a machine, and for which account: the API's host, and the fingerprint of the key. */
export interface By {
  actor: string;
  host: string;
  key: string;
}

/** One thing that happened to a rotation or a fleet. */
export interface Entry {
  rotation: string;
  /** Its place among all that was recorded of its job, from 0. */
  n: number;
  /** ISO 8601 UTC. */
  at: string;
  by: By;
  /** The fencing token of the lease it was recorded under. */
  token: number;
  event: RotationEvent | UnknownEvent;
}

/** Why a job must be left alone: what was recorded of it was altered, or written by a version that knows more. */
export interface Wrong {
  problem: 'altered' | 'unknown';
  /** For a person, a sentence. */
  says: string;
}

/** All that was recorded of a job: a rotation, or a fleet with the rotations of its members. */
export interface Recorded {
  id: string;
  /** The entries of the rotation or fleet with that id, in their order. */
  of(id: string): readonly Entry[];
  /** The ids of what it has entries of, in the order they began. */
  ids(): Iterable<string>;
  wrong?: Wrong | undefined;
}

/** What is wrong with a job that is spoken of, and not there. */
export const GONE: Wrong = { problem: 'altered', says: 'Its file is gone.' };

/** What to do about a job that must be left alone. */
export const WHAT_TO_DO: Record<Wrong['problem'], string> = {
  altered:
    'Tell the person at once: someone or something changed the state folder. They run "telnyx-credentials-mcp journal verify", look at the credentials in the Telnyx portal, and finish by hand with the other tools.',
  unknown: 'Have the person update telnyx-credentials-mcp: a newer version has worked on it, and can go on with it.',
};

/** The error of a job that must be left alone. */
export function damage(id: string, { problem, says }: Wrong): ToolError {
  return conflict(`What was recorded of ${id} cannot be relied on: ${says} Nothing was changed.`, WHAT_TO_DO[problem]);
}

/** That a rotation replaces a credential (`old`), or made it (`successor`). */
export interface Part {
  credential: string;
  rotation: string;
  as: 'old' | 'successor';
}

/** The error of a journal that cannot be reached: nothing is known, and nothing can be begun. */
export class JournalAway extends ToolError {}

/**
 * The memory of jobs. It is files in the state folder; a store that a team shares can take its place, since nothing else
 * knows where it is kept. All that it throws is `JournalAway`, but for what is said here.
 */
export interface Journal {
  /**
   * Records what happened to a rotation or fleet; kept for good when this resolves. Throws `CONFLICT` when the lease was
   * lost, or the job has something wrong.
   */
  append(id: string, event: RotationEvent, lease: Lease, by: By): Promise<Entry>;
  /**
   * The job that a rotation or fleet is, or belongs to; one without entries when a crash came before the first; undefined
   * for an id that is unknown.
   */
  job(id: string): Promise<Recorded | undefined>;
  /** What rotations have to do with a credential, in the order they began. Throws `CONFLICT` when that was altered. */
  about(credential: string): Promise<readonly Part[]>;
  /** The jobs that were not condensed, in no order. */
  open(): Promise<Recorded[]>;
  /** Those that were, the latest first, from the given place on; `more` when there are any after them. */
  finished(from: number, limit: number): Promise<{ jobs: Recorded[]; more: boolean }>;
  /** Keeps of a finished job what its views need, and no more. It can be recorded of all the same. */
  condense(id: string, lease: Lease): Promise<void>;
  /** Takes the lease of anything that has a name; a holder that died holds nothing. Throws `BAD_INPUT` for no name. */
  lease(name: string): Promise<Lease | Held>;
}

/** The id of a new job: later ones sort after earlier ones. */
export const newJob = (now: Date): string =>
  `${now.getTime().toString(16).padStart(12, '0')}${randomBytes(6).toString('hex')}`;

/** When a job began, by its id. */
export const beginningOf = (job: string): Date => new Date(Number.parseInt(job.slice(0, 12), 16));

/** The id of a new rotation of a fleet's member. */
export const newMember = (fleet: string): string => `${fleet}-${randomBytes(6).toString('hex')}`;

/** The job that something is, or belongs to, by its id. */
export const jobOf = (id: string): string => id.split('-')[0] ?? id;

/** Whether an event begins a job of its own. */
export const beginsJob = (event: RotationEvent): boolean =>
  event.type === 'fleet_began' || (event.type === 'began' && event.fleet === undefined);

/** What an event says of the parts that credentials have. */
export function partsOf(rotation: string, event: RotationEvent): Part[] {
  if (event.type === 'began') return [{ credential: event.old.id, rotation, as: 'old' }];
  const made = event.type === 'done' && event.step === 'create' && event.facts.id;
  return made ? [{ credential: made, rotation, as: 'successor' }] : [];
}

/** What of a job's entries its views need: of each step how it was tried first, last, and what came of it. */
export function essentials(entries: readonly Entry[]): Entry[] {
  const kept = new Map<string, Entry>();
  const counts = new Map<string, number>();
  for (const entry of entries) {
    const { rotation, event, n } = entry;
    const of = 'of' in event ? event.of : undefined;
    const key = [rotation, event.type, 'step' in event ? event.step : '', of ?? ''].join(' ');
    const times = counts.get(key) ?? 0;
    counts.set(key, times + 1);
    if (event.type === 'members') kept.set(`${key} ${n}`, entry);
    else if (event.type !== 'intent') kept.set(key, entry);
    // The first and the last try: when it began to be likely, and whether there was more than one.
    else kept.set(`${key} ${Math.min(times, 1)}`, entry);
  }
  return [...kept.values()].sort((a, b) => a.n - b.n);
}
