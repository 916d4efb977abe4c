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
const NOT_REGISTERED = ['failed', 'unregistering', 'standby', 'connection_disabled'];
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
  const details = detailsOf(body.sip_registration_details);
  const seen = { ...details, at: answer.at };
  if (registered === true && (status === null || status === 'registered')) {
    // Whoever left without a word stays in the list for a while, and a stale row is no sign of life.
    if (details.until !== null && Date.parse(details.until) <= answer.at)
      return { unknown: `Telnyx says that it is registered, and that this ended ${details.until}.` };
    return { known: { ...seen, registered: true } };
  }
  if (registered === false && (status === null || NOT_REGISTERED.includes(status)))
    return { known: { ...seen, registered: false } };
  return { unknown: 'What Telnyx says of its registration cannot be read, or contradicts itself.' };
}

function detailsOf(value: unknown): Omit<Registration, 'registered' | 'at'> {
  const { ua_ip, transport, expires }: Fields = fieldsOf(value) ?? {};
  const ip = wireRaw(ua_ip);
  const isTime = typeof expires === 'number' && expires >= EPOCH_FROM && expires < EPOCH_FROM * 10;
  return {
    from: ip?.match(ADDRESS)?.[0] ?? null,
    transport:
      wireRaw(transport)
        ?.match(/^[a-z]{2,5}$/i)?.[0]
        .toLowerCase() ?? null,
    until: isTime ? new Date(expires * 1000).toISOString() : null,
  };
}
