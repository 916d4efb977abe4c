import type { Http, Query } from './http.ts';
import { fieldsOf, identified, type Row } from './wire.ts';

/** The largest page Telnyx gives for credentials and connections (api.md §1, "Page params"). */
export const LARGEST = 250;

// Who sends more rows than this where 250 were asked for does not page at all.
const MOST_ROWS = 10_000;
const PATHS_TOLD = 5;

/** Rows that could not be read, since they have no id: how many, and where the first of them stand. */
export interface Unreadable {
  count: number;
  paths: string[];
}

export interface Page<T> {
  rows: T[];
  unreadable: Unreadable;
  /** What the answer says of itself; all of it is optional in the specification, and a wrong number counts as absent. */
  number: number | undefined;
  size: number | undefined;
  pages: number | undefined;
  total: number | undefined;
  /** As the `at` of its answer. */
  at: number;
}

export interface Paged {
  path: string;
  filters?: Query;
}

/**
 * One page of a list. A row without an id is counted and left out. Throws what the request throws, and
 * `UNEXPECTED_RESPONSE` for what is no list.
 */
export async function getPage<T>(
  http: Http,
  paged: Paged,
  row: Row<T>,
  number: number,
  size: number,
): Promise<Page<T>> {
  const answer = await http.get(paged.path, { ...paged.filters, 'page[number]': number, 'page[size]': size });
  const body = fieldsOf(answer.body);
  const data = body?.data;
  if (!Array.isArray(data) || data.length > MOST_ROWS) throw answer.unreadable('data');
  const rows: T[] = [];
  const unreadable: Unreadable = { count: 0, paths: [] };
  data.forEach((value: unknown, index) => {
    const fields = identified(value);
    if (fields) rows.push(row(fields, answer.at));
    else count(unreadable, { count: 1, paths: [`page ${number}: data[${index}]${fieldsOf(value) ? '.id' : ''}`] });
  });
  // Told to the log here; whoever asked for the list is told by what it gives.
  if (unreadable.count > 0) answer.unreadable(unreadable.paths.join(', '));
  const meta = fieldsOf(body?.meta);
  return {
    rows,
    unreadable,
    number: whole(meta?.page_number),
    size: whole(meta?.page_size),
    pages: whole(meta?.total_pages),
    total: whole(meta?.total_results),
    at: answer.at,
  };
}

/** Adds what could not be read elsewhere. */
export function count(into: Unreadable, { count, paths }: Unreadable): void {
  into.count += count;
  into.paths.push(...paths.slice(0, PATHS_TOLD - into.paths.length));
}

const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
