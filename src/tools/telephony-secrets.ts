import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Deps, defineChange } from '../core/tool.ts';
import type { Delivery } from '../secrets/destination.ts';
import { reserveProposed } from '../secrets/destinations.ts';
import type { Secret } from '../secrets/secret.ts';
import { createLoginToken, minting } from '../telnyx/login-token.ts';
import {
  createTelephonyCredential,
  creation,
  getTelephonyCredential,
  type TelephonyCredential,
  update,
  updateTelephonyCredential,
} from '../telnyx/telephony-credentials.ts';
import {
  delivered,
  deliverTo,
  expiresAt,
  futureInstant,
  id,
  placeFor,
  prefix,
  TELEPHONY_NAMES,
  TOKEN_NAMES,
  text,
} from './fields.ts';
import { describe, factsOf, telephonyCredential, viewTelephony } from './telephony-credentials.ts';

export const createTelephony = defineChange({
  name: 'create_telephony_credential',
  title: 'Create a telephony credential',
  description: 'Make a SIP credential on a connection. Its password goes to deliver_to, never into the result.',
  toolset: 'telephony',
  effect: 'create',
  input: z.object({
    connection_id: id,
    name: text.optional(),
    tag: text.optional(),
    expires_at: expiresAt,
    deliver_to: deliverTo,
    prefix,
  }),
  output: z.object({ credential: telephonyCredential, secret: delivered.optional(), warning: z.string().optional() }),
  asks: 'maybe',
  propose: async ({ connection_id, name, tag, expires_at, ...where }, deps) => {
    const wanted = { connection_id, name, expires_at: futureInstant(expires_at, deps.now()) };
    const place = await placeFor(where, TELEPHONY_NAMES, deps);
    return {
      binding: { wanted, tag, place: place.bound },
      steps: [creation(wanted, '(a mark of its own)'), ...(tag === undefined ? [] : [update('(its-id)', { tag })])],
      secret_to: place.inWords,
      ...(place.replaces && {
        question: () => ({ text: `Make a telephony credential, and put its password into ${place.inWords}?` }),
      }),
    };
  },
  run: async ({ binding: { wanted, tag, place } }, deps) => {
    await using slot = await reserveProposed(deps.destinations, place);
    const mark = `mcp_${randomBytes(12).toString('hex')}`;
    // A tag of its own makes the new credential findable should the answer get lost; the caller's replaces it after.
    const created = await createTelephonyCredential(deps.http, wanted, mark, deps.now);
    const { sip_password } = created;
    const delivery =
      sip_password &&
      (await slot.keep({ name: `telephony-${created.id}`, facts: factsOf(created), secrets: { sip_password } }));
    const tagged = tag === undefined ? created : await setTag(created.id, tag, deps);
    const warnings = [
      ...(delivery ? [] : ['Telnyx did not show the new password, so it is nowhere to be found.']),
      ...(tagged ? [] : [`The tag was not set; call update_telephony_credential with it for ${created.id}.`]),
    ];
    return {
      credential: viewTelephony(tagged ?? created, deps),
      ...(delivery && { secret: viewDelivery(delivery, sip_password, deps) }),
      ...(warnings.length > 0 && { warning: warnings.join(' ') }),
    };
  },
});

/** Undefined when it failed: the credential and its secret exist by now, and the caller must hear of both. */
function setTag(credentialId: string, value: string, { http }: Deps): Promise<TelephonyCredential | undefined> {
  return updateTelephonyCredential(http, credentialId, { tag: value }).catch(() => undefined);
}

export function viewDelivery(delivery: Delivery, secret: Secret, { fingerprint }: Deps) {
  return { ...delivery, fingerprint: fingerprint(secret) };
}

export const createToken = defineChange({
  name: 'create_telephony_token',
  title: 'Create a login token',
  description:
    'Mint a token (JWT) by which a WebRTC client logs in as this credential. It goes to deliver_to and dies with the credential.',
  toolset: 'telephony',
  effect: 'create',
  input: z.object({ id, deliver_to: deliverTo, prefix }),
  output: z.object({ credential_id: z.string(), expires_at: z.string().nullable(), secret: delivered }),
  asks: 'maybe',
  propose: async ({ id, ...where }, deps) => {
    const place = await placeFor(where, TOKEN_NAMES, deps);
    const seen = await getTelephonyCredential(deps.http, id);
    return {
      binding: { credential: factsOf(seen), place: place.bound },
      steps: [minting(id)],
      secret_to: place.inWords,
      ...(place.replaces && {
        question: () => ({ text: `Mint a login token of ${describe(seen)}, and put it into ${place.inWords}?` }),
      }),
    };
  },
  run: async ({ binding: { credential, place } }, deps) => {
    const { id } = credential;
    await using slot = await reserveProposed(deps.destinations, place);
    const { token, expires_at } = await createLoginToken(deps.http, id);
    const delivery = await slot.keep({
      // A credential has many tokens.
      name: `token-${id}-${randomBytes(4).toString('hex')}`,
      facts: { ...credential, expires_at },
      secrets: { login_token: token },
    });
    return { credential_id: id, expires_at, secret: viewDelivery(delivery, token, deps) };
  },
});
