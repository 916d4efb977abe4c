import { z } from 'zod';
import { type Http, type Query, read } from './http.ts';

/** The largest page Telnyx gives for credentials and connections (api.md §1, "Page params"). */
const LARGEST = 250;
const MOST_PAGES = 4000;
const READERS = 6;
const SCANS = 3;

// All of `meta` is optional in the spec, and its numbers are not to be trusted: a wrong one counts as absent.
const count = z.number().int().nonnegative().optional().catch(undefined);
const meta = z.object({ page_number: count, total_pages: count, total_results: count }).catch({});

interface Page<T> {
  rows: T[];
  number: number | undefined;
  pages: number | undefined;
  total: number | undefined;
}

interface Paged {
  path: string;
  filters?: Query;
}

/** One page; `row` is the schema of a row, so that secrets are wrapped before anything else sees them. */
async function getPage<T>(http: Http, paged: Paged, row: z.ZodType<T>, number: number, size: number): Promise<Page<T>> {
  const answer = await http.get(paged.path, { ...paged.filters, 'page[number]': number, 'page[size]': size });
  const body = read(z.object({ data: z.array(row), meta: meta.optional() }), answer);
  return {
    rows: body.data,
    number: body.meta?.page_number,
    pages: body.meta?.total_pages,
    total: body.meta?.total_results,
  };
}

/** Rows `offset` to `offset + limit` of a list, as few and as equal pages as they fit in, fetched at once. */
export async function getWindow<T extends { id: string }>(
  http: Http,
  paged: Paged,
  row: z.ZodType<T>,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ rows: T[]; total: number | undefined; more: boolean }> {
  const size = Math.ceil(limit / Math.ceil(limit / LARGEST));
  const first = Math.floor(offset / size) + 1;
  const last = Math.ceil((offset + limit) / size);
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const pages = await Promise.all(numbers.map((number) => getPage(http, paged, row, number, size)));
  // A list that keeps answering with the same page would never end.
  const honest = pages.filter((page, index) => index === 0 || (page.number ?? numbers[index]) === numbers[index]);
  const start = offset - (first - 1) * size;
  const rows = unique(honest.flatMap((page) => page.rows)).slice(start, start + limit);
  const total = pages[0]?.total;
  const stuck = (pages[0]?.number ?? first) !== first;
  return {
    rows,
    total,
    more: !stuck && rows.length > 0 && (total === undefined ? rows.length === limit : offset + limit < total),
  };
}

/**
 * Every row of a list: page 1, then the others in parallel. A list that changes size meanwhile shifts rows between its
 * pages, so it is scanned again, and a row counts when any scan saw it.
 */
export async function getAll<T extends { id: string }>(
  http: Http,
  paged: Paged,
  row: z.ZodType<T>,
  progress?: (done: number, total?: number) => void,
): Promise<T[]> {
  const all = new Map<string, T>();
  for (let scan = 1; scan <= SCANS; scan += 1) {
    const totals = await scanOnce(http, paged, row, all, progress);
    if (totals.size <= 1) break;
  }
  return [...all.values()];
}

/** Adds the rows of one pass to `all`; gives the different totals its pages claimed. */
async function scanOnce<T extends { id: string }>(
  http: Http,
  paged: Paged,
  row: z.ZodType<T>,
  all: Map<string, T>,
  progress: (done: number, total?: number) => void = () => undefined,
): Promise<Set<number | undefined>> {
  const seen = new Set<string>();
  const totals = new Set<number | undefined>();
  let done = 0;
  let last = MOST_PAGES;

  async function take(number: number): Promise<void> {
    const page = await getPage(http, paged, row, number, LARGEST);
    if (number === 1 && page.pages !== undefined) last = Math.min(page.pages, MOST_PAGES);
    const before = seen.size;
    for (const item of page.rows) {
      seen.add(item.id);
      all.set(item.id, item);
    }
    totals.add(page.total);
    progress(++done, page.pages);
    // A list that answers with another page than asked for, or with nothing new, would never end.
    if ((page.number ?? number) !== number || seen.size === before) last = 0;
  }

  let next = 1;
  await take(next++);
  const reader = async (): Promise<void> => {
    while (next <= last) await take(next++);
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return totals;
}

function unique<T extends { id: string }>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
