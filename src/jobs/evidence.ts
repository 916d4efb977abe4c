import { ToolError } from '../core/errors.ts';
import { readCalls } from '../telnyx/call-records.ts';
import { getRegistration } from '../telnyx/registration.ts';
import { factsOf, isOver, retiresAt, stateOf, type TelephonyRotation } from './item.ts';
import { QUIET } from './watch.ts';
import type { Work } from './work.ts';

/** Whether anyone was seen to use a credential. */
export interface Sighting {
  /** Null when that is not known, which never means no. */
  seen: boolean | null;
  /** When last, in milliseconds since 1970, by the clock of this machine. */
  at?: number;
  /** The same in words, for a person and an agent. */
  says: string;
}

/** Whether those who used the old credential of a rotation use its successor by now. */
export type Consumers = 'moved' | 'not_yet' | 'unknown';

/** What it is told by; `old` is absent when it makes no difference to the word. */
export interface Evidence {
  consumers: Consumers;
  successor: Sighting;
  old?: Sighting;
}

type Means = Pick<Work, 'http' | 'refusals' | 'now' | 'timeLeft'>;

// Of the call's time: what it takes to answer.
const TO_ANSWER_MS = 3000;

/**
 * Looks whether anyone uses a SIP username now, or has since a time (milliseconds since 1970, by this machine's clock). A
 * registration is enough of a sign; that there is none takes an answer of both, registration and call records. Throws
 * nothing but a cancellation.
 */
export async function sightingOf(username: string | null | undefined, since: number, work: Means): Promise<Sighting> {
  if (!username) return { seen: null, says: 'not known: Telnyx does not tell its SIP username' };
  const { http, refusals, now, timeLeft } = work;
  const stopped = (): boolean => timeLeft() < TO_ANSWER_MS;
  if (stopped()) return { seen: null, says: 'not known: there was no time to look' };
  try {
    const registration = await getRegistration(http, refusals, username);
    if (registration.known?.registered) {
      const { from, until } = registration.known;
      const where = from === null ? '' : ` from ${from}`;
      return {
        seen: true,
        at: now().getTime(),
        says: `registered${where}${until === null ? '' : ` until ${clock(until)}`}`,
      };
    }
    const calls = await readCalls(http, refusals, username, { since, now: now().getTime(), stopped });
    if (calls.known && calls.known.calls.length > 0) {
      const { calls: found } = calls.known;
      const at = Math.min(now().getTime(), Math.max(...found.map(({ endedAt }) => endedAt)));
      const number = found.length === 1 ? 'a call' : `${found.length} calls`;
      return { seen: true, at, says: `${number} since ${clock(since)}, the last until ${clock(at)}` };
    }
    const why = [registration.unknown, calls.unknown ?? calls.known.partly].filter((reason) => reason !== undefined);
    if (calls.known && calls.known.since > since)
      why.push(`Call records are told from ${clock(calls.known.since)} on.`);
    if (why.length > 0) return { seen: null, says: `not known: ${why.join(' ')}` };
    return { seen: false, says: `not registered, and no call since ${clock(since)}` };
  } catch (error) {
    // That nothing can be known must not keep a rotation from being shown.
    if (!(error instanceof ToolError) || error.code === 'CANCELLED') throw error;
    return { seen: null, says: `not known: ${error.message}` };
  }
}

/** The word for what was seen. */
function consumersOf(successor: Sighting, old: Sighting | undefined): Consumers {
  if (old?.seen || successor.seen === false) return 'not_yet';
  return old?.seen === false && successor.seen ? 'moved' : 'unknown';
}

/** Whether there is a successor, and an old credential that someone may still use at that time. */
export function hasConsumers(rotation: TelephonyRotation, now: Date): boolean {
  const made = factsOf(rotation, 'create') !== undefined && rotation.rollbackAt === undefined && !rotation.wrong;
  if (!made || isOver(stateOf(rotation, now))) return false;
  // Nobody deletes those of a fleet one by one: they have come to their end when they expire.
  const ends = rotation.fleet === undefined ? null : retiresAt(rotation);
  return ends === null || now.toISOString() < ends;
}

const SOON_MS = 48 * 3_600_000;

/** Whether the end of an old credential is near: two days before it, or half of the overlap where that is shorter. */
export function endsSoon(rotation: TelephonyRotation, now: Date): boolean {
  const left = Date.parse(retiresAt(rotation) ?? '') - now.getTime();
  return left > 0 && left < Math.min(SOON_MS, rotation.wish.overlap * 500);
}

/**
 * Looks who uses the two credentials of a rotation. `thrifty` spares requests that make no difference to the word: as long
 * as nobody uses the successor, nobody has moved, and whoever was seen to use it before has. Throws nothing but a
 * cancellation.
 */
export async function lookAt(rotation: TelephonyRotation, work: Means, thrifty = false): Promise<Evidence> {
  const { watch, old, steps, wish } = rotation;
  const made = steps.get('create')?.firstIntendedAt ?? rotation.beganAt;
  const successor =
    thrifty && watch
      ? { seen: true, says: `first seen ${clock(watch.successorAt)}` }
      : await sightingOf(factsOf(rotation, 'create')?.sip_username, Date.parse(made), work);
  if (thrifty && successor.seen === false) return { consumers: 'not_yet', successor };
  // Who called with the old one before there was another had no choice, and before the successor was used may have moved.
  const until = watch?.successorAt ?? Date.parse(steps.get('deliver')?.done?.at ?? made);
  const since = Math.max(until, work.now().getTime() - (wish.quiet_time ?? QUIET.usually) * 1000);
  const seen = await sightingOf(old.sip_username, since, work);
  return { consumers: consumersOf(successor, seen), successor, old: seen };
}

/** A moment to the minute, in UTC. */
const clock = (at: number | string): string => `${new Date(at).toISOString().slice(0, 16)}Z`;
