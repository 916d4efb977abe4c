import type { Reply } from './replies.ts';
import type { SeenRequest } from './wire.ts';
import type { World } from './world.ts';

interface Aim {
  method?: string;
  /** The path after `/v2`, without the query; a string is compared whole. */
  path?: string | RegExp;
  /** How many matching requests it strikes: 1 unless told, Infinity for always. */
  times?: number;
  /** How many matching requests pass first. */
  skip?: number;
  when?: (request: SeenRequest) => boolean;
}

/** What goes wrong; "applied" says whether the account changed although the client cannot know. */
interface Effects {
  /** This answer instead; not applied. A string goes as it is, undefined is an empty body, all else is JSON. */
  respond: Reply;
  /** The connection is reset, before or after the request was applied. */
  reset: 'before' | 'after';
  /** Nothing is ever answered, before or after the request was applied. */
  hang: 'before' | 'after';
  /** Applied; half of the body, under a Content-Length that fits the half. */
  truncate: true;
  /** Applied; the JSON answer is changed. */
  rewrite: (body: unknown) => unknown;
  /** The account changes just before the request is handled. Await `world.ready` first to touch push. */
  meanwhile: (world: World) => void;
}

type OneOf<T> = { [K in keyof T]: Pick<T, K> & { [Other in Exclude<keyof T, K>]?: never } }[keyof T];

export type Fault = Aim & OneOf<Effects>;

interface Armed {
  fault: Fault;
  skip: number;
  times: number;
}

/** Faults waiting for their request, in the order they were queued. */
export class Faults {
  #armed: Armed[] = [];

  add(fault: Fault): void {
    this.#armed.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  clear(): void {
    this.#armed = [];
  }

  /** Gives the first fault that is due for the request, and counts it as used. */
  take(request: SeenRequest): Fault | undefined {
    for (const armed of this.#armed) {
      if (!aimedAt(armed.fault, request)) continue;
      if (armed.skip > 0) {
        armed.skip--;
        continue;
      }
      armed.times--;
      if (armed.times <= 0) this.#armed = this.#armed.filter((other) => other !== armed);
      return armed.fault;
    }
    return undefined;
  }
}

function aimedAt({ method, path, when }: Fault, request: SeenRequest): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (typeof path === 'string' && path !== request.path) return false;
  // search() keeps no position between calls, which test() does for /g expressions.
  if (path instanceof RegExp && request.path.search(path) < 0) return false;
  return when?.(request) ?? true;
}
