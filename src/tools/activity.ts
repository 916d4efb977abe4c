import { z } from 'zod';
import { within } from '../core/basics.ts';
import { oneLine } from '../core/text.ts';
import { type Deps, defineRead } from '../core/tool.ts';
import { type AuditEvent, readAuditEvents } from '../telnyx/audit-events.ts';
import { type Call, type Calls, readCalls, type Span } from '../telnyx/call-records.ts';
import type { Known } from '../telnyx/refusals.ts';
import { getRegistration, type Registration } from '../telnyx/registration.ts';
import { getTelephonyCredential, type TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { id } from './fields.ts';

/** "unknown" is never "no". */
export const yesNo = z.enum(['yes', 'no', 'unknown']);

const said = {
  registered: yesNo,
  registered_from: z.string().nullable().optional(),
  transport: z.string().nullable().optional(),
  registered_until: z.string().nullable().optional(),
  /** Absent where nothing is known of calls. */
  calls: z
    .object({
      since: z.string(),
      number: z.number(),
      inbound: z.number(),
      outbound: z.number(),
      minutes: z.number(),
      cost: z.string().optional(),
      last_at: z.string().nullable(),
    })
    .optional(),
  /** The latest; absent where nothing is known of changes. */
  changes: z
    .array(
      z.object({ at: z.string().nullable(), by: z.string(), what: z.string().nullable(), fields: z.array(z.string()) }),
    )
    .optional(),
  changes_in_all: z.number().optional(),
};

/** Who uses a credential, as an agent sees it. */
export const activity = z.object(said);

/** What is not known of something, and why: sentences. */
export const unknown = z.array(z.string());

interface Activity {
  activity: z.input<typeof activity>;
  unknown: string[];
}

export const getActivity = defineRead({
  name: 'get_credential_activity',
  title: 'See who uses a credential',
  description:
    'Whether a device is registered with a SIP credential and from where, its calls of the last days, who changed it when. unknown says what Telnyx does not tell; it never means no.',
  toolset: 'telephony',
  input: z.object({ id, days: z.int().min(1).max(31).default(7) }),
  output: z.object({ id: z.string(), sip_username: z.string().nullable(), ...said, unknown }),
  run: async (args, deps) => {
    const credential = await getTelephonyCredential(deps.http, args.id);
    const { activity, unknown } = await activityOf(credential, args.days, deps);
    return { id: credential.id, sip_username: credential.sip_username, ...activity, unknown };
  },
});

// Of the call's time: what it takes to answer, and before that to end a reading where it is.
const TO_ANSWER_MS = 2000;
const TO_END_MS = 2500;

type Time = Pick<Deps, 'timeLeft'>;

/** What is asked for (`what`, for a sentence), or unknown when that outlasts the call: no answer waits for what hangs. */
export const inTime = <T>(what: string, asked: Promise<Known<T>>, { timeLeft }: Time): Promise<Known<T>> =>
  within(timeLeft() - TO_ANSWER_MS, asked, { unknown: `There was no time to learn ${what}.` });

/** The time since `since` (milliseconds since 1970), read for as long as the call can wait. */
export const spanSince = (since: number, { now, timeLeft }: Pick<Deps, 'now' | 'timeLeft'>): Span => ({
  since,
  now: now().getTime(),
  stopped: () => timeLeft() < TO_ANSWER_MS + TO_END_MS,
});

const DAY_MS = 86_400_000;
/** When a time ago began, in milliseconds since 1970. */
export const daysAgo = (days: number, { now }: Pick<Deps, 'now'>): number => now().getTime() - days * DAY_MS;

const NO_USERNAME =
  'Telnyx does not tell the SIP username of this credential, so that its registration and calls are not known.';
const NONE_TOLD =
  'No change is told. Whether Telnyx logs changes of credentials is not documented, so there may have been some.';

/** Who used a credential in the last days, read at once and within the call's time. Throws what is about the call alone. */
export async function activityOf(
  { id, sip_username }: Pick<TelephonyCredential, 'id' | 'sip_username'>,
  days: number,
  deps: Deps,
): Promise<Activity> {
  const { http, refusals } = deps;
  const span = spanSince(daysAgo(days, deps), deps);
  const untold = sip_username === null ? Promise.resolve({ unknown: NO_USERNAME }) : undefined;
  const [registration, calls, events] = await Promise.all([
    untold ?? inTime('the registration status', getRegistration(http, refusals, sip_username ?? ''), deps),
    untold ?? inTime('its calls', readCalls(http, refusals, sip_username ?? '', span), deps),
    inTime('who changed it', readAuditEvents(http, refusals, id, span), deps),
  ]);
  const parts = [registered(registration), callsIn(calls, span.since), changesIn(events)];
  return {
    activity: Object.assign({ registered: 'unknown' as const }, ...parts.map(({ told }) => told)),
    unknown: [...new Set(parts.flatMap(({ unknown }) => unknown))],
  };
}

/** What is told of one kind of activity, and what is not. */
interface Part {
  told: Partial<Activity['activity']>;
  unknown: string[];
}

function registered({ known, unknown }: Known<Registration>): Part {
  if (!known) return { told: {}, unknown: [unknown] };
  const { from: registered_from, transport, until: registered_until } = known;
  // What stands there when nobody is registered is of one who was.
  return known.registered
    ? { told: { registered: 'yes', registered_from, transport, registered_until }, unknown: [] }
    : { told: { registered: 'no' }, unknown: [] };
}

function callsIn({ known, unknown }: Known<Calls>, asked: number): Part {
  if (!known) return { told: {}, unknown: [unknown] };
  const { calls, partly } = known;
  const since = iso(Math.max(asked, known.since));
  const { cost, untold } = costOf(calls);
  return {
    told: {
      calls: {
        since,
        number: calls.length,
        inbound: calls.filter(({ direction }) => direction === 'inbound').length,
        outbound: calls.filter(({ direction }) => direction === 'outbound').length,
        minutes: minutesOf(calls),
        ...(cost !== undefined && { cost }),
        last_at: calls.length === 0 ? null : iso(Math.max(...calls.map(({ startedAt }) => startedAt))),
      },
    },
    unknown: [
      ...(known.since > asked ? [`Calls are told only since ${since}.`] : []),
      ...(partly === undefined ? [] : [`The calls may be more: ${partly}`]),
      ...(untold === 0 ? [] : [`Of ${untold} of the calls Telnyx does not tell the cost.`]),
    ],
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

const minutesOf = (calls: readonly Call[]): number =>
  Math.round(calls.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0) / 6000) / 10;

const MOST_CURRENCIES = 3;

/** What calls cost, such as "1.23 USD"; `untold` is of how many that is not told. */
function costOf(calls: readonly Call[]): { cost?: string; untold: number } {
  const sums = new Map<string, number>();
  let untold = 0;
  for (const { cost, currency } of calls) {
    if (cost === null || currency === null) untold += 1;
    else sums.set(currency, (sums.get(currency) ?? 0) + cost);
  }
  const each = [...sums].sort().map(([currency, sum]) => `${amount(sum)} ${currency}`);
  const more = each.length - MOST_CURRENCIES;
  const shown = [...each.slice(0, MOST_CURRENCIES), ...(more > 0 ? [`${more} more currencies`] : [])];
  return { ...(each.length > 0 && { cost: shown.join(' and ') }), untold };
}

/** With as many decimals as a call of a second needs. */
const amount = (sum: number): string => sum.toFixed(4).replace(/0{1,2}$/, '');

const MOST_CHANGES = 5;
const MOST_FIELDS = 3;
const LONGEST_FIELD = 32;

function changesIn({ known, unknown }: Known<{ events: AuditEvent[]; partly?: string }>): Part {
  if (!known) return { told: {}, unknown: [unknown] };
  const { events, partly } = known;
  const latest = events.toSorted((a, b) => (b.at ?? '').localeCompare(a.at ?? '')).slice(0, MOST_CHANGES);
  return {
    told: { changes: latest.map((event) => ({ ...event, fields: fieldsIn(event) })), changes_in_all: events.length },
    unknown: [
      ...(partly === undefined ? [] : [`The changes may be more: ${partly}`]),
      ...(events.length === 0 ? [NONE_TOLD] : []),
    ],
  };
}

function fieldsIn({ fields }: AuditEvent): string[] {
  const shown = fields.slice(0, MOST_FIELDS).map((name) => oneLine(name, LONGEST_FIELD));
  return fields.length > shown.length ? [...shown, `${fields.length - shown.length} more`] : shown;
}
