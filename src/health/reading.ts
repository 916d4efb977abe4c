import { ToolError } from '../errors.ts';
import { type Scanned, sawAll, type Watch } from '../telnyx/pages.ts';
import { oneLine } from '../untrusted.ts';

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
const NO_TIME = 'There was no time to read on.';
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

/** The reading of one list, by one scan or several. */
export class ListReading {
  failure: ToolError | undefined;
  complete = false;
  rows = 0;
  #why: string | undefined = NO_TIME;
  readonly #list: string;
  readonly #watch: (part: Part) => Watch;
  readonly #parts: Part[] = [];

  constructor(list: string, watch: (part: Part) => Watch) {
    this.#list = list;
    this.#watch = watch;
  }

  /** Counts a row. */
  seen(): void {
    this.rows += 1;
  }

  /** Follows a scan. */
  watch(): Watch {
    const part: Part = {};
    this.#parts.push(part);
    return this.#watch(part);
  }

  /** Marks the list as its scans end. A scan that fails is told of by the list; only a cancelled call throws. */
  async end(scans: readonly Promise<Scanned>[]): Promise<void> {
    try {
      const all = await Promise.all(scans);
      this.complete = all.every(sawAll);
      this.#why = whyOf(all);
    } catch (error) {
      if (!(error instanceof ToolError) || error.code === 'CANCELLED') throw error;
      this.failure = error;
      this.#why = oneLine(error.message, LONGEST_WHY);
    }
  }

  /** Whether nothing came of it; what is read on this machine alone does not make a report. */
  get isEmpty(): boolean {
    return this.#parts.length === 0 || (!this.complete && this.rows === 0);
  }

  get read(): Read {
    const of = sum(this.#parts, 'rows');
    return {
      list: this.#list,
      rows: this.rows,
      ...(this.#parts.length > 0 && !Number.isNaN(of) && { of }),
      complete: this.complete,
      ...(this.#why && { why: this.#why }),
    };
  }
}

/** The reading of lists within a time: what was seen counts, whatever becomes of the rest. */
export class Reading {
  readonly #progress: (done: number, total?: number) => void;
  readonly #lists: ListReading[] = [];
  readonly #parts: Part[] = [];
  #done = 0;
  #over = false;

  constructor(progress: (done: number, total?: number) => void) {
    this.#progress = progress;
  }

  list(name: string): ListReading {
    const list = new ListReading(name, (part) => this.#watch(part));
    this.#lists.push(list);
    return list;
  }

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
      this.#over = true;
      // Nobody waits any more for what is still on its way.
      work.catch(() => undefined);
    }
    const failure = this.#lists.find((list) => list.failure)?.failure;
    if (failure && this.#lists.every((list) => list.isEmpty)) throw failure;
  }

  /** How far each list was read. */
  get lists(): Read[] {
    return this.#lists.map(({ read }) => read);
  }

  #watch(part: Part): Watch {
    this.#parts.push(part);
    return {
      stopped: () => this.#over,
      progress: (_, pages, rows) => {
        Object.assign(part, { pages, rows });
        this.#done += 1;
        const total = sum(this.#parts, 'pages');
        this.#progress(this.#done, Number.isNaN(total) ? undefined : Math.max(total, this.#done));
      },
    };
  }
}
