import { z } from 'zod';
import { badInput } from '../errors.ts';
import { begin } from '../rotation/begin.ts';
import type { TelephonyWish } from '../rotation/events.ts';
import { endOf, oldOf, refuseWithoutConnection } from '../rotation/parties.ts';
import type { Rotation } from '../rotation/rotation.ts';
import { run } from '../rotation/run.ts';
import { getTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { type Deps, defineChange } from '../tool.ts';
import { deliverTo, duration, expiresAt, futureInstant, id, prefix, secondsOf, text } from './fields.ts';
import { currentRotation, rotateAlone } from './rotate-alone.ts';
import { result, rotationShape } from './rotation-view.ts';
import { describe, onConnection, whenItExpires } from './telephony-view.ts';

const input = z.object({
  id,
  overlap: duration.default('24h').describe('How long both work: 30m, 24h, 7d; 0 deletes the old one at once'),
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
  confirm: async (args, deps) => {
    const wish = wishOf(args);
    if (await currentRotation(args.id, deps)) return undefined;
    const old = await toRotate(args.id, deps);
    const { label } = deps.destinations(wish.deliver_to, wish.prefix);
    const life = unknownLife(old, args, deps.now());
    return {
      text: `Rotate ${describe(old)}${onConnection(old)}? A successor is made${life} and its password goes to ${label}. ${fate(old, args)} The SIP username changes, so whoever dials the old one must be told; login tokens made from it die with it.`,
    };
  },
  plan: async (args, deps) => {
    const wish = wishOf(args);
    const old = await toRotate(args.id, deps);
    const expires_at = expiryOf(args, old, deps.now());
    const path = '/telephony_credentials';
    const successor = `${path}/(its id)`;
    const post = {
      connection_id: old.connection_id,
      name: wish.name ?? old.name,
      tag: '(a mark of its own)',
      expires_at,
    };
    const retire = { expires_at: `(then + ${args.overlap})` };
    return {
      requests: [
        { method: 'POST', path, body: post },
        { method: 'POST', path: `${successor}/token` },
        ...(wish.tag === undefined ? [] : [{ method: 'PATCH' as const, path: successor, body: { tag: wish.tag } }]),
        ...(old.expired || wish.overlap === 0
          ? []
          : [{ method: 'PATCH' as const, path: `${path}/${old.id}`, body: retire }]),
        ...(!old.expired && wish.overlap === 0 ? [{ method: 'DELETE' as const, path: `${path}/${old.id}` }] : []),
      ],
      secret_to: deps.destinations(wish.deliver_to, wish.prefix).label,
    };
  },
  run: async (args, deps) => result(await rotateAlone(args.id, deps, () => rotate(args, deps)), deps),
});

async function rotate(args: Args, deps: Deps): Promise<Rotation> {
  const old = await toRotate(args.id, deps);
  const expires_at = expiryOf(args, old, deps.now());
  const wish = { ...wishOf(args), ...(expires_at !== undefined && { expires_at }) };
  // Proved before anything is recorded or created.
  await using slot = await deps.destinations(wish.deliver_to, wish.prefix).reserve();
  const begun = await begin(deps, { type: 'began', kind: 'telephony', old: oldOf(old), wish });
  return await run(begun, deps, { slot, mayDelete: wish.overlap === 0 });
}

/** The credential, if a successor can be made beside it. */
async function toRotate(id: string, { http }: Deps): Promise<TelephonyCredential> {
  const old = await getTelephonyCredential(http, id);
  refuseWithoutConnection(old);
  return old;
}

/** What the arguments ask for, but for the expiry. Throws `BAD_INPUT` for what contradicts itself. */
function wishOf({ overlap, expires_in, expires_at, name, tag, deliver_to, prefix, reason }: Args): TelephonyWish {
  if (expires_in !== undefined && expires_at !== undefined) throw badInput('Give expires_in or expires_at, not both.');
  if (expires_in !== undefined && secondsOf(expires_in) === 0) throw badInput('expires_in must be longer than 0.');
  const wish = { overlap: secondsOf(overlap), name, tag, deliver_to, prefix, reason };
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined)) as TelephonyWish;
}

/** When the successor expires, ISO 8601 UTC: as asked for, else after as long a life as the old one had. */
function expiryOf({ expires_in, expires_at }: Args, old: TelephonyCredential, now: Date): string | undefined {
  if (expires_at !== undefined) return futureInstant(expires_at, now);
  return endOf(old, expires_in === undefined ? undefined : secondsOf(expires_in), now);
}

/** Says that the successor gets no expiry although the old one has one, since Telnyx does not tell how long it lives. */
function unknownLife(old: TelephonyCredential, args: Args, now: Date): string {
  const ends = old.expires_at !== null || old.expires_at_unreadable !== undefined;
  return ends && expiryOf(args, old, now) === undefined
    ? ' that never expires (how long the old one was to live cannot be told; expires_in gives it an end)'
    : '';
}

function fate(old: TelephonyCredential, { overlap }: Args): string {
  if (old.expired) return 'The old one has expired already and is left as it is.';
  if (secondsOf(overlap) === 0)
    return 'Then the old one is DELETED AT ONCE: whoever still uses it is cut off, and it cannot be brought back.';
  if (old.expires_at_unreadable !== undefined)
    return `It expires ${whenItExpires(old)}, which is not written over: it lives until it is deleted by continue_rotation.`;
  return `Once the successor works, the old one lives ${overlap} more, then it expires for good.`;
}
