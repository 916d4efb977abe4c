import { randomUUID } from 'node:crypto';
import { instant } from './dates.ts';
import { NewestFirst } from './newest-first.ts';

// The index signatures let a test plant a field Telnyx has not invented yet: whatever is on a record is served.

export interface TelephonyRecord {
  id: string;
  record_type: 'credential';
  name: string;
  resource_id: string;
  user_id: string;
  sip_username: string;
  sip_password: string;
  /** True forces the state; otherwise `expires_at` decides, at the moment of the answer. */
  expired: boolean;
  expires_at: string;
  created_at: string;
  updated_at: string;
  /** Write-only: never served (api.md §3.2). */
  tag?: string;
  [field: string]: unknown;
}

export interface PushRecord {
  id: string;
  record_type: 'push_credential';
  alias: string;
  type: 'ios' | 'android';
  /** The fields of the other platform are empty: the spec has them always there, and never null (api.md §3.1). */
  certificate: string | null;
  private_key: string | null;
  project_account_json_file: Record<string, unknown> | null;
  /** Whether the row is Telnyx's own. The spec does not declare it: served only where `undeclared` is asked for. */
  is_public: boolean;
  created_at: string;
  updated_at: string;
  [field: string]: unknown;
}

export type ConnectionKind = 'credential' | 'fqdn' | 'ip' | 'uac';

export interface ConnectionRecord {
  /** Which of the four lists it is in; never served. */
  kind: ConnectionKind;
  id: string;
  record_type: string;
  connection_name: string;
  active: boolean;
  ios_push_credential_id: string | null;
  android_push_credential_id: string | null;
  tags: string[];
  outbound: { outbound_voice_profile_id: string; [field: string]: unknown };
  created_at: string;
  updated_at: string;
  [field: string]: unknown;
}

/** What registers: by its address others see where it is. */
export interface Device {
  ip: string;
  port: number;
  transport: string;
  number: string;
}

/** That a device has registered with a login, and stays unless it left. Times are milliseconds since 1970. */
export interface Registration {
  device: Device;
  since: number;
  isOn: (at: Date) => boolean;
  left?: { at: number; unregisters: boolean };
}

/** A call as `GET /detail_records` tells it. The specification has no record of type webrtc: the fields are the documentation's. */
export interface CallRecord {
  record_type: 'webrtc';
  started_at: string;
  finished_at: string;
  connection_id: string;
  auth_username: string;
  direction: 'inbound' | 'outbound';
  cost: string;
  currency: string;
  cli: string;
  cld: string;
  [field: string]: unknown;
}

/** A change of something, as `GET /audit_events` tells it; values may be secrets. */
export interface AuditRecord {
  id: string;
  record_type: string;
  resource_id: string;
  alternate_resource_id: string | null;
  change_made_by: 'telnyx' | 'account_manager' | 'account_owner' | 'organization_member';
  change_type: string;
  user_id: string;
  organization_id: string;
  created_at: string;
  changes: { field: string; from: unknown; to: unknown }[];
  [field: string]: unknown;
}

export interface VoiceProfileRecord {
  id: string;
  record_type: 'outbound_voice_profile';
  name: string;
  enabled: boolean;
  concurrent_call_limit: number | null;
  daily_spend_limit: string;
  daily_spend_limit_enabled: boolean;
  max_destination_rate: number;
  whitelisted_destinations: string[];
  [field: string]: unknown;
}

/** What an account may be refused. */
export type Optional = 'sip_registration_status' | 'detail_records' | 'audit_events' | 'outbound_voice_profiles';

// A fleet of tens of thousands changes each of them some times.
const REMEMBERED = 1000;

/** The account: what there is, and what time it is. */
export class World {
  readonly telephony = new NewestFirst<TelephonyRecord>();
  readonly push = new NewestFirst<PushRecord>();
  readonly connections = new NewestFirst<ConnectionRecord>();
  /** Which devices register, by SIP username, the last that came first. */
  readonly registrations = new Map<string, Registration[]>();
  /** In the order they are told, the latest first where the time is the same. */
  readonly calls: CallRecord[] = [];
  readonly audit: AuditRecord[] = [];
  readonly voiceProfiles = new Map<string, VoiceProfileRecord>();
  /** What this account is refused, and with what status: 400, 403, 404 or 410. */
  readonly refuses = new Map<Optional, number>();
  readonly userId: string;
  readonly now: () => Date;
  /** Whether answers carry what was seen on the wire and is not in the spec. */
  readonly undeclared: boolean;
  readonly #fillPush: (world: World) => Promise<void>;
  #ready: Promise<void> | undefined;

  constructor(userId: string, now: () => Date, fillPush: (world: World) => Promise<void>, undeclared = false) {
    this.userId = userId;
    this.now = now;
    this.undeclared = undeclared;
    this.#fillPush = fillPush;
  }

  /** Resolves when `push` is filled. Making keys is slow, so it starts when first asked for. */
  get ready(): Promise<void> {
    this.#ready ??= this.#fillPush(this);
    return this.#ready;
  }

  /** Whether the credential is past its expiry, which is final (api.md §5). */
  isExpired(record: TelephonyRecord): boolean {
    return record.expired || instant(record.expires_at) <= this.now().getTime();
  }

  /** Writes into the audit log what was changed of a telephony credential, secrets as they are. */
  note(what: string, id: string, before: Record<string, unknown>, after: Record<string, unknown>): void {
    const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    this.audit.push({
      id: randomUUID(),
      record_type: 'credential',
      resource_id: id,
      alternate_resource_id: null,
      change_made_by: 'account_owner',
      change_type: what,
      user_id: this.userId,
      organization_id: this.userId,
      created_at: this.now().toISOString(),
      changes: fields
        .filter((field) => before[field] !== after[field])
        .map((field) => ({ field, from: before[field] ?? null, to: after[field] ?? null })),
    });
    if (this.audit.length > REMEMBERED) this.audit.shift();
  }

  /** How many telephony credentials carry the tag. */
  tagged(tag: string): number {
    return this.telephony.pageWhere((record) => record.tag === tag, 0, 0).total;
  }
}
