import { handle } from '../src/sandbox/routes.ts';
import { Secret } from '../src/secrets/secret.ts';
import type { Http, Query } from '../src/telnyx/http.ts';
import { explain, type Failure, type Method } from '../src/telnyx/problem.ts';
import { type Answer, unreadable } from '../src/telnyx/wire.ts';
import type { Process } from './rotation-model.ts';
import { reshape, shapeOf } from './telnyx/reshape.ts';

const REQUEST_MS = 50;
const SLOW_MS = 12_000;
const GIVEN_UP_MS = 2000;
const LATE_MS = 6000;
const RECOVERY_MS = 5000;
const shape = shapeOf(process.env.TELNYX_SHAPE);
// Whether what someone else changed is overwritten, and given back, can only be asked of fields that can be seen.
const READS = ['expires_at', 'created_at'];

const CUT: Failure = { kind: 'cut', code: 'ECONNRESET' };
const answered = (status: number, body = '', wait?: number): Failure => ({ kind: 'answered', status, body, wait });

interface Sent {
  method: Method;
  path: string;
  query?: Query;
  body?: object;
}

/** Requests to the account without a network. They fail as those of telnyx/client.ts do, with its own explanations. */
export function httpOf(process: Process, until: number, check: () => void = () => undefined): Http {
  const send = async (sent: Sent): Promise<Answer> => {
    const body = await request(process, until, sent);
    return { body, at: process.universe.time, unreadable };
  };
  return {
    get: (path, query = {}) => send({ method: 'GET', path, query }),
    send: async ({ method, path, body }) => {
      check();
      return send({ method, path, ...(body && { body: revealed(body) }) });
    },
    recovery: () => httpOf(process, process.universe.time + RECOVERY_MS),
    under: (before) => httpOf(process, until, before),
  };
}

/** A body as telnyx/client.ts sends it. */
function revealed(body: object): object {
  const entries = Object.entries(body).map(([key, value]) => [
    key,
    value instanceof Secret ? value.reveal() : typeof value === 'object' && value !== null ? revealed(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function noteRefusal({ universe }: Process, { path, body }: Sent): void {
  if (body && 'tag' in body) universe.untagged.add(path.split('/').at(-1) ?? '');
}

async function request(process: Process, callUntil: number, sent: Sent): Promise<unknown> {
  const { universe } = process;
  const { method } = sent;
  const create = method === 'POST';
  const until = create ? callUntil - RECOVERY_MS : callUntil;
  const fault = await process.reach(method === 'GET' ? 'read' : 'write');
  if (method === 'GET') await process.onRead?.(sent.path);
  if (universe.time >= until) throw explain(method, { kind: 'stopped', sent: false, cancelled: false });
  const apply = () => {
    announce(process, sent);
    return arrive(process, sent);
  };
  // Only of creates: what else may be late is sent again by nobody.
  const applyLate = () => {
    if (!create) return;
    announce(process, sent);
    universe.later(LATE_MS, () => arrive(process, sent));
  };
  const failed = (failure: Failure, ms = GIVEN_UP_MS) => {
    universe.pass(ms);
    return explain(method, failure);
  };
  universe.pass(REQUEST_MS);
  switch (fault) {
    case 'crash-after':
      apply();
      return process.crash();
    case 'crash-late':
      applyLate();
      return process.crash();
    case 'lost-late':
      applyLate();
      throw failed(CUT);
    case 'lost-before':
      throw failed(CUT);
    case 'lost-after':
      apply();
      throw failed(CUT);
    case '503':
      throw failed(answered(503));
    case '504':
      apply();
      throw failed(answered(504));
    case '429':
      throw failed(answered(429, '', 30_000));
    case 'refused':
      noteRefusal(process, sent);
      throw failed(answered(422, JSON.stringify({ errors: [{ code: '10015', detail: 'no' }] })));
    case 'retried':
      // Only what surely did not run is sent again when it is a POST.
      if (!create) apply();
      break;
    case 'slow':
      universe.pass(Math.min(SLOW_MS, until - universe.time));
      if (universe.time >= until) {
        apply();
        throw failed({ kind: 'stopped', sent: true, cancelled: false }, 0);
      }
      break;
    default:
  }
  const { status, body } = fault === 'retried' && !create ? arrive(process, sent) : apply();
  if (status < 300) return body === undefined ? undefined : JSON.parse(JSON.stringify(body));
  if (status === 422) noteRefusal(process, sent);
  // A DELETE whose first answer was lost finds nothing the second time: that is what was asked for.
  if (fault === 'retried' && method === 'DELETE' && status === 404) return undefined;
  throw explain(method, answered(status, JSON.stringify(body)));
}

/** A write is watched when it is sent, once, however often the client has to send it. */
function announce(process: Process, { method, path, body }: Sent): void {
  if (method === 'GET') return;
  process.writes += 1;
  process.universe.watch({ process, method, path, body: { ...body } });
}

function arrive({ universe }: Process, { method, path, query = {}, body }: Sent) {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, `${value}`]));
  const wire = body === undefined ? undefined : JSON.parse(JSON.stringify(body));
  const reply = handle(universe.world, { method, path: `/${path}`, query: search, body: wire, headers: {} });
  if (!shape || typeof reply.body !== 'object') return reply;
  return { ...reply, body: reshape(method, `/${path}`, reply.status, reply.body, { shape, reads: READS }) };
}
