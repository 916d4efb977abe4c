import { activityRoutes } from './activity.ts';
import { connectionRoutes } from './connections.ts';
import type { Route } from './handler.ts';
import { pushRoutes } from './push.ts';
import { notFound, Refusal, type Reply } from './replies.ts';
import { telephonyRoutes } from './telephony.ts';
import type { SeenRequest } from './wire.ts';
import type { World } from './world.ts';

const balance = {
  record_type: 'balance',
  balance: '300.00',
  credit_limit: '100.00',
  available_credit: '400.00',
  pending: '10.00',
  currency: 'USD',
};

/** Every operation played here. */
export const routes: readonly Route[] = [
  ['GET', '/balance', () => ({ status: 200, body: { data: balance } })],
  ...telephonyRoutes,
  ...pushRoutes,
  ...connectionRoutes,
  ...activityRoutes,
];

/** Gives the value of `:id`, empty when the pattern has none, undefined when the path is another one. */
function match(pattern: string, path: string): string | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  let id = '';
  for (const [index, segment] of given.entries()) {
    if (wanted[index] === ':id') id = segment;
    else if (wanted[index] !== segment) return undefined;
  }
  return pattern.includes(':id') && id === '' ? undefined : id;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw notFound();
  }
}

/** Applies a request to the account and gives the answer, refusals included. */
export function handle(world: World, request: SeenRequest): Reply {
  try {
    for (const [method, pattern, handler] of routes) {
      const id = method === request.method ? match(pattern, request.path) : undefined;
      if (id !== undefined) return handler(world, { ...request, id: decoded(id) });
    }
    throw notFound();
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
}
