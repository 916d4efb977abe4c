import { DAY } from './dates.ts';
import { alphanumerics, hex, secretBytes, snowflake, stableBytes } from './random.ts';
import type { ConnectionKind, ConnectionRecord, World } from './world.ts';

interface Plan {
  kind: ConnectionKind;
  name: string;
  daysOld: number;
  tags: string[];
  ios?: string;
  android?: string;
  /** Fields of this kind only. */
  own: Record<string, unknown>;
}

const PROFILE = '1293384261075731499';

// What the spec's examples show for every kind, with the defaults of their schemas.
const common = {
  inbound: { ani_number_format: '+E.164', channel_limit: 10, codecs: ['OPUS', 'G722'], dnis_number_format: '+e164' },
  outbound: {
    ani_override_type: 'always',
    channel_limit: 10,
    localization: 'US',
    outbound_voice_profile_id: PROFILE,
  },
  active: true,
  anchorsite_override: 'Latency',
  call_cost_in_webhooks: false,
  default_on_hold_comfort_noise_enabled: true,
  dtmf_type: 'RFC 2833',
  encode_contact_header_enabled: false,
  encrypted_media: 'SRTP',
  noise_suppression: 'disabled',
  onnet_t38_passthrough_enabled: false,
  webhook_api_version: '2',
  webhook_event_failover_url: null,
  webhook_event_url: 'https://hooks.acme.example/telnyx',
  webhook_timeout_secs: 25,
};

function login(userName: string): Record<string, unknown> {
  return { user_name: userName, password: alphanumerics(secretBytes, 24) };
}

/** Ids of the push credentials that connections name. */
export interface UsedPush {
  iosLapsing: string;
  android: string;
  androidBeta: string;
}

function plans(push: UsedPush): Plan[] {
  return [
    {
      kind: 'ip',
      name: 'Frankfurt SBC',
      daysOld: 900,
      tags: [],
      own: {
        transport_protocol: 'UDP',
        outbound: { ...common.outbound, ip_authentication_token: hex(secretBytes, 16) },
      },
    },
    {
      kind: 'fqdn',
      name: 'HQ PBX trunk',
      daysOld: 760,
      tags: ['pbx'],
      android: push.android,
      own: { transport_protocol: 'TLS', encrypted_media: null, ...login('hqpbxtrunk') },
    },
    {
      kind: 'credential',
      name: 'Web dialer',
      daysOld: 610,
      tags: ['webrtc'],
      ios: push.iosLapsing,
      android: push.android,
      own: { ...login('acmewebdialer'), sip_uri_calling_preference: 'internal' },
    },
    {
      kind: 'credential',
      name: 'Mobile app',
      daysOld: 580,
      tags: ['webrtc', 'mobile'],
      ios: push.iosLapsing,
      own: { ...login('acmemobileapp'), sip_uri_calling_preference: 'unrestricted' },
    },
    {
      kind: 'uac',
      name: 'Legacy 3CX, Lyon',
      daysOld: 120,
      tags: [],
      android: push.androidBeta,
      own: {
        ...login('lyonlegacypbx'),
        authentication: 'uac-authentication',
        fqdn: '4f1c09ab77de.uac.telnyx.com',
        // Not among the fields Telnyx masks (api.md §3.3), and a secret all the same.
        external_uac_settings: {
          username: 'ext8492',
          password: alphanumerics(secretBytes, 16),
          proxy: 'pbx.lyon.acme.example',
          transport: 'TLS',
        },
        internal_uac_settings: { destination_uri: 'lyon@acme.sip.telnyx.com' },
        registration_status: 'Registered',
        sip_uri_calling_preference: 'disabled',
      },
    },
  ];
}

/** Fills the account with connections of the four kinds, oldest first; gives the ids of the two credential ones. */
export function seedConnections(world: World, push: UsedPush): [string, string] {
  const stable = stableBytes('connections');
  const credentialIds: string[] = [];
  world.voiceProfiles.set(PROFILE, {
    id: PROFILE,
    record_type: 'outbound_voice_profile',
    name: 'Office',
    enabled: true,
    traffic_type: 'conversational',
    service_plan: 'global',
    concurrent_call_limit: 10,
    daily_spend_limit: '100.00',
    daily_spend_limit_enabled: true,
    max_destination_rate: 0.5,
    whitelisted_destinations: ['US', 'CA', 'GB', 'FR', 'DE'],
    connections_count: 5,
  });
  for (const plan of plans(push)) {
    const created = new Date(world.now().getTime() - plan.daysOld * DAY).toISOString();
    const record: ConnectionRecord = {
      kind: plan.kind,
      id: snowflake(stable),
      record_type: `${plan.kind}_connection`,
      connection_name: plan.name,
      // A copy: what a test plants in one account must not show in another.
      ...structuredClone(common),
      ...plan.own,
      ios_push_credential_id: plan.ios ?? null,
      android_push_credential_id: plan.android ?? null,
      tags: plan.tags,
      created_at: created,
      updated_at: created,
    };
    world.connections.set(record.id, record);
    if (plan.kind === 'credential') credentialIds.push(record.id);
  }
  const [desk = '', mobile = ''] = credentialIds;
  return [desk, mobile];
}
