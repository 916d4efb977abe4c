import type { Http, Query } from './http.ts';
import { fieldsOf } from './wire.ts';

/** Rows of a log. They have no id to be told by, unlike those of other lists, so that nothing is known of gaps. */
export interface Records {
  rows: unknown[];
  /** Why some may be missing, in a sentence. */
  partly?: string;
  /** What the clock of Telnyx said, in milliseconds since 1970, UTC. */
  at: number;
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

/** Reads a log page by page, to its end or as far as that goes. Throws what a request throws. */
export async function readRecords(http: Http, { path, query, size, stopped }: Log): Promise<Records> {
  const rows: unknown[] = [];
  let at = 0;
  let before = '';
  for (let number = 1; ; number += 1) {
    if (number > MOST_PAGES) return { rows, at, partly: `There are more than ${size * MOST_PAGES} records.` };
    if (number > 1 && stopped()) return { rows, at, partly: 'There was no time to read all records.' };
    const answer = await http.get(path, { ...query, 'page[number]': number, 'page[size]': size });
    const body = fieldsOf(answer.body);
    if (!Array.isArray(body?.data)) throw answer.unreadable('data');
    at ||= answer.at;
    const page = JSON.stringify(body.data);
    const last = fieldsOf(body.meta)?.total_pages;
    if (body.data.length === 0) return { rows, at };
    // A log that answers with the same page again would never end.
    if (page === before) return { rows, at, partly: 'Telnyx gave the same page of records again.' };
    before = page;
    rows.push(...body.data);
    if (typeof last === 'number' && number >= last) return { rows, at };
  }
}
