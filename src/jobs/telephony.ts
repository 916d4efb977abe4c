import { differences } from '../core/consent.ts';
import { conflict, ToolError } from '../core/errors.ts';
import type { Slot } from '../secrets/destination.ts';
import { isKept } from '../telnyx/dates.ts';
import { canLogIn } from '../telnyx/login-token.ts';
import {
  createTelephonyCredential,
  deleteTelephonyCredential,
  type Found,
  findMade,
  getTelephonyCredential,
  type TelephonyCredential,
  theOne,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import { unreadable } from '../telnyx/wire.ts';
import type { StepName } from './events.ts';
import { successorOf, type TelephonyRotation } from './item.ts';
import {
  changedMeanwhile,
  inWholeSeconds,
  lookUp,
  madeBefore,
  oldOf,
  refuseWithoutSuccessor,
  saysExpired,
  unlessGone,
  withoutConnection,
} from './parties.ts';
import { type Doing, ENOUGH_MS, type Handler } from './work.ts';

type Telephony = Doing<TelephonyRotation>;

// Telnyx may refuse a new credential for some seconds (api.md §5 "Propagation").
const PROPAGATES_MS = 30_000;
const TRY_AGAIN_MS = [500, 1000, 2000, 3000];
const MAY_PASS = ['NOT_FOUND', 'VALIDATION', 'CONFLICT', 'UNAVAILABLE', 'OUTCOME_UNKNOWN', 'UNEXPECTED_RESPONSE'];

/** The tag that tells the successor from every other credential, until it gets the one the caller wants. */
export const markOf = ({ id }: { id: string }): string => `mcp_rotation_${id}`;

// A request may wait for its turn, and for a 429 to pass, for as long as this before it is sent.
const SENT_WITHIN_MS = 180_000;

/**
 * What the creates of a rotation have made, and whether that is sure: one successor, and another one when a create was sent
 * twice and ran twice.
 */
export async function madeBy(rotation: TelephonyRotation, work: Telephony['work']): Promise<Found> {
  const { firstIntendedAt: first, intendedAt: last } = rotation.steps.get('create') ?? {};
  const { connection_id } = rotation.old;
  if (first === undefined || last === undefined || connection_id === null) return { rows: [], sure: true };
  const between = [new Date(first), new Date(Date.parse(last) + SENT_WITHIN_MS)] as const;
  const isOther = others(rotation, work);
  const made = { mark: markOf(rotation), connection_id, name: nameOf(rotation), between, isOther };
  return findMade(work.http, made, work.now);
}

/** What this rotation cannot have made: its own old credential, and what others have made. */
const others =
  ({ id: own, old }: TelephonyRotation, { jobs }: Telephony['work']) =>
  async (id: string): Promise<boolean> =>
    id === old.id || (await jobs.of(id, 'successor')).some((maker) => maker.id !== own);

/** What is told of a successor that is there already: its password is that of the first try. */
export const TAKEN_UP = { note: 'An earlier try had made a successor: it was found, and taken up.' };

const nameOf = ({ old, wish }: TelephonyRotation): string | undefined => wish.name ?? old.name ?? undefined;

async function create({ item: rotation, work, hands, record, intend }: Telephony) {
  const { old, wish } = rotation;
  const { connection_id } = old;
  if (connection_id === null) throw withoutConnection();
  // Proved before there is a secret that needs it.
  hands.slot ??= await slotFor(rotation, work);
  const before = await madeBefore(async () => theOne(await madeBy(rotation, work)), record, work);
  if (before === 'later') return before;
  if (!before) {
    refuseMoved(rotation, hands.old ?? (await lookUp(work.http, old.id)));
    await intend();
  }
  const wanted = { connection_id, name: nameOf(rotation), expires_at: wish.expires_at };
  const isOther = others(rotation, work);
  hands.created = before ?? (await createTelephonyCredential(work.http, wanted, markOf(rotation), work.now, isOther));
  const { id, name, sip_username, expires_at } = hands.created;
  return { id, name, sip_username, expires_at, ...(before && TAKEN_UP) };
}

async function slotFor({ wish }: TelephonyRotation, { destinations }: Telephony['work']): Promise<Slot> {
  const { deliver_to, prefix, digest_of_values_in_place } = wish;
  return (await destinations(deliver_to, prefix)).reserve(digest_of_values_in_place);
}

/** A successor is made where the old one is: throws `CONFLICT` when that is not where it was, or what it was. */
function refuseMoved(rotation: TelephonyRotation, now: TelephonyCredential | undefined): void {
  // Time goes by: that it has come to its own end by now is nobody's change.
  const { old } = rotation;
  const changed = now ? differences(old, { ...oldOf(now), expired: old.expired }) : ['it was deleted'];
  if (changed.length > 0) throw notAsAgreed(changed.join('; '));
}

const notAsAgreed = (changed: string): ToolError =>
  conflict(
    `The old credential was changed by someone else: ${changed}. It was left alone.`,
    'continue_rotation asks the person about it as it is now, where a successor is there; else end this with roll_back_rotation, and start anew.',
  );

async function deliver({ item: rotation, work, hands, intend }: Telephony) {
  const id = successorOf(rotation);
  const created = hands.created?.sip_password ? hands.created : await getTelephonyCredential(work.http, id);
  const { name, connection_id, sip_username, expires_at, created_at, sip_password } = created;
  const entry = `telephony-${id}`;
  if (!sip_password) {
    const kept = work.vault.find(entry);
    if (kept) return { destination: 'vault', place: kept };
    throw conflict(
      'Telnyx does not show the password of the successor, and nobody has it. The old credential is untouched.',
      'Undo this rotation with roll_back_rotation, and start anew.',
    );
  }
  hands.slot ??= await slotFor(rotation, work);
  await intend();
  const facts = { id, name, connection_id, expires_at, created_at, sip_username };
  const delivery = await hands.slot.keep({ name: entry, facts, secrets: { sip_password } });
  return { ...delivery, fingerprint: work.fingerprint(sip_password) };
}

/** A login token of the successor is minted and dropped: only Telnyx can say that it works. */
async function verify(doing: Telephony) {
  const { item: rotation, work, record, intend } = doing;
  const id = successorOf(rotation);
  await onlyOne(doing, id);
  const since = record?.intendedAt === undefined ? work.now() : new Date(record.intendedAt);
  // A try may have failed before it came to this.
  if (record?.intendedAt === undefined) await intend();
  for (let tries = 0; ; tries += 1) {
    const outcome = await canLogIn(work.http, id).catch((error: unknown) => ({ failure: error }));
    if (outcome === true) return {};
    // By its status a token was made; that the successor is there is as much as can be seen of it then.
    const successor = outcome === false ? await lookUp(work.http, id) : undefined;
    if (successor && !successor.expired)
      return { note: 'Telnyx made a login token of the successor, and did not show it.' };
    const failure = outcome === false ? unreadable('the login token') : outcome.failure;
    if (!(failure instanceof ToolError && MAY_PASS.includes(failure.code))) throw failure;
    const pause = TRY_AGAIN_MS[Math.min(tries, TRY_AGAIN_MS.length - 1)] ?? 0;
    if (work.now().getTime() + pause - since.getTime() > PROPAGATES_MS) throw failure;
    if (pause > work.timeLeft() - ENOUGH_MS) return 'later' as const;
    await work.pause(pause);
  }
}

/** A create that was sent again may have been carried out twice; nobody ever had the password of the other one. */
async function onlyOne({ item: rotation, work }: Telephony, id: string): Promise<void> {
  if ((rotation.steps.get('create')?.intents ?? 0) < 2) return;
  const { rows, sure } = await madeBy(rotation, work);
  for (const other of sure ? rows : []) {
    if (other.id !== id) await deleteTelephonyCredential(work.http, other.id).catch(unlessGone);
  }
}

/** A tag only helps to find a credential: when Telnyx refuses it, one that is full for example, the rest is not held up. */
async function tag({ item: rotation, work: { http }, intend }: Telephony) {
  await intend();
  try {
    await updateTelephonyCredential(http, successorOf(rotation), { tag: rotation.wish.tag });
    return {};
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 'VALIDATION')) throw error;
    return { note: `Telnyx refused the tag for the successor, which bears that of the rotation: ${markOf(rotation)}.` };
  }
}

async function retire({ item: rotation, work, hands, record, intend }: Telephony) {
  const { old, wish } = rotation;
  const now = await lookUp(work.http, old.id);
  if (!now) return { expires_at: null, gone: true, note: 'The old credential was deleted by someone else.' };
  if (now.expired) return { expires_at: now.expires_at, note: 'The old credential has expired meanwhile.' };
  const intended = record?.intent?.expires_at;
  if (intended && now.stored_expiry && isKept(intended, now.stored_expiry)) return { expires_at: now.expires_at };
  const changed = changedMeanwhile(rotation, now);
  if (changed) throw notAsAgreed(changed);
  if (now.expires_at_unreadable !== undefined) {
    return {
      note: `Its expiry ("${now.expires_at_unreadable}") cannot be read, so it was not written over: the old one lives until it is deleted.`,
    };
  }
  // Whoever made it in this same call has just seen it work.
  if (!hands.created) await refuseWithoutSuccessor(rotation, work);
  const expires_at = inWholeSeconds(work.now().getTime() + wish.overlap * 1000);
  if (now.expires_at !== null && now.expires_at <= expires_at) return { expires_at: now.expires_at };
  await intend({ expires_at });
  const after = await updateTelephonyCredential(work.http, old.id, { expires_at }).catch((error: unknown) => {
    if (saysExpired(error)) return undefined;
    throw error;
  });
  if (!after) return { expires_at: null, note: 'The old credential has expired meanwhile.' };
  if (after.expires_at) return { expires_at: after.expires_at };
  return { expires_at, note: 'Telnyx does not show when the old one expires now; it accepted the change.' };
}

async function end({ item: rotation, work, hands, record, intend }: Telephony) {
  const old = await lookUp(work.http, rotation.old.id);
  // Whoever was about to delete it and lost the answer has done so.
  if (!old) return record?.intendedAt ? {} : { note: 'The old credential was deleted by someone else.' };
  const changed = changedMeanwhile({ old: hands.agreed ?? rotation.old }, old);
  if (changed) throw notAsAgreed(changed);
  // Whoever made it in this same call has just seen it work.
  if (!old.expired && !hands.created) await refuseWithoutSuccessor(rotation, work);
  await intend();
  await deleteTelephonyCredential(work.http, rotation.old.id).catch(unlessGone);
  return {};
}

export const telephonySteps: Partial<Record<StepName, Handler<TelephonyRotation>>> = {
  create,
  deliver,
  verify,
  tag,
  retire,
  delete: end,
};
