import { attempt } from '../core/basics.ts';
import type { Http, Query } from './http.ts';
import { isOfTheCall } from './refusals.ts';
import { fieldsOf } from './wire.ts';

/** Rows of a log. They have no id to be told by, unlike those of other lists, so that nothing is known of gaps. */
export interface Records {
  rows: unknown[];
  /** Why some may be missing, in a sentence. */
  partly?: string;
  /** What the clock of Telnyx said with the first page, in milliseconds since 1970, UTC. */
  at: number;
  /** How long that page took to come, in milliseconds. */
  took: number;
}

export interface Log {
  path: string;
  query: Query;
  /** How many rows a page has. */
  size: number;
  /** Asked before each page but the first; true ends the reading. */
  stopped(): boolean;
}

const MOST_PAGES = 40;
// Who sends more rows than this where 100 were asked for does not page at all.
const MOST_ROWS = 1000;

/** What a row is told by; undefined for one that is too deep to be written. */
export const keyOf = (row: unknown): string | undefined => attempt(() => JSON.stringify(row));

/**
 * Reads a log page by page, to its end or as far as that goes. Throws what the first page throws, and what is about the
 * call; a later one that cannot be had takes nothing from those before it.
 */
export async function readRecords(http: Http, { path, query, size, stopped }: Log): Promise<Records> {
  const began = Date.now();
  const found: Records = { rows: [], at: 0, took: 0 };
  const known = new Set<string>();
  let given = 0;
  let before = '';
  for (let number = 1; ; number += 1) {
    if (number > MOST_PAGES) return { ...found, partly: `There are more records than ${MOST_PAGES} pages hold.` };
    if (number > 1 && stopped()) return { ...found, partly: 'There was no time to read all records.' };
    const page = await pageOf(http, path, { ...query, 'page[number]': number, 'page[size]': size }).catch(
      (error: unknown) => {
        if (number === 1 || isOfTheCall(error)) throw error;
        return undefined;
      },
    );
    if (!page) return { ...found, partly: 'Telnyx did not give all pages of records.' };
    if (number === 1) Object.assign(found, { at: page.at, took: Date.now() - began });
    const { data, pages, total } = page;
    given += data.length;
    // A record that comes while a log is read moves others to the next page, where they come again.
    const keys = data.map(keyOf);
    const fresh = data.filter((_, index) => !known.has(keys[index] ?? ''));
    for (const key of keys) if (key !== undefined) known.add(key);
    found.rows.push(...fresh);
    const isOver = data.length === 0 || (pages !== undefined && number >= pages);
    const isShort = total !== undefined ? given < total : data.length === 0 && number <= (pages ?? 0) && pages !== 1;
    if (isOver) return isShort ? { ...found, partly: 'Telnyx says that there are more records than it gave.' } : found;
    // A log that answers with the same page again would never end.
    const all = keys.join();
    if (all === before) return { ...found, partly: 'Telnyx gave the same page of records again.' };
    before = all;
  }
}

interface Page {
  data: unknown[];
  /** How many pages, and how many records, there are in all; undefined when that is not told. */
  pages: number | undefined;
  total: number | undefined;
  at: number;
}

async function pageOf(http: Http, path: string, query: Query): Promise<Page> {
  const answer = await http.get(path, query);
  const body = fieldsOf(answer.body);
  if (!Array.isArray(body?.data) || body.data.length > MOST_ROWS) throw answer.unreadable('data');
  const { total_pages, total_results } = fieldsOf(body.meta) ?? {};
  const [pages, total] = [countOf(total_pages), countOf(total_results)];
  // No pages at all is no word about those that came.
  return { data: body.data, pages: pages === 0 ? undefined : pages, total, at: answer.at };
}

const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
