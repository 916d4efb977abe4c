import { DAY } from './dates.ts';
import type { Asked, Route } from './handler.ts';
import { NewestFirst } from './newest-first.ts';
import { type Listing, list } from './paging.ts';
import { credentialOf, registeredUntil } from './phones.ts';
import { notFound, type Reply, refuse } from './replies.ts';
import type { AuditRecord, CallRecord, Optional, World } from './world.ts';

// Who uses a credential, and what that may cost: operations that an account may be refused.

const REFUSED: Record<number, string> = { 400: '10015', 403: '10010', 410: '10005' };

/** The handler of an operation that this account may be refused; a 404 is that of an address nobody knows. */
function optional(operation: Optional, handler: (world: World, asked: Asked) => Reply): Route[2] {
  return (world, asked) => {
    const status = world.refuses.get(operation);
    if (status === undefined) return handler(world, asked);
    throw status === 404 ? notFound() : refuse(status, REFUSED[status] ?? '10015', { detail: 'Not for this account.' });
  };
}

const CREDENTIAL_TYPES = ['uac_external_credential', 'telephony_credential'];

/** A bare object, without `data`. What a login is called that never registered is documented nowhere: it stands by. */
function registration(world: World, { query }: Asked): Reply {
  const type = query.get('credential_type') ?? '';
  const username = query.get('username');
  if (!CREDENTIAL_TYPES.includes(type))
    throw refuse(400, '10032', { detail: `credential_type must be one of ${CREDENTIAL_TYPES}` });
  if (username === null) throw refuse(400, '10004', { detail: 'username or connection_id must be given' });
  const credential = type === 'telephony_credential' ? credentialOf(world, username) : undefined;
  if (!credential) throw notFound();
  const until = registeredUntil(world, username);
  const { device, since = 0 } = world.registrations.get(username) ?? {};
  return {
    status: 200,
    body: {
      registered: until !== undefined,
      sip_registration_status: until === undefined ? 'standby' : 'registered',
      credential_type: type,
      credential_username: username,
      connection_id: credential.resource_id.split(':')[1] ?? '',
      ...(device &&
        until !== undefined && {
          sip_registration_details: {
            expires: Math.floor(until / 1000),
            ua_ip: device.ip,
            ua_port: device.port,
            transport: device.transport,
            last_modified: new Date(since).toISOString(),
          },
        }),
    },
  };
}

/** Where a range of dates begins and ends, in milliseconds since 1970. Nothing documents the zone, nor when a week begins. */
function rangeOf(name: string, now: Date): [from: number, until: number] | undefined {
  const [which = '', unit = ''] = name.split('_');
  const shift = { last: -1, this: 0, next: 1, yesterday: -1, today: 0, tomorrow: 1 }[which];
  const [year, month, date] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  if (shift === undefined) return undefined;
  if (unit === 'month') return [Date.UTC(year, month + shift), Date.UTC(year, month + shift + 1)];
  const day = Date.UTC(year, month, date);
  if (unit === '') return [day + shift * DAY, day + (shift + 1) * DAY];
  const monday = day - ((now.getUTCDay() + 6) % 7) * DAY;
  return [monday + shift * 7 * DAY, monday + (shift + 1) * 7 * DAY];
}

const RANGES = [
  'yesterday',
  'today',
  'tomorrow',
  'last_week',
  'this_week',
  'next_week',
  'last_month',
  'this_month',
  'next_month',
];

const calls = (world: World): Listing<CallRecord> => ({
  defaultSize: 20,
  maxSize: 50,
  filters: {
    '[record_type]': (wanted) => (record) => record.record_type === wanted,
    '[auth_username]': (wanted) => (record) => record.auth_username === wanted,
    '[connection_id]': (wanted) => (record) => record.connection_id === wanted,
    '[date_range]': (wanted) => {
      const range = RANGES.includes(wanted) ? rangeOf(wanted, world.now()) : undefined;
      if (!range) throw refuse(400, '10032', { detail: `filter[date_range] must be one of ${RANGES}` });
      const [from, until] = range;
      return ({ started_at }) => Date.parse(started_at) >= from && Date.parse(started_at) < until;
    },
  },
  show: (record) => record,
});

function detailRecords(world: World, { query }: Asked): Reply {
  if (!query.get('filter[record_type]')) throw refuse(400, '10004', { detail: 'filter[record_type] must be given' });
  const sorted = world.calls.toSorted((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at));
  return list(numbered(sorted), query, calls(world));
}

const instantOf = (wanted: string): number => {
  const at = Date.parse(wanted);
  if (Number.isNaN(at)) throw refuse(400, '10015', { detail: 'must be an ISO 8601 date-time' });
  return at;
};

const events: Listing<AuditRecord> = {
  // Documented nowhere.
  defaultSize: 20,
  filters: {
    '[created_after]': (wanted) => {
      const at = instantOf(wanted);
      return ({ created_at }) => Date.parse(created_at) > at;
    },
    '[created_before]': (wanted) => {
      const at = instantOf(wanted);
      return ({ created_at }) => Date.parse(created_at) < at;
    },
  },
  show: (record) => record,
};

function auditEvents(world: World, { query }: Asked): Reply {
  const sort = query.get('sort') ?? 'desc';
  if (!['asc', 'desc'].includes(sort)) throw refuse(400, '10032', { detail: 'sort must be asc or desc' });
  return list(numbered(sort === 'desc' ? world.audit : world.audit.toReversed()), query, events);
}

/** Rows that have no id to be found by; those that come last are listed first. */
function numbered<Row>(rows: readonly Row[]): NewestFirst<Row> {
  const all = new NewestFirst<Row>();
  for (const [index, row] of rows.entries()) all.set(`${index}`, row);
  return all;
}

function voiceProfile(world: World, { id }: Asked): Reply {
  const data = world.voiceProfiles.get(id);
  if (!data) throw notFound();
  return { status: 200, body: { data } };
}

export const activityRoutes: readonly Route[] = [
  ['GET', '/sip_registration_status', optional('sip_registration_status', registration)],
  ['GET', '/detail_records', optional('detail_records', detailRecords)],
  ['GET', '/audit_events', optional('audit_events', auditEvents)],
  ['GET', '/outbound_voice_profiles/:id', optional('outbound_voice_profiles', voiceProfile)],
];
