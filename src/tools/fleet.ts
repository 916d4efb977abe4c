import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { badInput } from '../errors.ts';
import { fleetFrom } from '../fleet/fleet.ts';
import type { Question } from '../people/question.ts';
import type { FleetWish, RotationEvent } from '../rotation/events.ts';
import { parseInstant } from '../telnyx/dates.ts';
import { type Deps, defineChange } from '../tool.ts';
import { oneLine } from '../untrusted.ts';
import { deliverTo, duration, id, prefix, secondsOf, text } from './fields.ts';
import { refuseFullTag, type Selection, select } from './fleet-select.ts';
import { showFleet } from './fleet-view.ts';
import { rotationShape } from './rotation-view.ts';

const most = z.int().min(1).max(50_000);

const order = z.object({
  connection_id: id.optional(),
  tag: text.optional(),
  name: text.optional(),
  expiring_within: duration.optional(),
  older_than: duration.optional(),
  limit: most.default(100),
  overlap: duration.default('24h'),
  expires_in: duration.optional(),
  new_tag: text.optional(),
  deliver_to: deliverTo,
  prefix,
  canary: z.int().min(0).max(100).default(1),
  stop_after_failures: z.int().min(1).max(1000).default(3),
  reason: text.optional(),
});
type Order = z.output<typeof order>;

export const rotateFleet = defineChange({
  name: 'rotate_telephony_credentials',
  title: 'Rotate many telephony credentials',
  description:
    'Rotate all that fit the filters, soonest end first, canary before the rest. Runs on in the server: see get_rotation. deliver_to: vault, file:PATH.jsonl or command:NAME. Asks the person.',
  toolset: 'rotation',
  effect: 'update',
  lasts: true,
  input: order,
  selects: ['connection_id', 'tag', 'name', 'expiring_within', 'older_than'],
  output: z.object({ rotation: rotationShape }),
  confirm: async (args, deps) => rotateQuestion(args, await selected(args, deps), deps),
  plan: async (args, deps) => {
    const { ids, more } = await selected(args, deps);
    const each = 'each: POST /telephony_credentials, POST its token, then the end of the old one';
    return {
      requests: [`${ids.length} credentials, ${more} more would fit`, ...ids.slice(0, 10), each],
      secret_to: deps.destinations(args.deliver_to, args.prefix).label,
    };
  },
  run: async (args, deps, agreed) => {
    const selection = await selected(args, deps);
    if (rotateQuestion(args, selection, deps).text !== agreed?.text) throw moved();
    const { overlap, expires_in, new_tag, deliver_to, prefix, canary, stop_after_failures, reason } = args;
    const wish = {
      overlap: secondsOf(overlap),
      expires_in: expires_in === undefined ? undefined : secondsOf(expires_in),
      tag: new_tag,
      ...{ deliver_to, prefix, canary, stop_after_failures, reason },
    };
    const given = Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined)) as FleetWish;
    // Proved before anything is recorded or created.
    await using _ = await deps.destinations(deliver_to, prefix).reserve();
    return begin({ type: 'fleet_began', job: 'rotate', members: selection.ids.length, wish: given }, selection, deps);
  },
});

async function selected(args: Order, deps: Deps): Promise<Selection> {
  const { connection_id, tag, name, expiring_within, older_than, limit, new_tag, deliver_to } = args;
  if ([connection_id, tag, name, expiring_within, older_than].every((filter) => filter === undefined)) {
    throw badInput('Say which ones: give connection_id, tag, name, expiring_within or older_than.');
  }
  const { many } = deps.destinations(deliver_to, args.prefix);
  if (!many) {
    throw badInput('That place can hold one secret, not many.', 'Deliver to vault, file:PATH.jsonl or command:NAME.');
  }
  const aged = {
    expiringWithin: expiring_within === undefined ? undefined : secondsOf(expiring_within),
    olderThan: older_than === undefined ? undefined : secondsOf(older_than),
  };
  const selection = await select({ connection_id, tag, name, status: 'active' }, aged, limit, deps);
  await refuseFullTag(new_tag, selection.ids.length, deps);
  return selection;
}

function rotateQuestion(args: Order, { ids, digest, cautions }: Selection, deps: Deps): Question {
  const { connection_id, tag, name, expiring_within, older_than, overlap, deliver_to, prefix, canary } = args;
  const which = [
    connection_id && `on connection ${connection_id}`,
    tag && `with the tag "${oneLine(tag)}"`,
    name && `with the name "${oneLine(name)}"`,
    expiring_within && `that expire within ${expiring_within}`,
    older_than && `older than ${older_than}`,
  ].filter(Boolean);
  const fate =
    secondsOf(overlap) === 0
      ? 'each old one is DELETED AT ONCE: whoever still uses it is cut off'
      : `each old one lives ${overlap} more, then it expires for good`;
  return {
    text: `Rotate ${ids.length} telephony credentials ${which.join(', ')} (selection ${digest})? Each gets a successor, its password goes to ${deps.destinations(deliver_to, prefix).label}, and ${fate}. ${canary} are done first, to see that it works. Every SIP username changes.${told(cautions)}`,
    phrase: `rotate ${ids.length} credentials`,
  };
}

const cleanUp = z.object({
  connection_id: id.optional(),
  expired_before: z.string().optional().describe('ISO 8601'),
  limit: most.default(1000),
});

export const deleteExpired = defineChange({
  name: 'delete_expired_telephony_credentials',
  title: 'Delete expired telephony credentials',
  description:
    'Delete for good those that have expired, each looked at again before it goes. Asks the person. Runs on in the server.',
  toolset: 'rotation',
  effect: 'destroy',
  lasts: true,
  input: cleanUp,
  selects: ['connection_id', 'expired_before'],
  output: z.object({ rotation: rotationShape }),
  confirm: async (args, deps) => deleteQuestion(await expired(args, deps)),
  plan: async (args, deps) => {
    const { ids, more } = await expired(args, deps);
    return {
      requests: [
        `${ids.length} credentials, ${more} more would fit`,
        ...ids.slice(0, 10).map((id) => `DELETE /telephony_credentials/${id}`),
      ],
    };
  },
  run: async (args, deps, agreed) => {
    const selection = await expired(args, deps);
    if (deleteQuestion(selection).text !== agreed?.text) throw moved();
    return begin({ type: 'fleet_began', job: 'delete', members: selection.ids.length }, selection, deps);
  },
});

function expired({ connection_id, expired_before, limit }: z.output<typeof cleanUp>, deps: Deps): Promise<Selection> {
  const expiredBefore = expired_before === undefined ? undefined : parseInstant(expired_before);
  if (expired_before !== undefined && !expiredBefore) throw badInput('expired_before is not an ISO 8601 date.');
  return select({ connection_id, status: 'expired' }, { expiredBefore }, limit, deps);
}

/** Cautions behind a question. */
const told = (cautions: readonly string[]): string => cautions.map((caution) => ` ${caution}`).join('');

const deleteQuestion = ({ ids, digest, cautions }: Selection): Question => ({
  text: `Delete ${ids.length} expired telephony credentials for good (selection ${digest})? Nobody can log in with them any more as it is.${told(cautions)}`,
  phrase: `delete ${ids.length} expired credentials`,
});

const moved = () =>
  badInput('What fits has changed since the person agreed. Nothing was done.', 'Call again; they are asked anew.');

const CHUNK = 500;
const ANSWERS_AFTER_MS = 8000;

/** Records who the members are, starts the work, and gives how far it got in a few seconds. */
async function begin(beginning: RotationEvent & { type: 'fleet_began' }, { ids }: Selection, deps: Deps) {
  const fleet = randomBytes(8).toString('hex');
  const chunks = Array.from({ length: Math.ceil(ids.length / CHUNK) }, (_, index) =>
    ids.slice(index * CHUNK, (index + 1) * CHUNK),
  );
  const events: RotationEvent[] = [beginning, ...chunks.map((chunk) => ({ type: 'members' as const, ids: chunk }))];
  const at = deps.now().toISOString();
  await Promise.all(events.map((event, n) => deps.ledger.append({ rotation: fleet, n, at, event })));
  return whileItRuns(fleet, deps.fleets.run(fleet, 'on'), deps);
}

/** Gives how a fleet stands when what runs is at its end, or the call has lasted long enough. Throws what `running` does. */
export async function whileItRuns(fleet: string, running: Promise<void>, deps: Deps) {
  const enough = deps.pause(Math.max(0, Math.min(ANSWERS_AFTER_MS, deps.timeLeft() - 2000)));
  await Promise.race([running, enough]);
  const records = await deps.ledger.read();
  const known = fleetFrom(records.of(fleet));
  if (!known) throw badInput('No fleet has this id.');
  return showFleet(known, records, deps);
}
