import { z } from 'zod';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { type Deps, defineChange } from '../core/tool.ts';
import { begin, stepsOf } from '../jobs/begin.ts';
import type { TelephonyWish } from '../jobs/events.ts';
import { endOf, lifeOf, oldOf, refuseWithoutConnection } from '../jobs/parties.ts';
import { run } from '../jobs/run.ts';
import { reserveProposed } from '../secrets/destinations.ts';
import { forPerson } from '../telnyx/dates.ts';
import { getTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { quietTimeOf, untilMoved } from './consumers.ts';
import {
  atMost,
  deliverTo,
  duration,
  durationOf,
  expiresAt,
  futureInstant,
  id,
  overlap,
  overlapOf,
  placeFor,
  prefix,
  secondsOf,
  TELEPHONY_NAMES,
  text,
} from './fields.ts';
import { rotationShape } from './job-view.ts';
import { begunBefore, rotateAlone } from './rotations.ts';
import { describe, onConnection, whenItExpires } from './telephony-credentials.ts';

const input = z.object({
  id,
  overlap: overlap.describe(
    'How long both work: 30m, 24h, 7d; until_moved: until everyone uses the new one; 0 deletes the old one at once',
  ),
  at_most: atMost,
  expires_in: duration.optional().describe("The successor's life; default: the old one's"),
  expires_at: expiresAt,
  name: text.optional(),
  tag: text.optional(),
  deliver_to: deliverTo,
  prefix,
  reason: text.optional(),
});
type Args = z.output<typeof input>;

export const rotateTelephony = defineChange({
  name: 'rotate_telephony_credential',
  title: 'Rotate a telephony credential',
  description:
    'Replace a SIP credential: a successor on the same connection, its password to deliver_to, checked by a login token; then the old one expires after the overlap. Asks the person. Survives crashes: see get_rotation.',
  toolset: 'rotation',
  effect: 'update',
  lasts: true,
  input,
  output: z.object({ rotation: rotationShape }),
  asks: 'always',
  propose: async (args, deps) => {
    const given = wishOf(args, deps);
    const begun = await begunBefore(args.id, deps);
    if (begun) return begun;
    const seen = await getTelephonyCredential(deps.http, args.id);
    refuseWithoutConnection(seen);
    const both = await overlapOf(args, () => quietTimeOf([seen.connection_id], deps));
    const { inWords, bound } = await placeFor(args, TELEPHONY_NAMES, deps);
    // How long it lives, not until when: that would be another time whenever it is asked about.
    const lives = given.expires_at === undefined ? (given.lives ?? lifeOf(seen)) : undefined;
    const old = oldOf(seen);
    const { to: deliver_to, ...beside } = bound;
    const wish = { ...given, ...both, ...beside, deliver_to };
    return {
      binding: { old, wish, life_in_seconds: lives },
      seen,
      steps: stepsOf({ type: 'began', kind: 'telephony', old, wish }),
      secret_to: inWords,
      question: async () => {
        return {
          text: `Rotate ${describe(seen)}${await onConnection(seen, deps)}? A successor is made${named(given)}${lifeInWords(given.expires_at, lives, seen)} and its password goes to ${inWords}. ${fate(seen, both, deps.now())} The SIP username changes, so whoever dials the old one must be told; login tokens made from it die with it.`,
        };
      },
    };
  },
  run: ({ binding: { old, wish, life_in_seconds: lives }, seen }, deps) =>
    rotateAlone(old.id, deps, async (lease) => {
      // Proved before anything is recorded or created.
      await using slot = await reserveProposed(deps.destinations, { ...wish, to: wish.deliver_to });
      const expires_at = wish.expires_at ?? endOf(lives, deps.now());
      const asked = { ...wish, ...(expires_at !== undefined && { expires_at }) };
      const begun = await begin(deps, { type: 'began', kind: 'telephony', old, wish: asked }, lease);
      return await run(begun, deps, { slot, old: seen, mayDelete: wish.overlap === 0, lease });
    }),
});

/** What the arguments ask for; `lives` in seconds. Throws `BAD_INPUT` for what contradicts itself. */
function wishOf({ expires_in, expires_at, name, tag, prefix, reason }: Args, { now }: Deps) {
  if (expires_in !== undefined && expires_at !== undefined) throw badInput('Give expires_in or expires_at, not both.');
  const lives = expires_in === undefined ? undefined : secondsOf(expires_in);
  if (lives === 0) throw badInput('expires_in must be longer than 0.');
  const until = futureInstant(expires_at, now());
  const given = { name, tag, reason, expires_at: until, lives };
  const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { prefix, ...(wanted as Partial<TelephonyWish> & { lives?: number }) };
}

const named = ({ name, tag }: Pick<TelephonyWish, 'name' | 'tag'>): string =>
  [name !== undefined && ` with the name ${quoted(name)}`, tag !== undefined && ` with the tag ${quoted(tag)}`]
    .filter(Boolean)
    .join(' and');

/** How long the successor lives; that it gets no end although the old one has one, since nobody can tell how long that was. */
function lifeInWords(expiresAt: string | undefined, lives: number | undefined, old: TelephonyCredential): string {
  if (expiresAt !== undefined) return ` that expires ${forPerson(expiresAt)}`;
  if (lives !== undefined) return ` that lives ${durationOf(lives)}`;
  return old.expires_at === null && old.expires_at_unreadable === undefined
    ? ''
    : ' that never expires (how long the old one was to live cannot be told; expires_in gives it an end)';
}

function fate(old: TelephonyCredential, both: Pick<TelephonyWish, 'overlap' | 'quiet_time'>, now: Date): string {
  const { overlap, quiet_time } = both;
  if (old.expired) return 'The old one has expired already and is left as it is.';
  if (overlap === 0)
    return 'Then the old one is DELETED AT ONCE: whoever still uses it is cut off, and it cannot be brought back.';
  if (old.expires_at_unreadable !== undefined)
    return `It expires ${whenItExpires(old)}, which is not written over: it lives until it is deleted by continue_rotation.`;
  const ownEnd =
    old.expires_at !== null && Date.parse(old.expires_at) <= now.getTime() + overlap * 1000
      ? forPerson(old.expires_at)
      : undefined;
  if (quiet_time !== undefined) {
    const end = ownEnd && `${ownEnd}, as it is`;
    return `Once the successor works, the old one lives until everyone has moved: ${untilMoved(overlap, quiet_time, end)}`;
  }
  if (ownEnd !== undefined)
    return `The old one expires ${ownEnd} as it is, sooner than the overlap of ${durationOf(overlap)}; that is left so.`;
  return `Once the successor works, the old one lives ${durationOf(overlap)} more, then it expires for good.`;
}
