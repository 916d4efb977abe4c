import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Faults } from './faults.ts';
import type { Gateway } from './rate-limit.ts';
import { type Reply, refuse } from './replies.ts';
import { handle } from './routes.ts';
import { read, type SeenRequest, send } from './wire.ts';
import type { World } from './world.ts';

export interface House {
  apiKey: string;
  world: World;
  faults: Faults;
  latencyMs: () => number;
  /** Counts a request against the rate limit. */
  pass: () => ReturnType<Gateway['take']>;
  remember: (request: SeenRequest) => void;
}

function needsPush({ method, path }: SeenRequest, fault: Fault | undefined): boolean {
  if (path.startsWith('/mobile_push_credentials')) return true;
  // A patch looks its push id up; a test may touch any of this account meanwhile.
  return path.includes('_connections') && (method === 'PATCH' || fault?.meanwhile !== undefined);
}

function unauthenticated(path: string): Reply {
  // The spec declares no body for telephony errors (api.md §1).
  if (path.startsWith('/telephony_credentials')) return { status: 401 };
  return refuse(401, '10009', { detail: 'Could not understand the provided credentials.' }).reply;
}

/** Serves one request from its first byte to its last, through whatever fault is due for it. */
export async function exchange(incoming: IncomingMessage, outgoing: ServerResponse, house: House): Promise<void> {
  const { world } = house;
  const { request, refusal } = await read(incoming);
  house.remember(request);
  const { headers, refusal: limited } = house.pass();
  // A gateway stands in front of the account: what it refuses meets no fault and changes nothing.
  const fault = limited ? undefined : house.faults.take(request);

  if (!limited && needsPush(request, fault)) await world.ready;
  fault?.meanwhile?.(world);

  const apply = () => {
    if (limited) return limited;
    if (request.headers.authorization !== `Bearer ${house.apiKey}`) return unauthenticated(request.path);
    return refusal ?? handle(world, request);
  };
  const lost = fault?.reset ?? fault?.hang;
  const reply = fault?.respond ?? (lost === 'before' ? undefined : apply());

  if (house.latencyMs() > 0) await sleep(house.latencyMs(), undefined, { ref: false });
  if (fault?.hang) return;
  if (fault?.reset || !reply) {
    incoming.socket.resetAndDestroy();
    return;
  }
  const body = fault?.rewrite ? fault.rewrite(reply.body) : reply.body;
  // By the account's clock: a test that stops it stops it for whoever asks the server what time it is.
  const sent = { ...reply, body, headers: { date: world.now().toUTCString(), ...headers, ...reply.headers } };
  await send(outgoing, sent, request.headers['accept-encoding'], fault?.truncate ? 0.5 : 1);
}
