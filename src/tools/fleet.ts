import { z } from 'zod';
import { digest, type Question } from '../core/consent.ts';
import { badInput } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { type Deps, defineChange } from '../core/tool.ts';
import { alone, busy } from '../jobs/begin.ts';
import type { FleetWish, Member, RotationEvent } from '../jobs/events.ts';
import { newJob } from '../jobs/journal.ts';
import type { Destination } from '../secrets/destination.ts';
import { reserveProposed } from '../secrets/destinations.ts';
import { parseInstant } from '../telnyx/dates.ts';
import { deletion } from '../telnyx/telephony-credentials.ts';
import { quietTimeOf, untilMoved } from './consumers.ts';
import { atMost, deliverTo, duration, durationOf, id, overlap, overlapOf, prefix, secondsOf, text } from './fields.ts';
import { refuseFullTag, type Selection, select } from './fleet-select.ts';
import { result, rotationShape, viewJob } from './job-view.ts';
import { connectionNamed } from './telephony-credentials.ts';

const most = z.int().min(1).max(50_000);

const order = z.object({
  connection_id: id.optional(),
  tag: text.optional(),
  name: text.optional(),
  expiring_within: duration.optional(),
  older_than: duration.optional(),
  limit: most.default(100),
  overlap,
  at_most: atMost,
  expires_in: duration.optional(),
  new_tag: text.optional(),
  deliver_to: deliverTo,
  prefix,
  canary: z.int().min(0).max(100).default(1),
  stop_after_failures: z.int().min(1).max(1000).default(3),
  reason: text.optional(),
});
type Order = z.output<typeof order>;
type Both = Pick<FleetWish, 'overlap' | 'quiet_time'>;

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
  asks: 'always',
  propose: async (args, deps) => {
    const { connection_id, tag, name, expiring_within, older_than, limit, new_tag, deliver_to, prefix } = args;
    if ([connection_id, tag, name, expiring_within, older_than].every((filter) => filter === undefined)) {
      throw badInput('Say which ones: give connection_id, tag, name, expiring_within or older_than.');
    }
    const place = await deps.destinations(deliver_to, prefix);
    if (!place.many) {
      throw badInput('That place can hold one secret, not many.', 'Deliver to vault, file:PATH.jsonl or command:NAME.');
    }
    const aged = {
      expiringWithin: expiring_within === undefined ? undefined : secondsOf(expiring_within),
      olderThan: older_than === undefined ? undefined : secondsOf(older_than),
    };
    const selection = await select({ connection_id, tag, name, status: 'active' }, aged, limit, deps);
    await refuseFullTag(new_tag, selection.members.length, deps);
    const connections = selection.members.map(({ connection_id }) => connection_id);
    const both = await overlapOf(args, () => quietTimeOf(connections, deps));
    const wish = wishOf(args, both, place.to);
    const each =
      'each: create a successor, hand over its password, see that it can log in, then the end of the old one';
    return {
      ...aboutAll(selection, { wish }),
      steps: [...inWords(selection, ({ id }) => id), each],
      secret_to: place.label,
      question: () => rotateQuestion(args, both, selection, place, deps),
      wish,
    };
  },
  run: async ({ members, more, user_id, wish }, deps) => {
    // Proved before anything is recorded or created.
    await using _ = await reserveProposed(deps.destinations, { to: wish.deliver_to, prefix: wish.prefix });
    return begin({ type: 'fleet_began', job: 'rotate', members: members.length, more, user_id, wish }, members, deps);
  },
});

function wishOf(args: Order, both: Both, deliver_to: string): FleetWish & { deliver_to: string } {
  const { expires_in, new_tag, prefix, canary, stop_after_failures, reason } = args;
  return {
    ...both,
    ...(expires_in !== undefined && { expires_in: secondsOf(expires_in) }),
    ...(new_tag !== undefined && { tag: new_tag }),
    ...{ deliver_to, prefix, canary, stop_after_failures },
    ...(reason !== undefined && { reason }),
  };
}

/** A selection as it is agreed to: by the digest of its members as they were read. */
const aboutAll = <B extends object>({ members, more, user_id, digest: selection }: Selection, bound: B) => ({
  binding: { count: members.length, selection, digest_of_connections_and_ends: digest(members), ...bound },
  members,
  more,
  user_id,
});

/** The first of a selection, one line each. */
const inWords = ({ members, more }: Selection, line: (member: Member) => string): string[] => [
  `${members.length} credentials, ${more} more would fit`,
  ...members.slice(0, 10).map(line),
];

async function rotateQuestion(
  args: Order,
  { overlap, quiet_time }: Both,
  { members: { length }, digest, cautions }: Selection,
  place: Destination,
  deps: Deps,
): Promise<Question> {
  const { connection_id, tag, name, expiring_within, older_than, expires_in, new_tag, canary } = args;
  const which = [
    connection_id && `on ${await connectionNamed(connection_id, deps)}`,
    tag && `with the tag ${quoted(tag)}`,
    name && `with the name ${quoted(name)}`,
    expiring_within && `that expire within ${expiring_within}`,
    older_than && `older than ${older_than}`,
  ].filter(Boolean);
  const fate =
    overlap === 0
      ? 'each old one is DELETED AT ONCE: whoever still uses it is cut off'
      : quiet_time === undefined
        ? `each old one lives ${durationOf(overlap)} more, or to its own end where that is sooner, then it expires for good`
        : `each old one lives until those who use it have moved: ${untilMoved(overlap, quiet_time, `in ${durationOf(overlap)}, or at its own end where that is sooner`)}`;
  const alone = canary > 1 ? ` The first ${canary} one by one` : ' The first alone';
  const first = canary > 0 ? `${alone}, to see that it works.` : '';
  return {
    text: `Rotate ${length} telephony credentials ${which.join(', ')} (selection ${digest})? Each gets a successor${expires_in === undefined ? '' : ` that lives ${expires_in}`}${new_tag === undefined ? '' : ` with the tag ${quoted(new_tag)}`}, its password goes to ${place.label}, and ${fate}${fate.endsWith('.') ? '' : '.'}${first} Every SIP username changes.${told(cautions)}`,
    phrase: `rotate ${length} credentials`,
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
  asks: 'always',
  propose: async ({ connection_id, expired_before, limit }, deps) => {
    const expiredBefore = expired_before === undefined ? undefined : parseInstant(expired_before);
    if (expired_before !== undefined && !expiredBefore) throw badInput('expired_before is not an ISO 8601 date.');
    const selection = await select({ connection_id, status: 'expired' }, { expiredBefore }, limit, deps);
    return {
      ...aboutAll(selection, {}),
      steps: inWords(selection, ({ id }) => `DELETE /${deletion(id).path}`),
      question: () => deleteQuestion(selection),
    };
  },
  run: ({ members, more, user_id }, deps) =>
    begin({ type: 'fleet_began', job: 'delete', members: members.length, more, user_id }, members, deps),
});

/** Cautions behind a question. */
const told = (cautions: readonly string[]): string => cautions.map((caution) => ` ${caution}`).join('');

const deleteQuestion = ({ members: { length }, digest, cautions }: Selection): Question => ({
  text: `Delete ${length} expired telephony credentials for good (selection ${digest})? Nobody can log in with them any more as it is.${told(cautions)}`,
  phrase: `delete ${length} expired credentials`,
});

const CHUNK = 500;
const ANSWERS_AFTER_MS = 8000;

/** Records who the members are, starts the work, and gives how far it got in a few seconds. */
async function begin(beginning: RotationEvent & { type: 'fleet_began' }, members: readonly Member[], deps: Deps) {
  const chunks = Array.from({ length: Math.ceil(members.length / CHUNK) }, (_, index) => ({
    type: 'members' as const,
    members: members.slice(index * CHUNK, (index + 1) * CHUNK),
  }));
  const fleet = newJob(deps.now());
  await alone(
    deps,
    [fleet],
    async (lease) => {
      await deps.jobs.note(fleet, beginning, lease);
      await Promise.all(chunks.map((event) => deps.jobs.note(fleet, event, lease)));
    },
    (held) => Promise.reject(busy(held)),
  );
  return whileItRuns(fleet, deps.fleets.run(fleet, 'on', new Set(members.map(({ id }) => id))), deps);
}

/** Gives how a fleet stands when what runs is at its end, or the call has lasted long enough. Throws what `running` does. */
export async function whileItRuns(fleet: string, running: Promise<void>, deps: Deps) {
  const enough = deps.pause(Math.max(0, Math.min(ANSWERS_AFTER_MS, deps.timeLeft() - 2000)));
  await Promise.race([running, enough]);
  const job = await deps.jobs.job(fleet);
  if (!job) throw badInput('No fleet has this id.');
  return result(viewJob(job, deps));
}
