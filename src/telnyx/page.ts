import { z } from 'zod';
import { type Http, type Query, read } from './http.ts';

/** The largest page Telnyx gives for credentials and connections (api.md §1, "Page params"). */
export const LARGEST = 250;

// All of `meta` is optional in the spec, and its numbers are not to be trusted: a wrong one counts as absent.
const count = z.number().int().nonnegative().optional().catch(undefined);
const meta = z.object({ page_number: count, total_pages: count, total_results: count }).catch({});

export interface Page<T> {
  rows: T[];
  number: number | undefined;
  pages: number | undefined;
  total: number | undefined;
}

export interface Paged {
  path: string;
  filters?: Query;
}

/** `row` is the schema of a row, so that secrets are wrapped, or left out, before anything else sees them. */
export const pageOf = <T>(row: z.ZodType<T>) => z.object({ data: z.array(row), meta: meta.optional() });
export type PageSchema<T> = ReturnType<typeof pageOf<T>>;

/** One page of a list. Throws what the request throws, and `UNEXPECTED_RESPONSE` for what is no list. */
export async function getPage<T>(
  http: Http,
  paged: Paged,
  schema: PageSchema<T>,
  number: number,
  size: number,
): Promise<Page<T>> {
  const answer = await http.get(paged.path, { ...paged.filters, 'page[number]': number, 'page[size]': size });
  const body = read(schema, answer);
  return {
    rows: body.data,
    number: body.meta?.page_number,
    pages: body.meta?.total_pages,
    total: body.meta?.total_results,
  };
}
