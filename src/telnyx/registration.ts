import { ToolError } from '../core/errors.ts';
import type { Http } from './http.ts';
import { isOfTheCall, type Known, type Refusals } from './refusals.ts';
import { type Answer, type Fields, fieldsOf, wireRaw } from './wire.ts';

/** Whether a device is registered with a SIP username, as far as Telnyx tells. */
export interface Registration {
  registered: boolean;
  /** The IP address it is registered from; null when not told. */
  from: string | null;
  transport: string | null;
  /** Until when, unless it registers again: ISO 8601 UTC. */
  until: string | null;
  /** What the clock of Telnyx said, in milliseconds since 1970, UTC. */
  at: number;
}

const PATH = 'sip_registration_status';
const TYPE = 'telephony_credential';
/** Beside these a `false` leaves it open: something tries, or nobody knows. */
const NOT_REGISTERED = ['failed', 'unregistering', 'standby'];
/** Of IPv4 and IPv6; what else it could be, nobody would write like that. */
const ADDRESS = /^[\da-f.:]{3,45}$/i;
// The documentation has unix seconds; a number of seconds from now would be far below any of them.
const EPOCH_FROM = 1e9;

/**
 * Whether a device is registered with a SIP username now (spec operation GetSipRegistrationStatus, which not every account
 * can use). Two devices on one login show as one: the last to register wins.
 */
export function getRegistration(http: Http, refusals: Refusals, username: string): Promise<Known<Registration>> {
  return refusals.ask(
    'the registration status',
    async () => registrationOf(await http.get(PATH, { credential_type: TYPE, username }), username),
    () => isThere(http),
  );
}

/**
 * Whether the operation is there at all: without a username it complains of that, and where it is not it is not found.
 * Undefined for what says neither.
 */
async function isThere(http: Http): Promise<boolean | undefined> {
  try {
    await http.get(PATH, { credential_type: TYPE });
    return true;
  } catch (error) {
    if (!(error instanceof ToolError) || isOfTheCall(error)) throw error;
    const { httpStatus } = error.details;
    return httpStatus === 404 ? false : httpStatus === 400 || httpStatus === 422 ? true : undefined;
  }
}

function registrationOf(answer: Answer, username: string): Known<Registration> {
  const body = fieldsOf(answer.body);
  if (!body) throw answer.unreadable();
  const { registered, credential_username: whose, credential_type: type = TYPE } = body;
  const status = wireRaw(body.sip_registration_status);
  if ((whose ?? username) !== username || type !== TYPE)
    return { unknown: 'Telnyx answered about the registration of another username.' };
  const details = fieldsOf(body.sip_registration_details) ?? {};
  const seen = { ...placeOf(details), until: untilOf(details.expires), at: answer.at };
  // By SIP an expiry of 0 takes a registration away (RFC 3261, 10.2.2).
  if (registered === true && (status === null || status === 'registered') && details.expires !== 0) {
    // Whoever left without a word stays in the list for a while, and a stale row is no sign of life.
    if (seen.until !== null && Date.parse(seen.until) <= answer.at)
      return { unknown: `Telnyx says that it is registered, and that this ended ${seen.until}.` };
    return { known: { ...seen, registered: true } };
  }
  if (registered === false && (status === null || NOT_REGISTERED.includes(status)))
    return { known: { ...seen, registered: false } };
  // Nobody can register then, whoever uses it.
  if (status === 'connection_disabled') return { unknown: 'Its connection is disabled, so that nothing can register.' };
  return { unknown: 'What Telnyx says of its registration cannot be read, or contradicts itself.' };
}

function placeOf({ ua_ip, transport }: Fields): Omit<Registration, 'registered' | 'until' | 'at'> {
  return {
    from: wireRaw(ua_ip)?.match(ADDRESS)?.[0] ?? null,
    transport:
      wireRaw(transport)
        ?.match(/^[a-z]{2,5}$/i)?.[0]
        .toLowerCase() ?? null,
  };
}

/** As a number or its digits, in seconds or, as other systems have it, in milliseconds. */
function untilOf(expires: unknown): string | null {
  const said = typeof expires === 'string' && /^\d{10,13}$/.test(expires) ? Number(expires) : expires;
  if (typeof said !== 'number') return null;
  const ms = said >= EPOCH_FROM * 1000 ? said : said * 1000;
  return ms >= EPOCH_FROM * 1000 && ms < EPOCH_FROM * 10_000 ? new Date(ms).toISOString() : null;
}
