import { conflict, ToolError } from '../core/errors.ts';
import type { Http } from '../telnyx/http.ts';
import { getTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Member, OldTelephony } from './events.ts';
import { factsOf, type StepRecord, type TelephonyRotation } from './item.ts';
import { ENOUGH_MS, type Work } from './work.ts';

// What is known of the two credentials of a rotation before anything is done to them.

/** A credential that may be gone. */
export function lookUp(http: Http, id: string): Promise<TelephonyCredential | undefined> {
  return getTelephonyCredential(http, id).catch(unlessGone);
}

/** Whether there is a successor, as far as is recorded, that can log in. */
export async function successorLives(rotation: TelephonyRotation, http: Http): Promise<boolean> {
  const id = factsOf(rotation, 'create')?.id;
  const successor = id === undefined ? undefined : await lookUp(http, id);
  return successor !== undefined && !successor.expired;
}

/**
 * Refuses to end the old credential when nobody takes over from it. Days may lie between the successor's first login
 * token and this; a successor that was rotated in its turn may well be gone.
 */
export async function refuseWithoutSuccessor(rotation: TelephonyRotation, { http, jobs }: Pick<Work, 'http' | 'jobs'>) {
  const created = factsOf(rotation, 'create');
  if (!factsOf(rotation, 'verify') || (await successorLives(rotation, http))) return;
  const later = await jobs.of(created?.id ?? '', 'old');
  if (later.some((other) => factsOf(other, 'verify'))) return;
  throw conflict(
    `The successor (SIP username ${created?.sip_username}) has expired or was deleted by someone else, and nothing else takes over from the old credential, which was left alone.`,
    'Undo this rotation with roll_back_rotation, and start anew.',
  );
}

/**
 * Whether the old credential has ended: by what Telnyx says of it, and where that says nothing, by what this rotation set
 * its expiry to. A rollback that takes it for living would leave nobody able to log in.
 */
export function hasEnded(rotation: TelephonyRotation, old: TelephonyCredential, now: Date): boolean {
  if (old.expired || old.stored_expiry !== null || old.expires_at_unreadable !== undefined) return old.expired;
  return shortenedTo(rotation).some((expires_at) => Date.parse(expires_at) <= now.getTime());
}

/** The expiries that this rotation gave the old credential, or was about to give it; ISO 8601 UTC. */
export function shortenedTo({ steps }: TelephonyRotation): string[] {
  return (['retire', 'shorten'] as const)
    .flatMap((step) => [steps.get(step)?.intent?.expires_at, steps.get(step)?.done?.facts.expires_at])
    .filter((expires_at) => typeof expires_at === 'string');
}

/** Whether Telnyx refused a change of a credential for having expired (api.md §1, "Error body (telephony)"). */
export const saysExpired = (error: unknown): boolean =>
  error instanceof ToolError && error.code === 'VALIDATION' && /\bexpired\b/.test(error.details.telnyx?.detail ?? '');

/** What changed of the old credential since a person was told of it, in words; undefined when it matters to no step. */
export function changedMeanwhile(
  { old }: { old: OldTelephony },
  now: Pick<TelephonyCredential, 'connection_id' | 'expires_at' | 'expires_at_unreadable'>,
): string | undefined {
  if (now.connection_id !== old.connection_id)
    return `it is on ${now.connection_id === null ? 'no connection that Telnyx names' : `connection ${now.connection_id}`} by now`;
  if (now.expires_at === old.expires_at && now.expires_at_unreadable === old.expires_at_unreadable) return undefined;
  if (now.expires_at_unreadable !== undefined) return 'its expiry cannot be read by now';
  return `its expiry is ${now.expires_at ?? 'never'} by now, it was ${old.expires_at ?? 'never'}`;
}

/** The old credential as it is recorded. */
export function oldOf(credential: TelephonyCredential): OldTelephony {
  const { id, name, connection_id, user_id, sip_username, expired, expires_at, expires_at_unreadable, stored_expiry } =
    credential;
  const kept = { id, name, connection_id, sip_username, expired, expires_at, stored_expiry };
  return {
    ...kept,
    ...(expires_at_unreadable !== undefined && { expires_at_unreadable }),
    ...(user_id !== null && { user_id }),
  };
}

/** Throws `withoutConnection` for a credential that no successor can be made beside. */
export function refuseWithoutConnection({ connection_id }: Pick<TelephonyCredential, 'connection_id'>): void {
  if (connection_id === null) throw withoutConnection();
}

export function withoutConnection(): ToolError {
  return conflict(
    'Telnyx does not say which connection this credential is on, so no successor can be made on it. Nothing was changed.',
    'Make a new credential with create_telephony_credential, on the connection the person names, and delete this one after.',
  );
}

/** What is looked up, or to be deleted, may be gone: undefined then. Throws any other error. */
export function unlessGone(error: unknown): undefined {
  if (!(error instanceof ToolError && error.code === 'NOT_FOUND')) throw error;
}

/** How many seconds a credential was to live; undefined when it never expires, or that cannot be told. */
export function lifeOf({ expires_at, created_at }: TelephonyCredential): number | undefined {
  const ms = expires_at && created_at ? Date.parse(expires_at) - Date.parse(created_at) : 0;
  return ms > 0 ? ms / 1000 : undefined;
}

/** When what lives for some seconds from now on expires, ISO 8601 UTC; undefined for ever. */
export const endOf = (seconds: number | undefined, now: Date): string | undefined =>
  seconds === undefined ? undefined : new Date(now.getTime() + seconds * 1000).toISOString();

// Telnyx keeps whole seconds in some of its dates, and these are recognised by their value.
/** An expiry to be set: milliseconds since 1970 as ISO 8601 UTC, the next whole second. */
export const inWholeSeconds = (ms: number): string => new Date(Math.ceil(ms / 1000) * 1000).toISOString();

// A request of a process that died may still be on its way, and it may have waited before it was sent: after as long as
// a call lasts it is not.
const SETTLES_MS = 20_000;

/**
 * What an earlier try of this create made, if anything. A crash may have come just before its request arrived, so that
 * nothing is certain until some seconds have passed; `later` when the call has not that much time.
 */
export async function madeBefore<T>(
  find: () => Promise<T | undefined>,
  record: StepRecord | undefined,
  { now, pause, timeLeft }: Work,
): Promise<T | 'later' | undefined> {
  if (!record?.intendedAt) return undefined;
  const found = await find();
  if (found) return found;
  const wait = Math.min(SETTLES_MS, Date.parse(record.intendedAt) + SETTLES_MS - now().getTime());
  if (wait <= 0) return undefined;
  const possible = Math.max(0, Math.min(wait, timeLeft() - ENOUGH_MS));
  await pause(possible);
  return (await find()) ?? (possible < wait ? 'later' : undefined);
}

/** What is different of a member since it was chosen, in a sentence. A list may have left out what one row shows. */
export function changedSinceChosen({ connection_id, expires }: Member, now: TelephonyCredential): string | undefined {
  const differ = (was: unknown, is: unknown): boolean => was !== null && is !== null && was !== is;
  if (differ(connection_id, now.connection_id)) return 'It was moved to another connection since it was chosen.';
  const ends = now.stored_expiry === null ? null : Date.parse(now.stored_expiry);
  return differ(expires, ends) ? 'Its expiry was changed since it was chosen.' : undefined;
}
