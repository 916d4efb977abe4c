import { forPerson } from '../telnyx/dates.ts';
import type { Moments, Settings } from './settings.ts';
import type { Example } from './tally.ts';

type Severity = 'error' | 'warning' | 'info';

/** The tool that deals with a finding, and what to call it with. */
export interface Next {
  tool: string;
  arguments: Record<string, unknown>;
}

interface Kind {
  severity: Severity;
  /** What the count counts, in our words alone. */
  says(settings: Settings, moments: Moments): string;
  next?(count: number, first: Example, settings: Settings): Next | undefined;
}

const kind =
  (severity: Severity) =>
  (says: string | Kind['says'], next?: Kind['next']): Kind => ({
    severity,
    says: typeof says === 'string' ? () => says : says,
    ...(next && { next }),
  });
const [error, warning, info] = [kind('error'), kind('warning'), kind('info')];

// More than this at once is more than a person can mean by one yes.
const MOST_AT_ONCE = 500;
const SAFELY = { dry_run: true };

/** For one what deals with it by its id, for several what deals with all that a setting names. */
const oneOrMany =
  (one: string, many: string, by?: 'expiring_within' | 'older_than'): Kind['next'] =>
  (count, { id }, settings) => {
    if (count === 1) return { tool: one, arguments: { id, ...SAFELY } };
    const { connection_id } = settings;
    const which = { ...(connection_id && { connection_id }), ...(by && { [by]: settings[by] }) };
    return { tool: many, arguments: { ...which, limit: Math.min(count, MOST_AT_ONCE), ...SAFELY } };
  };
const renew = (id: unknown): Next => ({ tool: 'rotate_mobile_push_credential', arguments: { id, upload: true } });
const look: Kind['next'] = () => ({ tool: 'list_mobile_push_credentials', arguments: {} });
const goOn: Kind['next'] = (_, { id }) => ({ tool: 'continue_rotation', arguments: { id } });

/**
 * The name of a finding begins with that of what it is about, in the singular: of the section that must be read for it,
 * unless it is known to need another.
 */
type Name = `${'telephony' | 'push' | 'connection' | 'rotation'}_${string}`;

/** All that can be found, the worst first. */
export const KINDS = {
  rotation_damaged: error(
    'rotations whose record was altered, or is of a newer version: nothing goes on with them; run journal verify',
  ),
  rotation_in_use: error(
    'rotations whose old credential is still in use, and ends within 48 hours or half of its overlap: whoever uses it must move',
    (_, { id }) => ({ tool: 'get_rotation', arguments: { id } }),
  ),
  connection_push_missing: error(
    'connections that point to a push credential that is gone; point them to another in the portal',
    look,
  ),
  connection_push_lapsed: error(
    'connections whose iOS push certificate has lapsed: their apps get no calls by push',
    (_, { push_credential_id }) => renew(push_credential_id),
  ),
  connection_push_other_platform: error(
    'connections that point to a push credential of the other platform: no push arrives',
    look,
  ),
  push_lapsed: error('push certificates that have lapsed', (_, { id, used_by }) =>
    used_by === 0 ? { tool: 'delete_mobile_push_credential', arguments: { id, ...SAFELY } } : renew(id),
  ),
  rotation_stuck: warning('rotations begun more than an hour ago and not brought to an end', goOn),
  push_lapsing: warning(
    ({ expiring_within }) => `push certificates that lapse within ${expiring_within}`,
    (_, { id }) => renew(id),
  ),
  telephony_expiring: warning(
    ({ expiring_within }) => `telephony credentials that expire within ${expiring_within}, for good`,
    oneOrMany('rotate_telephony_credential', 'rotate_telephony_credentials', 'expiring_within'),
  ),
  telephony_expired: warning(
    'telephony credentials that have expired: nobody logs in with them, they can only be deleted',
    oneOrMany('delete_telephony_credential', 'delete_expired_telephony_credentials'),
  ),
  telephony_expiry_unreadable: warning(
    'telephony credentials with an expiry that cannot be read: when they end is not known',
    (_, { id }) => ({ tool: 'get_telephony_credential', arguments: { id } }),
  ),
  telephony_same_name: warning(
    'names that several credentials of one connection have, maybe left by a rotation that crashed',
    (_, { ids, rotation }) =>
      typeof rotation === 'string'
        ? { tool: 'get_rotation', arguments: { id: rotation } }
        : { tool: 'get_telephony_credential', arguments: { id: Array.isArray(ids) ? ids[0] : '' } },
  ),
  connection_push_shared: warning(
    "connections that use Telnyx's shared demo push credential, which is for its demo app",
    look,
  ),
  rotation_old_one_left: warning('rotations past their overlap: the old credential waits to be deleted', goOn),
  push_unused: info('push credentials that no connection uses', (_, { id }) => ({
    tool: 'delete_mobile_push_credential',
    arguments: { id, ...SAFELY },
  })),
  connection_without_push: info('connections without a push credential'),
  telephony_older: info(
    ({ older_than }) => `living telephony credentials made more than ${older_than} ago`,
    oneOrMany('rotate_telephony_credential', 'rotate_telephony_credentials', 'older_than'),
  ),
  telephony_unused: info(
    ({ older_than }, { calls }) =>
      `living telephony credentials made more than ${older_than} ago, not registered now and without a call since ${forPerson(new Date(calls).toISOString())}`,
    (count, { id }) => (count === 1 ? { tool: 'get_credential_activity', arguments: { id } } : undefined),
  ),
  telephony_never_expiring: info('telephony credentials that never expire', (_, { id }) => ({
    tool: 'rotate_telephony_credential',
    arguments: { id, expires_in: '365d', ...SAFELY },
  })),
  push_certificates: info('push certificates with more time left'),
  telephony_totals: info('telephony credentials in all, by connection'),
} satisfies Record<Name, Kind>;

export type FindingName = keyof typeof KINDS;

/** Counts one thing under a finding; see `Tally.add`. */
export type Add = (finding: FindingName, key: number, id: string, example: () => Example, weight?: number) => void;
