import { z } from 'zod';
import { changedSince, differences } from '../core/consent.ts';
import { conflict } from '../core/errors.ts';
import { type Deps, defineChange } from '../core/tool.ts';
import type { Handover } from '../secrets/destination.ts';
import { reserveProposed } from '../secrets/destinations.ts';
import type { Secret } from '../secrets/secret.ts';
import { getPushCredential } from '../telnyx/push-credentials.ts';
import { getTelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { delivered, deliverTo, id, placeFor, prefix } from './fields.ts';
import { describePush } from './push-credentials.ts';
import { describe, factsOf } from './telephony-credentials.ts';
import { viewDelivery } from './telephony-secrets.ts';

const kind = z.enum(['telephony', 'push']);

export const handOff = defineChange({
  name: 'hand_off_secret',
  title: 'Hand off a secret',
  description:
    'Hand the existing secret of a credential to a place of the person, after asking them. Nothing at Telnyx changes.',
  toolset: 'secrets',
  effect: 'update',
  input: z.object({ id, kind, deliver_to: deliverTo, prefix }),
  output: z.object({ credential_id: z.string(), secret: delivered }),
  asks: 'always',
  propose: async (args, deps) => {
    const seen = await find(args, deps);
    const { thing, handover } = seen;
    const place = await placeFor(args, namesIn(handover), deps);
    const { id, kind } = args;
    return {
      binding: { id, kind, facts: handover.facts, place: place.bound },
      seen,
      steps: [`hand it to ${place.inWords}`],
      secret_to: place.inWords,
      question: () => ({ text: `Hand the secret of ${thing} to ${place.inWords}?` }),
    };
  },
  run: async ({ binding, seen }, deps) => {
    const { id, facts, place } = binding;
    const { thing, handover, secret } = seen ?? (await find(binding, deps));
    const changed = differences(facts, handover.facts);
    if (changed.length > 0) throw changedSince(thing, changed);
    await using slot = await reserveProposed(deps.destinations, place);
    return { credential_id: id, secret: viewDelivery(await slot.keep(handover), secret, deps) };
  },
});

/** What a place gets of it: the SIP username goes along with its password. */
const namesIn = ({ facts, secrets }: Handover): string[] => [
  ...(facts.sip_username ? ['sip_username'] : []),
  ...Object.keys(secrets),
];

interface Found {
  thing: string;
  secret: Secret;
  handover: Handover;
}

async function find(args: { id: string; kind: z.infer<typeof kind> }, deps: Deps): Promise<Found> {
  const name = `${args.kind}-${args.id}`;
  if (args.kind === 'telephony') {
    const credential = await getTelephonyCredential(deps.http, args.id);
    const sip_password = credential.sip_password ?? masked(name, deps);
    return {
      thing: describe(credential),
      secret: sip_password,
      handover: { name, facts: factsOf(credential), secrets: { sip_password } },
    };
  }
  const { id, alias, type, certificate, private_key } = await getPushCredential(deps.http, args.id);
  const push_private_key = private_key ?? masked(name, deps);
  const facts = { id, alias, type, certificate };
  return {
    thing: `the ${describePush({ id, alias, type })}`,
    secret: push_private_key,
    handover: { name, facts, secrets: { push_private_key } },
  };
}

function masked(name: string, { vault }: Deps): never {
  const kept = vault.find(name);
  throw conflict(
    'Telnyx no longer shows this secret.',
    kept
      ? `It was kept when it was made: tell the person to look into ${kept}.`
      : 'It cannot be recovered; create a new credential.',
  );
}
