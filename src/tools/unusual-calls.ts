import { count } from '../core/text.ts';
import type { Call } from '../telnyx/call-records.ts';
import { forPerson } from '../telnyx/dates.ts';
import type { CountryOf } from './countries.ts';

/** Times are milliseconds since 1970. */
interface Compared {
  /** Calls from here on are held against those before. */
  recentFrom: number;
  /** From when on calls are known. */
  since: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BURST = 10;
const TIMES_AS_MANY = 3;
const MOST_COUNTRIES = 5;
// Fewer, or of fewer days, say nothing of the hours at which nobody calls.
const ENOUGH_CALLS = 50;
const ENOUGH_DAYS = 5;

/** The recent calls that stand out against those before, a sentence for each way in which they do. */
export function unusualCalls(calls: readonly Call[], { recentFrom, since }: Compared, countryOf: CountryOf): string[] {
  const recent = calls.filter(({ startedAt }) => startedAt >= recentFrom);
  const before = calls.filter(({ startedAt }) => startedAt < recentFrom);
  if (recent.length === 0) return [];
  if (before.length === 0) {
    const these = `the ${count(recent.length, CALLS)} since ${at(recentFrom)}`;
    return [`There was no call from ${at(since)} to ${at(recentFrom)} that ${these} could be compared with.`];
  }
  return [...newCountries(recent, before, countryOf), ...burst(recent, before), ...newHours(recent, before)];
}

const CALLS = ['call', 'calls'] as const;

function newCountries(recent: readonly Call[], before: readonly Call[], countryOf: CountryOf): string[] {
  const known = byCountry(before, countryOf);
  const fresh = [...byCountry(recent, countryOf)].filter(([country]) => !known.has(country));
  fresh.sort(([, a], [, b]) => b.length - a.length);
  const more = fresh.length - MOST_COUNTRIES;
  return [
    ...fresh.slice(0, MOST_COUNTRIES).map(([country, calls]) => {
      const first = Math.min(...calls.map(({ startedAt }) => startedAt));
      return `${count(calls.length, CALLS)} to ${named(country)}, which was never called before; the first ${at(first)}.`;
    }),
    ...(more > 0 ? [`Calls to ${count(more, ['more country', 'more countries'])} that were never called before.`] : []),
  ];
}

/** Calls by the country that was called; of one that came in, who was called is the credential itself. */
function byCountry(calls: readonly Call[], countryOf: CountryOf): Map<string, Call[]> {
  const all = new Map<string, Call[]>();
  for (const call of calls) {
    const country = call.direction === 'inbound' || call.to === null ? undefined : countryOf(call.to);
    if (country !== undefined) all.set(country, [...(all.get(country) ?? []), call]);
  }
  return all;
}

function named(country: string): string {
  if (country.startsWith('+')) return `numbers of no country (${country})`;
  return `${new Intl.DisplayNames('en', { type: 'region' }).of(country)} (${country})`;
}

function burst(recent: readonly Call[], before: readonly Call[]): string[] {
  const [now, then] = [busiestHour(recent), busiestHour(before)];
  if (now.calls < BURST || now.calls <= TIMES_AS_MANY * then.calls) return [];
  return [`${now.calls} calls within an hour from ${at(now.from)}; before, an hour had ${then.calls} at the most.`];
}

/** The most calls that began within any 60 minutes, and when the first of them did. */
function busiestHour(calls: readonly Call[]): { calls: number; from: number } {
  const starts = calls.map(({ startedAt }) => startedAt).sort((a, b) => a - b);
  let busiest = { calls: 0, from: 0 };
  let first = 0;
  starts.forEach((start, index) => {
    while ((starts[first] ?? start) <= start - HOUR_MS) first += 1;
    if (index - first + 1 > busiest.calls) busiest = { calls: index - first + 1, from: starts[first] ?? start };
  });
  return busiest;
}

function newHours(recent: readonly Call[], before: readonly Call[]): string[] {
  const days = new Set(before.map(({ startedAt }) => Math.floor(startedAt / DAY_MS))).size;
  if (before.length < ENOUGH_CALLS || days < ENOUGH_DAYS) return [];
  const usual = new Set(before.map(hourOf));
  const odd = recent.filter((call) => !usual.has(hourOf(call)));
  if (odd.length === 0) return [];
  const hours = [...new Set(odd.map(hourOf))].sort((a, b) => a - b).map((hour) => `${hour}`.padStart(2, '0'));
  return [
    `${count(odd.length, CALLS)} at hours of the day (UTC) at which there was none before, of ${before.length}: ${hours.join(', ')}.`,
  ];
}

const hourOf = ({ startedAt }: Call): number => new Date(startedAt).getUTCHours();
const at = (ms: number): string => forPerson(new Date(ms).toISOString());
