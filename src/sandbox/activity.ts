import { complainingBriefly, detailRecords } from './detail-records.ts';
import type { Asked, Route } from './handler.ts';
import { NewestFirst } from './newest-first.ts';
import { type Listing, list } from './paging.ts';
import { bindingOf, credentialOf } from './phones.ts';
import { notFound, type Reply, refuse } from './replies.ts';
import type { AuditRecord, Optional, World } from './world.ts';

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

/**
 * A bare object, without `data`. What a login is called that nobody is registered with is documented nowhere: of the words
 * of the specification, it stands by. None of the others is plainly a no: the unknown is unknown, and nothing fails or tries.
 */
function registration(world: World, { query }: Asked): Reply {
  const type = query.get('credential_type') ?? '';
  const username = query.get('username');
  if (!CREDENTIAL_TYPES.includes(type))
    throw refuse(400, '10032', { detail: `credential_type must be one of ${CREDENTIAL_TYPES}` });
  if (username === null && !query.has('connection_id'))
    throw refuse(400, '10004', { detail: 'username or connection_id must be given' });
  // A connection is the key of external credentials of UAC, of which this account has none registered.
  const credential = type === 'telephony_credential' ? credentialOf(world, username ?? '') : undefined;
  if (!credential) throw notFound();
  const binding = bindingOf(world, credential.sip_username);
  const connection = world.connections.get(credential.resource_id.split(':')[1] ?? '');
  return {
    status: 200,
    body: {
      registered: binding !== undefined,
      sip_registration_status: binding ? 'registered' : 'standby',
      credential_type: type,
      credential_username: credential.sip_username,
      ...(connection && { connection_id: connection.id, connection_name: connection.connection_name }),
      ...(binding && {
        sip_registration_details: {
          expires: Math.floor(binding.until / 1000),
          ua_ip: binding.device.ip,
          ua_port: binding.device.port,
          transport: binding.device.transport,
          last_modified: new Date(binding.registeredAt).toISOString(),
        },
      }),
    },
  };
}

const instantOf = (wanted: string): number => {
  const at = Date.parse(wanted);
  if (Number.isNaN(at)) throw refuse(400, '10015', { detail: 'must be an ISO 8601 date-time' });
  return at;
};

const events: Listing<AuditRecord> = {
  // Documented nowhere, as is how large a page may be: as nearly everywhere.
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
  return list(NewestFirst.of(sort === 'desc' ? world.audit : world.audit.toReversed()), query, events);
}

function voiceProfile(world: World, { id }: Asked): Reply {
  const data = world.voiceProfiles.get(id);
  if (!data) throw notFound();
  return { status: 200, body: { data } };
}

export const activityRoutes: readonly Route[] = [
  ['GET', '/sip_registration_status', optional('sip_registration_status', registration)],
  ['GET', '/detail_records', complainingBriefly(optional('detail_records', detailRecords))],
  ['GET', '/audit_events', optional('audit_events', auditEvents)],
  ['GET', '/outbound_voice_profiles/:id', optional('outbound_voice_profiles', voiceProfile)],
];
