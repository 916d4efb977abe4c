import type { Section, Settings } from './settings.ts';
import type { Example } from './tally.ts';

export type Severity = 'error' | 'warning' | 'info';

/** The tool that deals with a finding, and what to call it with. */
export interface Next {
  tool: string;
  arguments: Record<string, unknown>;
}

interface Kind {
  section: Section;
  severity: Severity;
  /** What the count counts, in our words alone. */
  says(settings: Settings): string;
  next?(count: number, first: Example, settings: Settings): Next;
}

const kind = (section: Section, severity: Severity, says: string | Kind['says'], next?: Kind['next']): Kind => ({
  section,
  severity,
  says: typeof says === 'string' ? () => says : says,
  ...(next && { next }),
});

// More than this at once is more than a person can mean by one yes.
const MOST_AT_ONCE = 500;
const SAFELY = { dry_run: true };

const bulk = (tool: string, count: number, { connection_id }: Settings, more: object = {}): Next => ({
  tool,
  arguments: { ...(connection_id && { connection_id }), ...more, limit: Math.min(count, MOST_AT_ONCE), ...SAFELY },
});
const renew = (id: unknown): Next => ({ tool: 'rotate_mobile_push_credential', arguments: { id, upload: true } });
const look: Kind['next'] = () => ({ tool: 'list_mobile_push_credentials', arguments: {} });
const goOn: Kind['next'] = (_, { id }) => ({ tool: 'continue_rotation', arguments: { id } });

/** All that can be found, the worst first. */
export const KINDS = {
  rotation_damaged: kind(
    'rotations',
    'error',
    'rotations whose record was altered, or is of a newer version: nothing goes on with them; run journal verify',
  ),
  connection_push_missing: kind(
    'connections',
    'error',
    'connections that point to a push credential that is gone; point them to another in the portal',
    look,
  ),
  connection_push_lapsed: kind(
    'connections',
    'error',
    'connections whose iOS push certificate has lapsed: their apps get no calls by push',
    (_, { push_credential_id }) => renew(push_credential_id),
  ),
  connection_push_other_platform: kind(
    'connections',
    'error',
    'connections that point to a push credential of the other platform: no push arrives',
    look,
  ),
  push_lapsed: kind('push', 'error', 'push certificates that have lapsed', (_, { id, used_by }) =>
    used_by === 0 ? { tool: 'delete_mobile_push_credential', arguments: { id, ...SAFELY } } : renew(id),
  ),
  rotation_stuck: kind('rotations', 'warning', 'rotations begun more than an hour ago and not brought to an end', goOn),
  push_lapsing: kind(
    'push',
    'warning',
    ({ expiring_within }) => `push certificates that lapse within ${expiring_within}`,
    (_, { id }) => renew(id),
  ),
  telephony_expiring: kind(
    'telephony',
    'warning',
    ({ expiring_within }) => `telephony credentials that expire within ${expiring_within}, for good`,
    (count, { id }, settings) =>
      count === 1
        ? { tool: 'rotate_telephony_credential', arguments: { id, ...SAFELY } }
        : bulk('rotate_telephony_credentials', count, settings, { expiring_within: settings.expiring_within }),
  ),
  telephony_expired: kind(
    'telephony',
    'warning',
    'telephony credentials that have expired: nobody logs in with them, they can only be deleted',
    (count, { id }, settings) =>
      count === 1
        ? { tool: 'delete_telephony_credential', arguments: { id, ...SAFELY } }
        : bulk('delete_expired_telephony_credentials', count, settings),
  ),
  telephony_expiry_unreadable: kind(
    'telephony',
    'warning',
    'telephony credentials with an expiry that cannot be read: when they end is not known',
    (_, { id }) => ({ tool: 'get_telephony_credential', arguments: { id } }),
  ),
  telephony_same_name: kind(
    'telephony',
    'warning',
    'names that several credentials of one connection have, maybe left by a rotation that crashed',
    (_, { ids, rotation }) =>
      typeof rotation === 'string'
        ? { tool: 'get_rotation', arguments: { id: rotation } }
        : { tool: 'get_telephony_credential', arguments: { id: Array.isArray(ids) ? ids[0] : '' } },
  ),
  connection_push_shared: kind(
    'connections',
    'warning',
    "connections that use Telnyx's shared demo push credential, which is for its demo app",
    look,
  ),
  rotation_old_one_left: kind(
    'rotations',
    'warning',
    'rotations past their overlap: the old credential waits to be deleted',
    goOn,
  ),
  push_unused: kind('push', 'info', 'push credentials that no connection uses', (_, { id }) => ({
    tool: 'delete_mobile_push_credential',
    arguments: { id, ...SAFELY },
  })),
  connection_without_push: kind('connections', 'info', 'connections without a push credential'),
  telephony_older: kind(
    'telephony',
    'info',
    ({ older_than }) => `living telephony credentials made more than ${older_than} ago`,
    (count, { id }, settings) =>
      count === 1
        ? { tool: 'rotate_telephony_credential', arguments: { id, ...SAFELY } }
        : bulk('rotate_telephony_credentials', count, settings, { older_than: settings.older_than }),
  ),
  telephony_never_expiring: kind('telephony', 'info', 'telephony credentials that never expire', (_, { id }) => ({
    tool: 'rotate_telephony_credential',
    arguments: { id, expires_in: '365d', ...SAFELY },
  })),
  push_certificates: kind('push', 'info', 'push certificates with more time left'),
  telephony_totals: kind('telephony', 'info', 'telephony credentials in all, by connection'),
} satisfies Record<string, Kind>;

export type FindingName = keyof typeof KINDS;

/** Counts one thing under a finding; see `Tally.add`. */
export type Add = (finding: FindingName, key: number, id: string, example: () => Example, weight?: number) => void;
