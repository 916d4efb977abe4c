import type { z } from 'zod';
import type { Http } from './http.ts';
import { KeyTable } from './key-table.ts';
import { getPage, LARGEST, type Page, type Paged, type PageSchema, pageOf } from './page.ts';

const MOST_PAGES = 4000;
const READERS = 6;
const SCANS = 3;

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
  const schema = pageOf(row);
  const pages = await Promise.all(numbers.map((number) => getPage(http, paged, schema, number, size)));
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

/** Follows a scan while it runs. */
export interface Watch {
  /** Told after each page: how many are read, how many there are, and how many rows the list claims to have. */
  progress?(done: number, pages?: number, rows?: number): void;
  /** Asked before each page is fetched and before its rows are visited; true ends the scan. */
  stopped?(): boolean;
}

/** What a scan can vouch for: that every page was read, and that the list kept its size meanwhile. */
export interface Scanned {
  whole: boolean;
  steady: boolean;
}

/** Every row of a list, as `visitAll` comes by them; of a row seen again, the later one. */
export async function getAll<T extends { id: string }>(
  http: Http,
  paged: Paged,
  row: z.ZodType<T>,
  progress: NonNullable<Watch['progress']> = () => undefined,
): Promise<T[]> {
  const all = new Map<string, T>();
  await visitAll(http, paged, row, (item) => all.set(item.id, item), { progress });
  return [...all.values()];
}

/**
 * Shows every row of a list to `visit`, keeping none but its id: page 1, then the others in parallel. A list that
 * changes size meanwhile shifts rows between its pages, so it is scanned again, and a row counts when any scan saw it;
 * `again` tells one that was shown before. Throws what a request throws, and asks for no further page then.
 */
export async function visitAll<T extends { id: string }>(
  http: Http,
  paged: Paged,
  row: z.ZodType<T>,
  visit: (item: T, again: boolean) => void,
  watch: Watch = {},
): Promise<Scanned> {
  const page = pageOf(row);
  /** With the number of the scan that saw it last. */
  const seen = new KeyTable(1);
  let whole = false;
  for (let scan = 1; scan <= SCANS; scan += 1) {
    const { through, totals } = await scanOnce(http, paged, page, scan, seen, visit, watch);
    whole ||= through;
    if (!through || totals.size <= 1) return { whole, steady: through };
  }
  return { whole, steady: false };
}

/** One pass; gives whether it went through all pages, and the different totals they claimed. */
async function scanOnce<T extends { id: string }>(
  http: Http,
  paged: Paged,
  schema: PageSchema<T>,
  scan: number,
  seen: KeyTable,
  visit: (item: T, again: boolean) => void,
  { progress = () => undefined, stopped = () => false }: Watch,
): Promise<{ through: boolean; totals: Set<number | undefined> }> {
  const totals = new Set<number | undefined>();
  let done = 0;
  let last = MOST_PAGES;
  let through = true;
  const end = (): void => {
    last = 0;
  };

  async function take(number: number): Promise<void> {
    const page = stopped() ? undefined : await getPage(http, paged, schema, number, LARGEST);
    if (page && !stopped()) return show(page, number);
    through = false;
    end();
  }

  function show(page: Page<T>, number: number): void {
    if (number === 1 && page.pages !== undefined) {
      last = Math.min(page.pages, MOST_PAGES);
      through = page.pages <= MOST_PAGES;
    }
    let fresh = 0;
    for (const item of page.rows) {
      const place = seen.place(item.id);
      const before = seen.get(place, 0);
      if (before !== scan) fresh += 1;
      seen.set(place, 0, scan);
      visit(item, before > 0);
    }
    totals.add(page.total);
    progress(++done, page.pages, page.total);
    // A list that answers with another page than asked for, or with nothing new, would never end.
    if ((page.number ?? number) !== number || fresh === 0) end();
  }

  let next = 1;
  await take(next++);
  const reader = async (): Promise<void> => {
    while (next <= last) await take(next++);
  };
  await Promise.all(
    Array.from({ length: READERS }, () =>
      reader().catch((error: unknown) => {
        end();
        throw error;
      }),
    ),
  );
  return { through, totals };
}

function unique<T extends { id: string }>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
