import { DAY } from './dates.ts';
import type { Asked, Route } from './handler.ts';
import { NewestFirst } from './newest-first.ts';
import { type Listing, list } from './paging.ts';
import { Refusal, type Reply, refuse } from './replies.ts';
import type { CallRecord, World } from './world.ts';

/**
 * Where a range of dates begins and ends, in milliseconds since 1970: by days of UTC and weeks from Monday on, since nothing
 * documents the zone, nor when a week begins.
 */
function rangeOf(name: string, now: Date): [from: number, until: number] | undefined {
  const [which = '', unit = ''] = name.split('_');
  const shift = { last: -1, this: 0, next: 1, yesterday: -1, today: 0, tomorrow: 1 }[which];
  const [year, month, date] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  if (shift === undefined) return undefined;
  if (unit === 'month') return [Date.UTC(year, month + shift), Date.UTC(year, month + shift + 1)];
  const day = Date.UTC(year, month, date);
  if (unit === '') return [day + shift * DAY, day + (shift + 1) * DAY];
  const monday = day - ((now.getUTCDay() + 6) % 7) * DAY;
  return [monday + shift * 7 * DAY, monday + (shift + 1) * 7 * DAY];
}

const RANGES = [
  'yesterday',
  'today',
  'tomorrow',
  'last_week',
  'this_week',
  'next_week',
  'last_month',
  'this_month',
  'next_month',
];

const RECORD_TYPES = [
  'ai-voice-assistant',
  'amd',
  'call-control',
  'conference',
  'conference-participant',
  'embedding',
  'fax',
  'inference',
  'inference-speech-to-text',
  'media_storage',
  'media-streaming',
  'messaging',
  'noise-suppression',
  'recording',
  'sip-trunking',
  'siprec-client',
  'stt',
  'tts',
  'verify',
  'webrtc',
  'wireless',
];

const calls = (world: World): Listing<CallRecord> => ({
  defaultSize: 20,
  maxSize: 50,
  filters: {
    '[record_type]': (wanted) => {
      if (RECORD_TYPES.includes(wanted)) return (record) => record.record_type === wanted;
      throw refuse(400, '10032', { detail: `filter[record_type] must be one of ${RECORD_TYPES}` });
    },
    '[auth_username]': (wanted) => (record) => record.auth_username === wanted,
    '[date_range]': (wanted) => {
      const range = RANGES.includes(wanted) ? rangeOf(wanted, world.now()) : undefined;
      if (!range) throw refuse(400, '10032', { detail: `filter[date_range] must be one of ${RANGES}` });
      const [from, until] = range;
      return ({ started_at }) => Date.parse(started_at) >= from && Date.parse(started_at) < until;
    },
  },
  show: (record) => record,
});

/** The calls of the account: `GET /detail_records`. */
export function detailRecords(world: World, { query }: Asked): Reply {
  if (!query.get('filter[record_type]')) throw refuse(400, '10004', { detail: 'filter[record_type] must be given' });
  // A field that the record type does not allow is refused, and nothing tells which ones webrtc allows.
  if ([...query.keys()].some((key) => /^sort\b/.test(key)))
    throw refuse(400, '10015', { detail: 'sort names a field that is not allowed' });
  const sorted = world.calls.toSorted((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at));
  return list(NewestFirst.of(sorted), query, calls(world));
}

/** The same with its complaints (400) as detail records have them, with neither `source` nor `meta` (spec). */
export function complainingBriefly(handler: Route[2]): Route[2] {
  return (world, asked) => {
    try {
      return handler(world, asked);
    } catch (error) {
      throw error instanceof Refusal && error.reply.status === 400 ? briefly(error) : error;
    }
  };
}

interface Complained {
  errors: { code: string; title: string; detail: string }[];
}

function briefly({ reply }: Refusal): Refusal {
  const { errors } = reply.body as Complained;
  return new Refusal({
    ...reply,
    body: { errors: errors.map(({ code, title, detail }) => ({ code, title, detail })) },
  });
}
