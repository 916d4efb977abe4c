import type { Asked, Route } from './handler.ts';
import { NewestFirst } from './newest-first.ts';
import { type Listing, list } from './paging.ts';
import { fields, notFound, type Reply, refuse } from './replies.ts';
import type { ConnectionKind, ConnectionRecord, World } from './world.ts';

const KINDS: readonly ConnectionKind[] = ['credential', 'fqdn', 'ip', 'uac'];
const READ_ONLY = new Set(['id', 'kind', 'record_type', 'created_at', 'updated_at']);
const PUSH_IDS = ['ios_push_credential_id', 'android_push_credential_id'];
const SHORTEST_SEARCH = 3;
const MASK = '********';

// The password is kept and never shown (api.md §3.3): a client that sends the mask back overwrites it.
function shown(record: ConnectionRecord): Record<string, unknown> {
  const { kind: _, ...rest } = record;
  return 'password' in rest ? { ...rest, password: MASK } : rest;
}

const listing: Listing<ConnectionRecord> = {
  defaultSize: 250,
  filters: {
    '[connection_name][contains]': (wanted) => {
      if (wanted.length < SHORTEST_SEARCH) {
        const detail = `filter[connection_name][contains] must be at least ${SHORTEST_SEARCH} characters`;
        throw refuse(400, '10025', { detail });
      }
      return ({ connection_name }) => connection_name.toLowerCase().includes(wanted.toLowerCase());
    },
    '[fqdn]': (wanted) => (record) => record.fqdn === wanted,
    '[outbound_voice_profile_id]': (wanted) => (record) => record.outbound.outbound_voice_profile_id === wanted,
  },
  show: shown,
};

function find(world: World, kind: ConnectionKind, { id }: Asked): ConnectionRecord {
  const record = world.connections.get(id);
  if (record?.kind !== kind) throw notFound();
  return record;
}

function checkPushId(world: World, field: string, value: unknown): void {
  if (value === null) return;
  // An id of the other platform is taken without a word: failure is silent (api.md §5).
  if (typeof value === 'string' && world.push.has(value)) return;
  throw refuse(422, '10013', { detail: 'The push credential does not exist.', pointer: `/${field}` });
}

function update(world: World, kind: ConnectionKind, asked: Asked): Reply {
  const record = find(world, kind, asked);
  // Unknown fields are accepted and silently dropped (api.md §1).
  const changes = Object.entries(fields(asked.body)).filter(([field]) => field in record && !READ_ONLY.has(field));
  for (const [field, value] of changes) if (PUSH_IDS.includes(field)) checkPushId(world, field, value);
  Object.assign(record, Object.fromEntries(changes), { updated_at: world.now().toISOString() });
  return { status: 200, body: { data: shown(record) } };
}

function ofKind(world: World, kind: ConnectionKind): NewestFirst<ConnectionRecord> {
  const rows = new NewestFirst<ConnectionRecord>();
  for (const record of world.connections.values()) if (record.kind === kind) rows.set(record.id, record);
  return rows;
}

/** List, get and patch of the four kinds that can name a push credential (api.md §2 rows 11–25). */
export const connectionRoutes: readonly Route[] = KINDS.flatMap((kind): Route[] => [
  ['GET', `/${kind}_connections`, (world, { query }) => list(ofKind(world, kind), query, listing)],
  [
    'GET',
    `/${kind}_connections/:id`,
    (world, asked) => ({ status: 200, body: { data: shown(find(world, kind, asked)) } }),
  ],
  ['PATCH', `/${kind}_connections/:id`, (world, asked) => update(world, kind, asked)],
]);
