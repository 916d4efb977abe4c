import type { Fault } from '../src/sandbox/faults.ts';
import { type Options, type Started, startApp } from './app.ts';

/** What the clocks of this machine and of the account say. */
export const NOW = new Date('2026-11-27T12:00:00Z');
export const CANARY = 'canary-4f1d8c';

const MINUTE = 60_000;
/** Some minutes before `NOW`, or another time, as Telnyx writes it. */
export const ago = (minutes: number, now = NOW): string => new Date(now.getTime() - minutes * MINUTE).toISOString();
export const days = (number: number): number => number * 1440;

type Row = Record<string, unknown>;

/** An answer, an HTTP status, or none that ever comes. */
export type Told = Row | number | 'hangs';
/** The rows of a log, or what comes in their place. */
type Log = Row[] | Told;

/** What Telnyx tells of a credential; without a word an operation is refused. */
export interface Account {
  registration?: Told;
  /** By their range of dates; as a list those of this week, with none in any other range. */
  calls?: Log | Record<string, Row[]>;
  changes?: Log;
  connection?: Told;
  profile?: Told;
}

const effectOf = (told: Told): Pick<Fault, 'hang'> | Pick<Fault, 'respond'> => {
  if (told === 'hangs') return { hang: 'before' };
  if (typeof told !== 'number') return { respond: { status: 200, body: told } };
  const errors = [{ code: '10000', title: CANARY, detail: CANARY }];
  return { respond: { status: told, body: { errors } } };
};

/** Stages everything, the credential being the first of the account that has not expired. */
export class Stage implements AsyncDisposable {
  readonly app: Started;
  readonly id: string;
  readonly username: string;
  readonly connection: string;

  private constructor(app: Started) {
    this.app = app;
    const { world } = app.sandbox;
    const row = [...world.telephony.values()].find((one) => !world.isExpired(one));
    this.id = `${row?.id}`;
    this.username = `${row?.sip_username}`;
    this.connection = `${row?.resource_id.replace('connection:', '')}`;
  }

  static async start(account: (stage: Stage) => Account = () => ({}), options: Options = {}, now = NOW) {
    const stage = new Stage(await startApp({ now: () => now, sandbox: { now: () => now }, ...options }));
    stage.tells(account(stage));
    return stage;
  }

  /** How often a path was asked for. */
  asked(path: string): number {
    return this.app.sandbox.requests.filter((request) => request.path.startsWith(path)).length;
  }

  tells({ registration = 403, calls = 403, changes = 403, connection, profile }: Account): void {
    this.#told('/sip_registration_status', registration);
    if (Array.isArray(calls)) this.#log('/detail_records', 50, calls, 'this_week');
    else if (isByRange(calls))
      for (const [range, rows] of Object.entries(calls)) this.#log('/detail_records', 50, rows, range);
    this.#told('/detail_records', Array.isArray(calls) || isByRange(calls) ? { data: [] } : calls);
    if (Array.isArray(changes)) this.#log('/audit_events', 100, changes);
    this.#told('/audit_events', Array.isArray(changes) ? { data: [] } : changes);
    if (connection !== undefined) this.#told(`/credential_connections/${this.connection}`, connection);
    if (profile !== undefined) this.#told(/^\/outbound_voice_profiles\//, profile);
  }

  #told(path: string | RegExp, told: Told): void {
    this.app.sandbox.fault({ path, times: Number.POSITIVE_INFINITY, ...effectOf(told) });
  }

  #log(path: string, size: number, rows: Row[], range?: string): void {
    const pages = Math.ceil(rows.length / size);
    for (let page = 1; page <= pages; page += 1) {
      const data = rows.slice((page - 1) * size, page * size);
      this.app.sandbox.fault({
        path,
        times: Number.POSITIVE_INFINITY,
        when: ({ query }) =>
          query.get('page[number]') === `${page}` &&
          query.get('page[size]') === `${size}` &&
          (range === undefined || query.get('filter[date_range]') === range),
        respond: { status: 200, body: { data } },
      });
    }
  }

  /** The record of a call, some minutes ago; what Telnyx tells besides holds canaries. */
  call(minutesAgo: number, more: Row = {}): Row {
    return {
      record_type: 'webrtc',
      auth_username: this.username,
      started_at: ago(minutesAgo),
      finished_at: ago(minutesAgo - 2),
      direction: 'outbound',
      cld: '+12125550100',
      cli: CANARY,
      cost: '0.0150',
      currency: 'USD',
      user_agent: CANARY,
      ...more,
    };
  }

  /** An audit event about the credential, with values that nobody may see. */
  change(minutesAgo: number, more: Row = {}): Row {
    return {
      id: CANARY,
      change_made_by: 'account_owner',
      change_type: 'update',
      record_type: 'credential',
      resource_id: this.id,
      user_id: CANARY,
      created_at: ago(minutesAgo),
      changes: [{ field: 'name', from: CANARY, to: `${CANARY}-2` }],
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]();
  }
}

const isByRange = (calls: NonNullable<Account['calls']>): calls is Record<string, Row[]> =>
  typeof calls === 'object' && Object.values(calls).every((rows) => Array.isArray(rows)) && !('data' in calls);

/** What Telnyx says of a SIP username that a device is registered with, until 65 minutes from now. */
export const registered = (more: Row = {}, details: Row = {}): Row => ({
  registered: true,
  sip_registration_status: 'registered',
  sip_registration_details: {
    expires: NOW.getTime() / 1000 + 3900,
    ua_ip: '198.51.100.7',
    ua_port: 5061,
    transport: 'TLS',
    user_agent: CANARY,
    ...details,
  },
  contact: CANARY,
  ...more,
});

export const notRegistered: Row = { registered: false, sip_registration_status: 'unregistering' };
