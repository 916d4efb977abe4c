import { z } from 'zod';

const text = z.string();
const nullable = text.nullable();

/** A telephony credential as it was when its rotation began. */
const oldTelephony = z.object({
  id: text,
  name: nullable,
  connection_id: nullable,
  sip_username: nullable,
  expired: z.boolean(),
  expires_at: nullable,
  /** What stands there when nobody can tell which expiry it is. */
  expires_at_unreadable: text.optional(),
  /** The account it belongs to, where Telnyx tells. */
  user_id: text.optional(),
  /** What Telnyx has for `expires_at`, also when that is a far future that means never: what a rollback gives back. */
  stored_expiry: nullable,
});

/** A connection that used the old push credential, and in which of its fields. */
const pushUser = z.object({
  id: text,
  kind: z.enum(['credential', 'fqdn', 'ip', 'uac']),
  name: nullable,
  field: z.enum(['ios_push_credential_id', 'android_push_credential_id']),
});

const oldPush = z.object({ id: text, alias: nullable, type: z.enum(['ios', 'android']), users: z.array(pushUser) });

/**
 * What a person agreed to. `overlap` is in seconds; with `quiet_time` (in seconds) it is the longest, and the old one ends
 * sooner when everyone has moved. `expires_at` is the successor's.
 */
const telephonyWish = z.object({
  overlap: z.number(),
  quiet_time: z.number().optional(),
  expires_at: text.optional(),
  name: text.optional(),
  tag: text.optional(),
  deliver_to: text.optional(),
  prefix: text,
  /** Of the values that the new ones may replace in their place. */
  digest_of_values_in_place: text.optional(),
  reason: text.optional(),
});

/** `fingerprint` tells the material a person agreed to from another; `files` are paths, absent when it came by a page. */
const pushWish = z.object({
  alias: text,
  fingerprint: text,
  files: z.record(text, text).optional(),
  reason: text.optional(),
});

/** What came of a step: ids, dates, places and words, whichever it has. */
const facts = z.object({
  id: text.optional(),
  name: nullable.optional(),
  sip_username: nullable.optional(),
  expires_at: nullable.optional(),
  destination: text.optional(),
  place: nullable.optional(),
  fingerprint: nullable.optional(),
  unproven: z.boolean().optional(),
  warning: text.optional(),
  /** What was found instead of what was expected. */
  note: text.optional(),
  /** The old credential was not there any more. */
  gone: z.boolean().optional(),
});

const STEPS = [
  'create',
  'deliver',
  'verify',
  'tag',
  'retire',
  'shorten',
  'repoint',
  'read_back',
  'delete',
  'restore',
  'point_back',
  'remove',
] as const;

/** `of` names the connection of a step that is done once for each. */
const step = { step: z.enum(STEPS), of: text.optional() };

/** `fleet` names the fleet a rotation is one of. */
const began = { type: z.literal('began'), fleet: text.optional() };

/** What a fleet does to its members, as the person agreed to it; `expires_in` is in seconds. */
const fleetWish = telephonyWish.omit({ expires_at: true, name: true }).extend({
  expires_in: z.number().optional(),
  canary: z.number(),
  stop_after_failures: z.number(),
});

/** A credential as it was when it was chosen; `expires` is in milliseconds since 1970, null for never or unreadable. */
const member = z.object({ id: text, connection_id: nullable, expires: z.number().nullable() });

/** `more` is how many fitted as well, and were not chosen; `user_id` is the account of the members. */
const fleetBegan = {
  type: z.literal('fleet_began'),
  members: z.number(),
  more: z.number().optional(),
  user_id: text.optional(),
};

/**
 * What a look at a job saw, by the ids of old credentials: whose successor was seen for the first time, who was seen to use
 * the old one, and of whom it is not known. Of the others whose successor was seen before, nobody used the old one.
 * Recorded when the look is over; it began at `at`.
 */
const watched = z.object({
  type: z.literal('watched'),
  at: text,
  moved: z.array(text),
  seen: z.array(z.object({ of: text, at: text })),
  unknown: z.array(text),
});

/** What a journal records: that a rotation began, what is about to be done and what came of it. Never a secret. */
export const rotationEvent = z.discriminatedUnion('type', [
  z.discriminatedUnion('kind', [
    z.object({ ...began, kind: z.literal('telephony'), old: oldTelephony, wish: telephonyWish }),
    z.object({ ...began, kind: z.literal('push'), old: oldPush, wish: pushWish }),
  ]),
  z.object({ type: z.literal('intent'), ...step, facts }),
  z.object({ type: z.literal('done'), ...step, facts }),
  z.object({ type: z.literal('failed'), ...step, code: text, message: text }),
  watched,
  /** A person agreed to go on although the old credential was changed meanwhile: this is what it is now. */
  z.object({ type: z.literal('accepted'), old: oldTelephony }),
  /** From here on it is rolled back. */
  z.object({ type: z.literal('rollback') }),
  /** Many credentials that are dealt with as one; `members` of them are named after this. */
  z.discriminatedUnion('job', [
    z.object({ ...fleetBegan, job: z.literal('rotate'), wish: fleetWish }),
    z.object({ ...fleetBegan, job: z.literal('delete') }),
  ]),
  z.object({ type: z.literal('members'), members: z.array(member) }),
  /** A member that nothing was left to do for, and why. */
  z.object({ type: z.literal('skipped'), of: text, note: text }),
  z.object({ type: z.literal('resumed') }),
  z.object({ type: z.literal('stopped'), note: text }),
  /** Nothing more will be done, and why. */
  z.object({ type: z.literal('given_up'), note: text }),
]);

export type RotationEvent = z.infer<typeof rotationEvent>;
/** What stands in for an event of a version that knows more: its job is left alone, so nobody needs to know what it was. */
export interface UnknownEvent {
  type: 'unknown';
}
export type StepName = (typeof STEPS)[number];
export type Facts = z.infer<typeof facts>;
export type OldTelephony = z.infer<typeof oldTelephony>;
export type OldPush = z.infer<typeof oldPush>;
export type PushUser = z.infer<typeof pushUser>;
export type TelephonyWish = z.infer<typeof telephonyWish>;
export type PushWish = z.infer<typeof pushWish>;
export type Watched = z.infer<typeof watched>;
export type Member = z.infer<typeof member>;
export type FleetWish = z.infer<typeof fleetWish>;
