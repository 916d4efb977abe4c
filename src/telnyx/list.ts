import type { Http, Query } from './http.ts';
import { fieldsOf, identified, type Row } from './wire.ts';

/** The largest page Telnyx gives for credentials and connections (api.md §1, "Page params"). */
const LARGEST = 250;

// Who sends more rows than this where 250 were asked for does not page at all.
const MOST_ROWS = 10_000;
const PATHS_TOLD = 5;

/** Rows that could not be read, since they have no id: how many, and where the first of them stand. */
export interface Unreadable {
  count: number;
  paths: string[];
}

interface Page<T> {
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

/** A list of Telnyx: where it is, and what its rows are. */
export interface Paged<T> {
  path: string;
  filters?: Query;
  row: Row<T>;
}

/**
 * One page of a list. A row without an id is counted and left out. Throws what the request throws, and
 * `UNEXPECTED_RESPONSE` for what is no list.
 */
async function getPage<T>(
  http: Http,
  { path, filters, row }: Paged<T>,
  number: number,
  size: number,
): Promise<Page<T>> {
  const answer = await http.get(path, { ...filters, 'page[number]': number, 'page[size]': size });
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
function count(into: Unreadable, { count, paths }: Unreadable): void {
  into.count += count;
  into.paths.push(...paths.slice(0, PATHS_TOLD - into.paths.length));
}

const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const MOST_PAGES = 4000;
const READERS = 6;
const SCANS = 3;

/** A part of a list. */
export interface Window<T> {
  rows: T[];
  /** How many rows the list has; undefined when that is not known. */
  total: number | undefined;
  more: boolean;
  /** How far the rows of Telnyx went of which these are, rows left out included. */
  passed: number;
  unreadable: Unreadable;
  /** What the clock of Telnyx said, in milliseconds since 1970. */
  at: number;
}

/**
 * Rows `offset` to `offset + limit` of a list, as few and as equal pages as they fit in, fetched at once. `fits` says
 * which rows are really what the filters ask for: whether Telnyx compares them exactly is not documented (api.md §10).
 */
export async function getWindow<T extends { id: string }>(
  http: Http,
  paged: Paged<T>,
  { offset, limit }: { offset: number; limit: number },
  fits: (row: T) => boolean = () => true,
): Promise<Window<T>> {
  const wanted = Math.ceil(limit / Math.ceil(limit / LARGEST));
  const pagesOf = async (size: number) => {
    const first = Math.floor(offset / size) + 1;
    const last = Math.ceil((offset + limit) / size);
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const pages = await Promise.all(numbers.map((number) => getPage(http, paged, number, size)));
    return { pages, first, size };
  };
  let found = await pagesOf(wanted);
  const real = found.pages[0] ? realSize(found.pages[0], found.first, wanted) : wanted;
  // A server that gives smaller pages than were asked for counts them by its own size.
  if (real < wanted) found = await pagesOf(real);
  const { pages, first, size } = found;
  // A list that keeps answering with the same page would never end.
  const moves = ({ number }: Page<T>, index: number): boolean => (number ?? first + index) === first + index;
  const honest = pages.filter((page, index) => index === 0 || moves(page, index));
  const stuck = !pages.every(moves);
  const unreadable: Unreadable = { count: 0, paths: [] };
  for (const page of honest) count(unreadable, page.unreadable);
  const read = honest.reduce((sum, page) => sum + page.rows.length + page.unreadable.count, 0);
  const start = offset - (first - 1) * size;
  const inside = unique(honest.flatMap((page) => page.rows)).slice(start, start + limit);
  const rows = inside.filter(fits);
  const total = pages[0]?.total;
  const passed = Math.min(limit, Math.max(0, read - start));
  return {
    rows,
    // A count of more than what was asked for says nothing about what was.
    total: rows.length === inside.length ? total : undefined,
    more: !stuck && passed > 0 && (total === undefined ? passed === limit : offset + passed < total),
    passed,
    unreadable,
    at: pages[0]?.at ?? 0,
  };
}

/**
 * How many rows a page really has, by one that was answered: fewer than asked for when the server caps them, whether it
 * says so or not.
 */
function realSize({ size, rows, unreadable, total }: Page<unknown>, number: number, asked: number): number {
  const told = Math.min(size || asked, asked);
  const given = rows.length + unreadable.count;
  const isLast = total === undefined || (number - 1) * told + given >= total;
  return isLast || given === 0 ? told : Math.min(given, told);
}

/** Follows a scan while it runs. */
export interface Watch {
  /** Told after each page: how many are read, how many there are, and how many rows the list claims to have. */
  progress?(done: number, pages?: number, rows?: number): void;
  /** Asked before each page is fetched and before its rows are visited; true ends the scan. */
  stopped?(): boolean;
}

/** What a scan can vouch for. */
export interface Scanned {
  /** It came to the end of the list, by what the list itself says of its pages and rows; some of them may be unreadable. */
  whole: boolean;
  /** The list kept its size meanwhile. */
  steady: boolean;
  /** Who asked for it ended it. */
  stopped: boolean;
  unreadable: Unreadable;
}

/** Whether every row of a list was seen: what must be known before anything is said of all. */
export const sawAll = ({ whole, unreadable }: Scanned): boolean => whole && unreadable.count === 0;

/** Every row of a list, as `visitAll` comes by them; of a row seen again, the later one. */
export async function getAll<T extends { id: string }>(
  http: Http,
  paged: Paged<T>,
  progress: NonNullable<Watch['progress']> = () => undefined,
): Promise<{ rows: T[]; scanned: Scanned }> {
  const all = new Map<string, T>();
  const scanned = await visitAll(http, paged, (item) => all.set(item.id, item), { progress });
  return { rows: [...all.values()], scanned };
}

/**
 * Shows every row of a list to `visit`, keeping none but its id: page 1, then the others in parallel. A list that
 * changes size meanwhile shifts rows between its pages, so it is scanned again, and a row counts when any scan saw it;
 * `again` tells one that was shown before. Throws what a request throws, and asks for no further page then.
 */
export async function visitAll<T extends { id: string }>(
  http: Http,
  paged: Paged<T>,
  visit: (item: T, again: boolean) => void,
  watch: Watch = {},
): Promise<Scanned> {
  /** With the number of the scan that saw it last. */
  const seen = new Map<string, number>();
  let whole = false;
  for (let scan = 1; ; scan += 1) {
    const { through, all, steady, ...rest } = await scanOnce(http, paged, scan, seen, visit, watch);
    whole ||= all;
    // One that keeps its size and still does not give all of it will not the next time.
    if (scan === SCANS || rest.stopped || (steady && (all || !through)))
      return { whole, steady: all && steady, ...rest };
  }
}

/** One pass through a list, and what can be said of it. */
async function scanOnce<T extends { id: string }>(
  http: Http,
  paged: Paged<T>,
  scan: number,
  seen: Map<string, number>,
  visit: (item: T, again: boolean) => void,
  { progress = () => undefined, stopped = () => false }: Watch,
) {
  const totals = new Set<number | undefined>();
  const unreadable: Unreadable = { count: 0, paths: [] };
  let done = 0;
  let rows = 0;
  let size = LARGEST;
  let last = MOST_PAGES;
  let through = true;
  let ended = false;
  const breakOff = (): void => {
    through = false;
    last = 0;
  };

  async function take(number: number): Promise<void> {
    const page = stopped() ? undefined : await getPage(http, paged, number, size);
    if (page && !stopped()) return show(page, number);
    ended = true;
    breakOff();
  }

  function show(page: Page<T>, number: number): void {
    if (number === 1) {
      size = realSize(page, 1, LARGEST);
      const pages = Math.max(page.pages ?? 0, page.total === undefined ? 0 : Math.ceil(page.total / size));
      if (page.pages !== undefined || page.total !== undefined) last = Math.min(pages, MOST_PAGES);
      if (pages > MOST_PAGES) through = false;
    }
    let fresh = page.unreadable.count;
    for (const item of page.rows) {
      const before = seen.get(item.id) ?? 0;
      if (before !== scan) fresh += 1;
      seen.set(item.id, scan);
      visit(item, before > 0);
    }
    rows += fresh;
    count(unreadable, page.unreadable);
    totals.add(page.total);
    progress(++done, page.pages, page.total);
    const given = page.rows.length + page.unreadable.count;
    // A list that answers with another page than asked for, or with nothing new, would never end.
    const stands = (page.number ?? number) !== number || (given > 0 && fresh === 0);
    if (stands || (given > 0 && number === MOST_PAGES)) breakOff();
    else if (given === 0) last = 0;
  }

  let next = 1;
  await take(next++);
  const reader = async (): Promise<void> => {
    while (next <= last) await take(next++);
  };
  // A list that does not say how long it is would be read far beyond its end.
  const readers = last === MOST_PAGES ? 1 : READERS;
  await Promise.all(
    Array.from({ length: readers }, () =>
      reader().catch((error: unknown) => {
        last = 0;
        throw error;
      }),
    ),
  );
  // Of a list that grew or shrank meanwhile, the smallest number it had.
  const claimed = Math.min(...[...totals].map((total) => total ?? 0));
  return {
    /** No page was left out: none answered with another, and the scan was not stopped. */
    through,
    /** As many rows were seen as the list claims to have. */
    all: through && rows >= claimed,
    /** It claimed the same number on every page. */
    steady: totals.size <= 1,
    stopped: ended,
    unreadable,
  };
}

function unique<T extends { id: string }>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
