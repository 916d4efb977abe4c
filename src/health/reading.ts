import { ToolError } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import type { Http } from '../telnyx/http.ts';
import { type Paged, type Scanned, sawAll, visitAll, type Watch } from '../telnyx/list.ts';

/** How far one list was read. */
export interface Read {
  list: string;
  rows: number;
  /** How many rows it claims to have. */
  of?: number;
  complete: boolean;
  why?: string;
}

/** A scan, as far as it is: pages and rows are what its list claims. */
interface Part {
  pages?: number | undefined;
  rows?: number | undefined;
}

const LONGEST_WHY = 120;
/** Fewer than a person's requests may be at once: another call finds room. */
const AT_ONCE = 4;
export const NO_TIME = 'There was no time to read on.';
const SHORT = 'Telnyx gave fewer rows than it says there are, or the same page again.';
const MOVED = 'It changed while it was read: what came or went meanwhile may be missing.';

const sum = (parts: readonly Part[], what: keyof Part): number =>
  parts.reduce((all, part) => all + (part[what] ?? Number.NaN), 0);

/** What is to be said of scans that ended by themselves; undefined when all is well. */
function whyOf(all: readonly Scanned[]): string | undefined {
  const unreadable = all.reduce((rows, scan) => rows + scan.unreadable.count, 0);
  const [path] = all.flatMap((scan) => scan.unreadable.paths);
  if (unreadable > 0) return oneLine(`${unreadable} rows have no id that can be read, such as ${path}.`, LONGEST_WHY);
  if (!all.every(({ whole }) => whole)) return all.some(({ stopped }) => stopped) ? NO_TIME : SHORT;
  return all.every(({ steady }) => steady) ? undefined : MOVED;
}

export type ListReading = ReturnType<typeof readingOf>;

/** The reading of one list, by one scan or several; `follow` watches them. */
function readingOf(name: string, follow: (part: Part) => Watch) {
  const parts: Part[] = [];
  const list = {
    failure: undefined as ToolError | undefined,
    complete: false,
    rows: 0,
    /** How many rows there are, where no page of the list says it. */
    of: undefined as number | undefined,
    /** What is to be said of it, in a few sentences. */
    why: NO_TIME as string | undefined,
    /** Shows all rows of these lists, and counts each once. */
    scan<T extends { id: string }>(http: Http, lists: readonly Paged<T>[], see: (row: T, again: boolean) => unknown) {
      const visit = (row: T, again: boolean): void => {
        if (!again) list.rows += 1;
        see(row, again);
      };
      const scans = lists.map((paged) => {
        const part: Part = {};
        parts.push(part);
        return visitAll(http, paged, visit, follow(part));
      });
      return list.end(scans);
    },
    /** Marks the list as its scans end. A scan that fails is told of by the list; only a cancelled call throws. */
    async end(scans: readonly Promise<Scanned>[]): Promise<void> {
      try {
        const all = await Promise.all(scans);
        list.complete = all.every(sawAll);
        list.why = whyOf(all);
      } catch (error) {
        if (!(error instanceof ToolError) || error.code === 'CANCELLED') throw error;
        list.failure = error;
        list.why = oneLine(error.message, LONGEST_WHY);
      }
    },
    /** Whether nothing came of it; what is read on this machine alone does not make a report. */
    isEmpty: () => parts.length === 0 || (!list.complete && list.rows === 0),
    read(): Read {
      const { rows, complete, why, of = parts.length > 0 ? sum(parts, 'rows') : Number.NaN } = list;
      return { list: name, rows, ...(!Number.isNaN(of) && { of }), complete, ...(why && { why }) };
    },
  };
  return list;
}

/** The reading of lists within a time: what was seen counts, whatever becomes of the rest. */
export function startReading(progress: (done: number, total?: number) => void) {
  const lists: ListReading[] = [];
  const parts: Part[] = [];
  let done = 0;
  let over = false;

  function follow(part: Part): Watch {
    parts.push(part);
    return {
      stopped: () => over,
      progress: (_, pages, rows) => {
        Object.assign(part, { pages, rows });
        done += 1;
        const total = sum(parts, 'pages');
        progress(done, Number.isNaN(total) ? undefined : Math.max(total, done));
      },
    };
  }

  return {
    list(name: string): ListReading {
      const list = readingOf(name, follow);
      lists.push(list);
      return list;
    },

    /**
     * Looks at each of them while there is time, a few at once, and shows what came of it to `see`. The first goes ahead
     * alone: what is refused for it is not asked of all. Throws what `look` throws, and looks at no more then.
     */
    async each<T, F>(
      items: Promise<readonly T[]> | readonly T[],
      look: (item: T) => Promise<F>,
      see: (item: T, found: F) => void,
    ): Promise<void> {
      const part: Part = {};
      const { progress } = follow(part);
      const all = await items;
      part.pages = all.length;
      let next = 0;
      const take = async (): Promise<void> => {
        const item = all[next++];
        const found = item === undefined || over ? undefined : { item, of: await look(item) };
        if (!found || over) return;
        see(found.item, found.of);
        progress?.(0, all.length);
      };
      const taker = async (): Promise<void> => {
        while (next < all.length && !over) await take();
      };
      await take();
      await Promise.all(
        Array.from({ length: AT_ONCE }, () =>
          taker().catch((error: unknown) => {
            next = all.length;
            throw error;
          }),
        ),
      );
    },

    /**
     * Waits for work, for at most so many milliseconds; from then on nothing more is read. Throws what work throws, and
     * the first failure when nothing at all could be read.
     */
    async within(ms: number, work: Promise<unknown>): Promise<void> {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      try {
        await Promise.race([work, late]);
      } finally {
        clearTimeout(timer);
        over = true;
        // Nobody waits any more for what is still on its way.
        work.catch(() => undefined);
      }
      const failure = lists.find((list) => list.failure)?.failure;
      if (failure && lists.every((list) => list.isEmpty())) throw failure;
    },

    /** How far each list was read. */
    read: (): Read[] => lists.map((list) => list.read()),
  };
}
