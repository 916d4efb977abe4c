import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { rest } from './fleet-account.ts';
import { CONNECTION_KINDS, EXPIRED, type Fields, FLEET, type Kind, Refused, type Stage } from './matrix-account.ts';

/** Files of material for a push credential, as arguments. */
type Files = Record<'ios' | 'android', Record<string, string>>;

type Row = Fields & { id: string };
type Kept = { place: string };
type Rotation = { rotation: { id: string; state: string; successor: { id: string }; secret?: Kept } };
type Play = (stage: Stage, files: Files) => Promise<void>;

/** What an agent is shown of a row that comes of a field: nothing else of it may differ when the field is spoilt. */
const SHOWN: Record<string, readonly string[]> = {
  resource_id: ['connection_id'],
  sip_password: ['sip_password_fingerprint'],
  expires_at: ['expires_at', 'expires_at_unreadable', 'expired'],
  type: ['type', 'certificate', 'service_account', 'private_key_fingerprint'],
  private_key: ['private_key_fingerprint'],
  project_account_json_file: ['service_account', 'private_key_fingerprint'],
  connection_name: ['name'],
};

/** The row without what comes of the spoilt fields. */
function apartFrom(row: Row, { fields }: Stage['cell']): Fields {
  const about = fields.flatMap((field) => SHOWN[field.replace(/\..*/, '')] ?? [field]);
  return Object.fromEntries(Object.entries(row).filter(([key]) => !about.includes(key)));
}

const kept = (secret: Kept | undefined): string => readFileSync(`${secret?.place}`, 'utf8');
const ofPush = ({ cell }: Stage) => (cell.kind === 'android' ? 'android' : 'ios');
const spoils = ({ cell }: Stage, field: string) => cell.fields.includes(field);
const loses = (stage: Stage) => spoils(stage, 'id') && !stage.cell.changesOnly;

type List = [tool: string, key: string, args: Fields];
const TELEPHONY: List[] = [['list_telephony_credentials', 'telephony_credentials', {}]];
const PUSH: List[] = [['list_mobile_push_credentials', 'mobile_push_credentials', {}]];
const CONNECTIONS = CONNECTION_KINDS.map((kind): List => ['list_connections', 'connections', { kind }]);
const LISTS = {
  telephony: TELEPHONY,
  ios: PUSH,
  android: PUSH,
  connection: CONNECTIONS,
  meta: [...TELEPHONY, ...PUSH, ...CONNECTIONS.slice(0, 1)],
};

function rowsOf({ app }: Stage, key: string, { kind }: Fields): readonly unknown[] {
  const { world } = app.sandbox;
  if (key === 'connections') return [...world.connections.values()].filter((row) => row.kind === kind);
  return [...(key === 'telephony_credentials' ? world.telephony : world.push).values()];
}

/** Lists with no row spoilt, one of them, and all: what can be told of a row is told, and of the other rows everything. */
const list: Play = async (stage) => {
  const { cell, call } = stage;
  type Listed = Record<string, Row[]> & { unreadable?: { count: number } };
  for (const [tool, key, args] of LISTS[cell.kind]) {
    stage.only = 'nobody';
    const { [key]: whole = [] } = await call<Listed>(tool, args);
    expect(whole).toHaveLength(rowsOf(stage, key, args).length);
    const victims = [stage.telephony('kept'), stage.push.kept, ...stage.users];
    const victim = whole.find(({ id }) => victims.includes(id))?.id;
    expect(victim).toBeDefined();
    stage.only = victim;
    const { [key]: others = [], unreadable } = await call<Listed>(tool, args);
    stage.only = undefined;
    const { [key]: spoilt = [] } = await call<Listed>(tool, args);
    if (loses(stage)) {
      expect(others).toEqual(whole.filter(({ id }) => id !== victim));
      expect(unreadable?.count).toBe(1);
      expect(spoilt).toEqual(whole.filter(({ id }) => id === stage.push.other));
      continue;
    }
    expect(others.map((row) => (row.id === victim ? apartFrom(row, cell) : row))).toEqual(
      whole.map((row) => (row.id === victim ? apartFrom(row, cell) : row)),
    );
    expect(spoilt.map((row) => apartFrom(row, cell))).toEqual(whole.map((row) => apartFrom(row, cell)));
  }
};

/** Goes through a list by its cursors. */
const walk: Play = async ({ call, app }) => {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await call<{ telephony_credentials: Row[]; next_cursor?: string }>('list_telephony_credentials', {
      limit: 3,
      ...(cursor && { cursor }),
    });
    ids.push(...page.telephony_credentials.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor);
  expect(ids.sort()).toEqual([...app.sandbox.world.telephony.keys()].sort());
};

const get =
  (tool: string, id: (stage: Stage) => string): Play =>
  async (stage) => {
    stage.only = 'nobody';
    const whole = await stage.call<Row>(tool, { id: id(stage) });
    stage.only = undefined;
    expect(apartFrom(await stage.call<Row>(tool, { id: id(stage) }), stage.cell)).toEqual(apartFrom(whole, stage.cell));
  };

const SECTIONS: Record<Kind, string[] | undefined> = {
  telephony: ['telephony'],
  ios: ['push'],
  android: ['push'],
  connection: ['push', 'connections'],
  meta: undefined,
};

const report: Play = async (stage) => {
  const { world } = stage.app.sandbox;
  const { complete, read } = await stage.call<{ complete: boolean; read: { list: string; rows: number }[] }>(
    'report_credential_health',
    { sections: SECTIONS[stage.cell.kind] },
  );
  expect(complete).toBe(!loses(stage));
  const there: Record<string, number> = { telephony: world.telephony.size, push: world.push.size };
  if (complete) for (const { list, rows } of read) expect(rows, list).toBe(there[list] ?? rows);
};

const update: Play = async (stage) => {
  const id = stage.telephony('updated');
  await stage.call('update_telephony_credential', { id, name: 'lobby', expires_at: '2090-01-01' });
  expect(stage.app.sandbox.world.telephony.get(id)).toMatchObject({ name: 'lobby', expires_at: '2090-01-01T00:00:00' });
  await stage.call('update_telephony_credential', { id, connection_id: FLEET, expires_at: '2089-01-01' });
  // Back where it was, or the fleet would have it too.
  Object.assign(stage.app.sandbox.world.telephony.get(id) ?? {}, { resource_id: `connection:${stage.users[0]}` });
};

const create: Play = async (stage) => {
  const { world } = stage.app.sandbox;
  const made = await stage.call<{ credential: Row; secret?: Kept; warning?: string }>('create_telephony_credential', {
    connection_id: stage.users[0],
    name: 'kiosk',
    tag: 'lobby',
  });
  expect(stage.fresh()).toEqual([made.credential.id]);
  const record = world.telephony.get(made.credential.id);
  expect(record?.tag).toBe('lobby');
  world.telephony.delete(made.credential.id);
  if (made.warning) throw new Refused('WARNING', made.warning);
  expect(kept(made.secret)).toContain(`${record?.sip_password}`);
};

const token: Play = async (stage) => {
  const { secret } = await stage.call<{ secret: Kept }>('create_telephony_token', { id: stage.telephony('kept') });
  expect(kept(secret)).toContain('"login_token": "eyJ');
};

const handOff =
  (kind: 'telephony' | 'push', id: (stage: Stage) => string): Play =>
  async (stage) => {
    const { secret } = await stage.call<{ secret: Kept }>('hand_off_secret', { id: id(stage), kind });
    const { world } = stage.app.sandbox;
    const row = world.telephony.get(id(stage)) ?? world.push.get(id(stage));
    const key = row?.sip_password ?? (row?.private_key || Object(row?.project_account_json_file).private_key);
    expect(kept(secret)).toContain(JSON.stringify(key));
  };

const rotateTelephony: Play = async (stage) => {
  const { world } = stage.app.sandbox;
  const id = stage.telephony('rotated');
  const asBefore = ending(stage, id);
  try {
    const { rotation } = await stage.call<Rotation>('rotate_telephony_credential', { id, overlap: '2h' });
    expect(rotation.state).toMatch(/^(overlap|old_one_left)$/);
    expect(kept(rotation.secret)).toContain(`${world.telephony.get(rotation.successor.id)?.sip_password}`);
  } finally {
    const { rotations } = await stage.call<{ rotations: (Rotation['rotation'] & { old: Row })[] }>('get_rotation');
    const begun = rotations.find(({ old }) => old?.id === id);
    if (begun) await rollBack(stage, begun.id);
  }
  asBefore();
};

/** Compares, when called, what was rotated and rolled back with what it was: without a successor, its end is its end. */
function ending({ app }: Stage, id: string): () => void {
  const row = app.sandbox.world.telephony.get(id);
  const before = row?.expires_at;
  return () => {
    // What Telnyx never said is given back as never.
    if (!row || row.expires_at === before || row.expires_at.startsWith('9999')) {
      Object.assign(row ?? {}, { expires_at: before });
      return;
    }
    Object.assign(row, { expires_at: before });
    throw new Refused('FAULT', 'what was rolled back still ends early');
  };
}

async function rollBack(stage: Stage, id: string): Promise<void> {
  const after = await stage.call<Rotation>('roll_back_rotation', { id });
  expect(after.rotation.state).toBe('rolled_back');
  expect(stage.fresh()).toEqual([]);
}

const rotatePush: Play = async (stage, files) => {
  const { world } = stage.app.sandbox;
  const field = `${ofPush(stage)}_push_credential_id`;
  const { rotation } = await stage.call<Rotation>('rotate_mobile_push_credential', {
    id: stage.push.rotated,
    ...files[ofPush(stage)],
  });
  expect(rotation.state).toBe('old_one_left');
  const now = stage.users.map((id) => world.connections.get(id)?.[field]);
  // Where Telnyx does not say that a connection uses it, nobody can know.
  if (spoils(stage, field) && !stage.cell.changesOnly) expect(now).toEqual(now.map(() => stage.push.rotated));
  else expect(now).toEqual(now.map(() => rotation.successor.id));
  await rollBack(stage, rotation.id);
};

const fleet: Play = async (stage) => {
  const asBefore = ending(stage, stage.telephony('member'));
  const { rotation } = await stage.call<Rotation>('rotate_telephony_credentials', { connection_id: FLEET });
  const { progress } = await rest(stage.app, rotation.id);
  await stage.call('roll_back_rotation', { id: rotation.id });
  expect((await rest(stage.app, rotation.id)).state).toBe('rolled_back');
  expect(stage.fresh()).toEqual([]);
  if (progress.failed > 0) throw new Refused('FLEET', progress.failures.join());
  expect(progress).toMatchObject({ total: 1, done: 1 });
  asBefore();
};

const cleanUp: Play = async (stage) => {
  const { rotation } = await stage.call<Rotation>('delete_expired_telephony_credentials', { connection_id: EXPIRED });
  await rest(stage.app, rotation.id);
  expect(stage.app.sandbox.world.telephony.has(stage.telephony('gone'))).toBe(false);
};

const createPush: Play = async (stage, files) => {
  const type = ofPush(stage);
  const args = { alias: 'fresh', type, ...files[type] };
  const made = await stage.call<{ credential: Row }>('create_mobile_push_credential', args);
  expect(stage.fresh()).toEqual([made.credential.id]);
  stage.app.sandbox.world.push.delete(made.credential.id);
};

/** Something done by one tool or a few, and the rows it may change or take away. */
export interface Act {
  name: string;
  play: Play;
  takes?: (stage: Stage) => string[];
  /** Of many requests: played for fewer values, since what a reader makes of the others the lighter ones show. */
  heavy?: boolean;
}

const push = (use: keyof Stage['push']) => (stage: Stage) => stage.push[use];
const telephony = (use: string) => (stage: Stage) => stage.telephony(use);
const deleting = (tool: string, id: (stage: Stage) => string, heavy: boolean): Act => ({
  heavy,
  name: 'delete',
  play: async (stage) => {
    await stage.call(tool, { id: id(stage) });
    const { world } = stage.app.sandbox;
    expect(world.telephony.has(id(stage)) || world.push.has(id(stage))).toBe(false);
  },
  takes: (stage) => [id(stage)],
});
const READ: Act[] = [
  { name: 'list', play: list },
  { name: 'report', play: report },
];
const TELEPHONY_ACTS: Act[] = [
  { name: 'get', play: get('get_telephony_credential', telephony('kept')) },
  { name: 'update', play: update, takes: (stage) => [stage.telephony('updated')] },
  { name: 'create', play: create },
  { name: 'token', play: token },
  { name: 'hand off', play: handOff('telephony', telephony('kept')) },
  { name: 'rotate', play: rotateTelephony },
  deleting('delete_telephony_credential', telephony('deleted'), false),
];
const MANY: Act[] = [
  { heavy: true, name: 'fleet', play: fleet },
  { heavy: true, name: 'clean-up', play: cleanUp, takes: (stage) => [stage.telephony('gone')] },
];
const ON_PUSH: Act[] = [
  { heavy: true, name: 'rotate', play: rotatePush },
  deleting('delete_mobile_push_credential', push('deleted'), true),
];
const PUSH_ACTS: Act[] = [
  { name: 'get', play: get('get_mobile_push_credential', push('kept')) },
  { name: 'create', play: createPush },
  { name: 'hand off', play: handOff('push', push('kept')) },
  ...ON_PUSH,
];

/** Where only the answers to changes are spoilt, only those are worth a look. */
export const isReading = ({ name }: Act): boolean => ['list', 'report', 'walk', 'get'].includes(name);

export const ACTS: Record<Kind, readonly Act[]> = {
  telephony: [...READ, ...TELEPHONY_ACTS, ...MANY],
  ios: [...READ, ...PUSH_ACTS],
  android: [...READ, ...PUSH_ACTS],
  connection: [...READ, ...ON_PUSH],
  meta: [...READ, { name: 'walk', play: walk }, ...MANY, ...ON_PUSH],
};
