import PQueue from 'p-queue';

const OF_PEOPLE = 6;
const OF_JOBS = 10;
// Two more than jobs can have: a person's request need not wait for one of theirs to end.
const UNDER_WAY = 12;

/** How many requests are served at once. */
export interface Places {
  /** Runs a request with its tries and waits, first come, first served among its kind. Rejects when the signal aborts. */
  serve<T>(background: boolean, request: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Runs one try of it, a person's before a job's. Rejects when the signal aborts. */
  send<T>(background: boolean, attempt: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** The places of a process. */
export function createPlaces(): Places {
  const people = new PQueue({ concurrency: OF_PEOPLE });
  const jobs = new PQueue({ concurrency: OF_JOBS });
  // Held only while a request is under way: one that waits for its turn or for its next try takes nobody's place.
  const wire = new PQueue({ concurrency: UNDER_WAY });
  return {
    serve: (background, request, signal) => (background ? jobs : people).add(request, { signal }),
    send: (background, attempt, signal) => wire.add(attempt, { signal, priority: background ? 0 : 1 }),
  };
}
