import { randomUUID } from 'node:crypto';
import { microseconds } from './dates.ts';
import type { Asked, Route } from './handler.ts';
import { type Listing, list } from './paging.ts';
import { fields, notFound, type Reply, refuse } from './replies.ts';
import type { PushRecord, World } from './world.ts';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

// Nothing else is checked: with a wrong file Telnyx answers well and pushes never arrive (api.md §5).
const REQUIRED: Record<PushRecord['type'], Record<string, (value: unknown) => boolean>> = {
  ios: { alias: isText, certificate: isText, private_key: isText },
  android: { alias: isText, project_account_json_file: isObject },
};

function shown(world: World, record: PushRecord): Record<string, unknown> {
  const { is_public, ...declared } = record;
  return world.undeclared ? { ...declared, is_public } : declared;
}

function listing(world: World): Listing<PushRecord> {
  return {
    defaultSize: 20,
    filters: {
      '[type]': (wanted) => (record) => record.type === wanted,
      '[alias]': (wanted) => (record) => record.alias === wanted,
    },
    show: (record) => shown(world, record),
  };
}

function find(world: World, { id }: Asked): PushRecord {
  if (!UUID.test(id)) throw refuse(422, '10006', { detail: 'is not a valid UUID', pointer: '/push_credential_id' });
  const record = world.push.get(id);
  if (!record) throw notFound();
  return record;
}

function create(world: World, { body: raw }: Asked): Reply {
  const body = fields(raw);
  const { type } = body;
  if (type !== 'ios' && type !== 'android') {
    throw refuse(422, '10015', { detail: 'must be ios or android', pointer: '/type' });
  }
  const missing = Object.entries(REQUIRED[type]).filter(([field, fits]) => !fits(body[field]));
  if (missing.length > 0) {
    throw refuse(422, '10015', ...missing.map(([field]) => ({ detail: "can't be blank", pointer: `/${field}` })));
  }
  const alias = String(body.alias);
  if ([...world.push.values()].some((record) => record.alias === alias)) {
    throw refuse(422, '10015', { detail: 'has already been taken', pointer: '/alias' });
  }
  const now = microseconds(world.now());
  const record: PushRecord = {
    id: randomUUID(),
    record_type: 'push_credential',
    alias,
    type,
    certificate: type === 'ios' ? String(body.certificate) : '',
    private_key: type === 'ios' ? String(body.private_key) : '',
    project_account_json_file: type === 'android' ? fields(body.project_account_json_file) : {},
    is_public: false,
    created_at: now,
    updated_at: now,
  };
  world.push.set(record.id, record);
  return { status: 200, body: { data: shown(world, record) } };
}

function remove(world: World, asked: Asked): Reply {
  const record = find(world, asked);
  if (record.is_public) {
    throw refuse(403, '10010', { detail: 'You are not authorized to access the requested resource.', pointer: '/' });
  }
  // Unknown for one that connections use (api.md §6): it goes, and they keep pointing at nothing.
  world.push.delete(record.id);
  return { status: 204 };
}

/** The push credential operations (api.md §2 rows 1–4). */
export const pushRoutes: readonly Route[] = [
  ['GET', '/mobile_push_credentials', (world, { query }) => list(world.push, query, listing(world))],
  ['POST', '/mobile_push_credentials', create],
  [
    'GET',
    '/mobile_push_credentials/:id',
    (world, asked) => ({ status: 200, body: { data: shown(world, find(world, asked)) } }),
  ],
  ['DELETE', '/mobile_push_credentials/:id', remove],
];
