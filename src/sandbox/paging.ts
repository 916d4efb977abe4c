import type { NewestFirst } from './newest-first.ts';
import { type Reply, refuse } from './replies.ts';

export interface Listing<Row> {
  /** `page[size]` when the client names none; it differs per resource (api.md §1). */
  defaultSize: number;
  /** By query key without `filter`: `[tag]`, `[connection_name][contains]`. */
  filters: Record<string, (wanted: string) => (row: Row) => boolean>;
  show: (row: Row) => unknown;
  /** The largest `page[size]`, which is 250 nearly everywhere. */
  maxSize?: number;
}

const MAX_SIZE = 250;

function whole(query: URLSearchParams, key: string, fallback: number, max: number): number {
  const given = query.get(key);
  if (given === null) return fallback;
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= 1 && value <= max) return value;
  throw refuse(400, '10033', { detail: `${key} must be an integer between 1 and ${max}` });
}

function predicates<Row>(query: URLSearchParams, filters: Listing<Row>['filters']): ((row: Row) => boolean)[] {
  return [...query]
    .filter(([key]) => key.startsWith('filter'))
    .map(([key, wanted]) => {
      const filter = Object.entries(filters).find(([name]) => key === `filter${name}`)?.[1];
      // Whether Telnyx ignores or rejects an unknown filter is unknown (api.md §1); 10031 exists for it.
      if (!filter) throw refuse(400, '10031', { detail: `${key} is not a valid filter` });
      return filter(wanted);
    });
}

/** One page of rows, newest first, in the list envelope (api.md §1). */
export function list<Row>(rows: NewestFirst<Row>, query: URLSearchParams, listing: Listing<Row>): Reply {
  const size = whole(query, 'page[size]', listing.defaultSize, listing.maxSize ?? MAX_SIZE);
  const number = whole(query, 'page[number]', 1, Number.MAX_SAFE_INTEGER);
  const passing = predicates(query, listing.filters);
  const skip = (number - 1) * size;
  const page =
    passing.length === 0
      ? rows.page(skip, size)
      : rows.pageWhere((row) => passing.every((passes) => passes(row)), skip, size);
  const meta = {
    page_number: number,
    page_size: size,
    total_pages: Math.ceil(page.total / size),
    total_results: page.total,
  };
  return { status: 200, body: { data: page.rows.map(listing.show), meta } };
}
