import { randomUUID } from 'node:crypto';
import { readDate, timestampName, wholeSeconds, zoneless } from './dates.ts';
import type { Asked, Route } from './handler.ts';
import { type Listing, list } from './paging.ts';
import { hex, secretBytes, sipUsername } from './random.ts';
import { fields, notFound, Refusal, type Reply, refuse, text } from './replies.ts';
import { mintToken } from './token.ts';
import type { TelephonyRecord, World } from './world.ts';

const TAG_LIMIT = 1000;
const STATUSES = ['active', 'expired'];

function shown(world: World, record: TelephonyRecord): Record<string, unknown> {
  const { tag: _, ...rest } = record;
  return { ...rest, expired: world.isExpired(record) };
}

function listing(world: World): Listing<TelephonyRecord> {
  return {
    defaultSize: 50,
    filters: {
      '[tag]': (wanted) => (record) => record.tag === wanted,
      '[name]': (wanted) => (record) => record.name === wanted,
      '[resource_id]': (wanted) => (record) => record.resource_id === wanted,
      '[sip_username]': (wanted) => (record) => record.sip_username === wanted,
      '[status]': (wanted) => {
        if (STATUSES.includes(wanted)) return (record) => world.isExpired(record) === (wanted === 'expired');
        throw refuse(400, '10032', { detail: `filter[status] must be one of ${STATUSES}` });
      },
    },
    show: (record) => shown(world, record),
  };
}

function find(world: World, { id }: Asked): TelephonyRecord {
  const record = world.telephony.get(id);
  if (!record) throw notFound();
  return record;
}

function parent(world: World, body: Record<string, unknown>): string | undefined {
  const id = text(body, 'connection_id');
  if (id === undefined) return undefined;
  if (world.connections.get(id)?.kind === 'credential') return `connection:${id}`;
  throw refuse(422, '10013', { detail: 'The credential connection does not exist.', pointer: '/connection_id' });
}

function expiry(body: Record<string, unknown>): string | undefined {
  const given = text(body, 'expires_at');
  if (given === undefined) return undefined;
  const date = readDate(given);
  // Whether a past date is refused is unknown (api.md §10): it is taken, and the credential is born expired.
  if (date) return zoneless(date);
  throw refuse(422, '10015', { detail: 'must be an ISO 8601 date-time in UTC', pointer: '/expires_at' });
}

function tag(world: World, body: Record<string, unknown>, current?: string): string | undefined {
  const given = text(body, 'tag');
  if (given === undefined || given === current || world.tagged(given) < TAG_LIMIT) return given;
  throw refuse(422, '10015', { detail: `a tag can hold at most ${TAG_LIMIT} credentials`, pointer: '/tag' });
}

// The default lifetime is the spec's sample: creation + 22 years (api.md §5).
function farFuture(now: Date): string {
  const date = new Date(now);
  date.setUTCFullYear(date.getUTCFullYear() + 22);
  return zoneless(date);
}

function create(world: World, { body: raw }: Asked): Reply {
  const body = fields(raw);
  const resource = parent(world, body);
  if (!resource) throw refuse(422, '10015', { detail: "can't be blank", pointer: '/connection_id' });
  const now = world.now();
  const given = tag(world, body);
  const record: TelephonyRecord = {
    id: randomUUID(),
    record_type: 'credential',
    name: text(body, 'name') ?? timestampName(now),
    resource_id: resource,
    user_id: world.userId,
    sip_username: sipUsername(secretBytes),
    sip_password: hex(secretBytes, 16),
    expired: false,
    expires_at: expiry(body) ?? farFuture(now),
    created_at: zoneless(now),
    updated_at: wholeSeconds(now),
    ...(given === undefined ? {} : { tag: given }),
  };
  world.telephony.set(record.id, record);
  world.note('create', record.id, {}, { ...record });
  // Only the answer to a create was seen with connection_id (api.md §3.2).
  const seen = world.undeclared ? { connection_id: resource.split(':')[1] } : {};
  return { status: 201, body: { data: { ...shown(world, record), ...seen } } };
}

function update(world: World, asked: Asked): Reply {
  const record = find(world, asked);
  if (world.isExpired(record)) {
    // The one documented telephony error body, where `errors` is an object (api.md §1).
    throw new Refusal({ status: 422, body: { errors: { status: "can't update credentials in expired status" } } });
  }
  const body = fields(asked.body);
  // Whether null clears a field is unknown (api.md §10): it changes nothing and still answers 200.
  const change = {
    name: text(body, 'name') ?? record.name,
    resource_id: parent(world, body) ?? record.resource_id,
    expires_at: expiry(body) ?? record.expires_at,
    updated_at: wholeSeconds(world.now()),
  };
  const given = tag(world, body, record.tag);
  const before = { ...record };
  Object.assign(record, change, given === undefined ? {} : { tag: given });
  world.note('update', record.id, before, { ...record });
  return { status: 200, body: { data: shown(world, record) } };
}

function remove(world: World, asked: Asked): Reply {
  const record = find(world, asked);
  world.telephony.delete(record.id);
  world.note('delete', record.id, { ...record }, {});
  return { status: 200, body: { data: shown(world, record) } };
}

function token(world: World, asked: Asked): Reply {
  const record = find(world, asked);
  if (world.isExpired(record)) {
    throw refuse(422, '10015', { detail: "can't create a token for an expired credential", pointer: '/status' });
  }
  return { status: 201, headers: { 'content-type': 'text/plain' }, body: mintToken(record, world.now()) };
}

/** The telephony credential operations (api.md §2 rows 5–10). */
export const telephonyRoutes: readonly Route[] = [
  ['GET', '/telephony_credentials', (world, { query }) => list(world.telephony, query, listing(world))],
  ['POST', '/telephony_credentials', create],
  [
    'GET',
    '/telephony_credentials/:id',
    (world, asked) => ({ status: 200, body: { data: shown(world, find(world, asked)) } }),
  ],
  ['PATCH', '/telephony_credentials/:id', update],
  ['DELETE', '/telephony_credentials/:id', remove],
  ['POST', '/telephony_credentials/:id/token', token],
];
