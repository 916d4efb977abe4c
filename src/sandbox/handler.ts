import type { Reply } from './replies.ts';
import type { SeenRequest } from './wire.ts';
import type { World } from './world.ts';

export interface Asked extends SeenRequest {
  /** The `:id` of the path, decoded; empty where the route has none. */
  id: string;
}

/** Applies one request to the account and gives the answer, or throws a Refusal. */
type Handler = (world: World, asked: Asked) => Reply;

/** Method and path after `/v2`, where `:id` stands for one segment. */
export type Route = readonly [method: string, path: string, handler: Handler];
