import { z } from 'zod';
import type { Deps } from '../core/tool.ts';
import { type Connection, getConnection } from '../telnyx/connections.ts';
import { type Known, orUnknown } from '../telnyx/refusals.ts';
import type { TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import { getVoiceProfile, type VoiceProfile } from '../telnyx/voice-profiles.ts';
import { inTime, yesNo } from './activity.ts';

/** What whoever has a credential can do with it, in words for someone who is on call at night. */
export const reach = z.object({
  calls_out: yesNo,
  why: z.string(),
  connection: z.object({ id: z.string(), name: z.string().nullable(), active: yesNo }).optional(),
  voice_profile: z
    .object({
      id: z.string(),
      name: z.string().nullable(),
      enabled: yesNo,
      daily_spend_limit: z.string(),
      destinations: z.string(),
      concurrent_calls: z.string(),
      highest_rate: z.string(),
    })
    .optional(),
});

interface Found {
  connection: Known<Connection>;
  /** Absent when the connection has none, or what it has is not told. */
  profile?: Known<VoiceProfile>;
}

/** Where a credential can call, and what that may cost at the most; what is not known is told in sentences. */
export async function reachOf(
  { connection_id }: Pick<TelephonyCredential, 'connection_id'>,
  deps: Deps,
): Promise<{ reach: z.input<typeof reach>; unknown: string[] }> {
  const found = await findReach(connection_id, deps);
  const { connection, profile } = found;
  return {
    reach: {
      ...callsOut(found),
      ...(connection.known && { connection: viewConnection(connection.known) }),
      ...(profile?.known && { voice_profile: viewProfile(profile.known) }),
    },
    unknown: [connection.unknown, profile?.unknown].filter((why) => why !== undefined),
  };
}

async function findReach(id: string | null, deps: Deps): Promise<Found> {
  if (id === null) return { connection: { unknown: 'Telnyx does not say which connection it is on.' } };
  const { http, refusals } = deps;
  const asked = orUnknown('its connection', getConnection(http, 'credential', id));
  const connection = await inTime('its connection', asked, deps);
  const profileId = connection.known?.voice_profile_id;
  if (typeof profileId !== 'string') return { connection };
  const profile = getVoiceProfile(http, refusals, profileId);
  return { connection, profile: await inTime('its outbound voice profile', profile, deps) };
}

type Word = z.output<typeof yesNo>;
const word = (value: boolean | null): Word => (value === null ? 'unknown' : value ? 'yes' : 'no');

/** Any reason why not is enough; a yes takes all of them to be known. */
function callsOut({ connection: { known: connection }, profile }: Found): { calls_out: Word; why: string } {
  const is = (calls_out: Word, why: string) => ({ calls_out, why });
  if (connection?.active === false) return is('no', 'It cannot call out: its connection is not active.');
  if (connection?.voice_profile_id === null)
    return is('no', 'It cannot call out: its connection has no outbound voice profile.');
  if (profile?.known?.enabled === false)
    return is('no', 'It cannot call out: the outbound voice profile of its connection is disabled.');
  if (!connection) return is('unknown', 'Its connection is not known.');
  if (!profile) return is('unknown', 'Telnyx does not say whether its connection has an outbound voice profile.');
  if (!profile.known) return is('unknown', 'The outbound voice profile of its connection is not known.');
  if (connection.active === null) return is('unknown', 'Telnyx does not say whether its connection is active.');
  if (profile.known.enabled === null)
    return is('unknown', 'Telnyx does not say whether the outbound voice profile of its connection is enabled.');
  return is('yes', 'It can call out: its connection is active and has an outbound voice profile that is enabled.');
}

const viewConnection = ({ id, name, active }: Connection) => ({ id, name, active: word(active) });

function viewProfile({ id, name, enabled, ...limits }: VoiceProfile) {
  return {
    id,
    name,
    enabled: word(enabled),
    daily_spend_limit: limit(limits.daily_spend_limit, (dollars) => `$${Number(dollars).toFixed(2)} a day`),
    destinations: countries(limits.whitelisted_destinations),
    concurrent_calls: limit(limits.concurrent_call_limit, (number) => `${number} at once`),
    highest_rate: limit(limits.max_destination_rate, (dollars) => `$${dollars} a minute`),
  };
}

const limit = <T>(value: T | null | undefined, inWords: (value: T) => string): string =>
  value === undefined ? 'unknown' : value === null ? 'no limit' : inWords(value);

const MOST_COUNTRIES = 20;

/** Nothing documents what an empty list allows. */
function countries(codes: readonly string[] | undefined): string {
  if (codes === undefined) return 'unknown';
  if (codes.length === 0) return 'none listed';
  const more = codes.length - MOST_COUNTRIES;
  const shown = codes.slice(0, MOST_COUNTRIES).join(', ');
  return more > 0 ? `${codes.length} countries: ${shown} and ${more} more` : shown;
}
