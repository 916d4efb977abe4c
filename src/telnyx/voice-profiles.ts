import type { Http } from './http.ts';
import type { Known, Refusals } from './refusals.ts';
import { type Row, readOne, wireRaw, wireText } from './wire.ts';

/** A limit; null when there is none, undefined when that is not told. */
type Limit<T> = T | null | undefined;

/** What calls of a connection may cost (operation GetOutboundVoiceProfile, which not every account can use). */
export interface VoiceProfile {
  id: string;
  name: string | null;
  /** Whether calls can be made by it; null when not told. */
  enabled: boolean | null;
  concurrent_call_limit: Limit<number>;
  /** In dollars. */
  daily_spend_limit: Limit<string>;
  /** In dollars a minute. */
  max_destination_rate: Limit<number>;
  /** Countries, ISO 3166-1 alpha-2; undefined when not told. */
  whitelisted_destinations: string[] | undefined;
}

const MOST_COUNTRIES = 300;

const row: Row<VoiceProfile> = (fields) => {
  const { enabled, daily_spend_limit_enabled: limited, whitelisted_destinations: countries } = fields;
  const spend = wireRaw(fields.daily_spend_limit)?.match(/^\d{1,9}(\.\d{1,4})?$/)?.[0];
  return {
    id: fields.id,
    name: wireText(fields.name),
    enabled: typeof enabled === 'boolean' ? enabled : null,
    concurrent_call_limit: limitOf(fields.concurrent_call_limit),
    // A number that does not apply is no limit, and one that may not is not known to be.
    daily_spend_limit: limited === true ? spend : limited === false ? null : undefined,
    max_destination_rate: limitOf(fields.max_destination_rate),
    whitelisted_destinations: countriesOf(countries),
  };
};

/** One country that cannot be read makes the list none: it would tell of fewer than can be called. */
function countriesOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length > MOST_COUNTRIES) return undefined;
  const countries = value.flatMap(
    (country) =>
      wireRaw(country)
        ?.match(/^[a-z]{2}$/i)?.[0]
        .toUpperCase() ?? [],
  );
  return countries.length === value.length ? countries : undefined;
}

function limitOf(value: unknown): Limit<number> {
  if (value === null) return null;
  const isLimit =
    typeof value === 'number'
      ? Number.isFinite(value) && value >= 0
      : /^\d{1,9}(\.\d{1,9})?$/.test(wireRaw(value) ?? '');
  return isLimit ? Number(value) : undefined;
}

/** One outbound voice profile by id. */
export function getVoiceProfile(http: Http, refusals: Refusals, id: string): Promise<Known<VoiceProfile>> {
  const read = async () => ({
    known: readOne(await http.get(`outbound_voice_profiles/${encodeURIComponent(id)}`), row, id),
  });
  // A connection may name one that is gone: its 404 says nothing of the others.
  return refusals.ask('outbound voice profiles', read, async () => true);
}
