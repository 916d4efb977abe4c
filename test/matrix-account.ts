import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { ConnectionKind, ConnectionRecord, PushRecord, TelephonyRecord } from '../src/sandbox/world.ts';
import { dataOf, errorOf, type Started, startApp, yes } from './app.ts';

// The stage of the matrix: an account that is the same for every cell, answers of which one field is spoilt, and what
// must hold after every call whatever came of it.

export type Kind = 'telephony' | 'ios' | 'android' | 'connection' | 'meta';
export type Fields = Record<string, unknown>;

export interface Cell {
  kind: Kind;
  /** The fields that are spoilt, as a path within a row. */
  fields: readonly string[];
  /** What stands in their place; undefined takes them away. */
  value: unknown;
  /** The same in words. */
  is: string;
  /** Only in the answers to what changes something, and not in what is read. */
  changesOnly: boolean;
}

/** In every object and list that stands where a text belongs: nobody may quote it. */
export const CANARY = 'c4n4ry-where-a-text-belongs';
export const CONNECTION_KINDS: readonly ConnectionKind[] = ['credential', 'fqdn', 'ip', 'uac'];
const DAY = 86_400_000;
const WHERE: Record<Kind, RegExp> = {
  telephony: /^\/telephony_credentials/,
  ios: /^\/mobile_push_credentials/,
  android: /^\/mobile_push_credentials/,
  connection: /_connections/,
  meta: /./,
};

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The row with what stands at a path replaced. */
function put(row: Fields, [key = '', ...rest]: string[], value: unknown): Fields {
  const { [key]: inner, ...others } = row;
  if (rest.length > 0) return isFields(inner) ? { ...row, [key]: put(inner, rest, value) } : row;
  return value === undefined ? others : { ...row, [key]: value };
}

const spoil = (row: Fields, { fields, value }: Cell): Fields =>
  fields.reduce((spoilt, field) => put(spoilt, field.split('.'), value), row);

/** A call that ended with an error, or a fleet with a member that failed. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A cell being played. */
export interface Stage {
  cell: Cell;
  app: Started;
  /** The id of a telephony credential of this account by what it is for. */
  telephony(use: string): string;
  /** The ids of its push credentials, of the platform of the cell but for the other one. */
  push: Record<'kept' | 'deleted' | 'rotated' | 'other', string>;
  /** The connections that use the push credential that is rotated. */
  users: string[];
  /** Whose row alone is spoilt; undefined for every row. */
  only: string | undefined;
  /** Calls a tool, and gives what it answers. Throws `Refused`. */
  call<T = Fields>(name: string, args?: Fields): Promise<T>;
  /** Whether everything that was there is still there as it was, but for what is named, now and before. */
  untouched(but?: readonly string[]): void;
  /** Ids of rows that were not there at the beginning. */
  fresh(): string[];
  /** Takes away the fresh rows: what an act has left behind is not for the next to find. */
  tidy(): void;
}

export const FLEET = '9990001112223334440';
export const EXPIRED = '9990001112223334441';
const USES = ['kept', 'updated', 'deleted', 'rotated', 'bystander', 'member', 'gone'];
/** A number where a text belongs; it may be quoted, as an expiry is, but not where a secret belongs. */
export const NUMBER = 80_055_501_991_122;
export const SECRET_NUMBER = 70_077_702_882_211;

const idle: Started[] = [];
const pool: Promise<Started>[] = [];
let cells = 0;

/** Plays one cell on an account of its own; the apps are shared, since starting one costs more than a cell. */
export async function play(cell: Cell, run: (stage: Stage) => Promise<void>): Promise<void> {
  const app = idle.pop() ?? (await addApp());
  try {
    await run(await setUp(cell, app));
  } finally {
    app.sandbox.clearFaults();
    idle.push(app);
  }
}

function addApp(): Promise<Started> {
  const app = startApp({ person: yes, sandbox: { credentials: 2 } });
  pool.push(app);
  return app;
}

export async function endAll(): Promise<void> {
  for (const app of await Promise.all(pool.splice(0))) await app[Symbol.asyncDispose]();
  idle.length = 0;
}

const templates = new WeakMap<
  Started,
  { telephony: TelephonyRecord; push: PushRecord[]; connections: ConnectionRecord[] }
>();

async function templatesOf(app: Started) {
  const known = templates.get(app);
  if (known) return known;
  const { world } = app.sandbox;
  await world.ready;
  const [telephony] = [...world.telephony.values()];
  if (!telephony) throw new Error('an empty account');
  const made = { telephony, push: [...world.push.values()], connections: [...world.connections.values()] };
  templates.set(app, made);
  return made;
}

async function setUp(cell: Cell, app: Started): Promise<Stage> {
  const mark = `${cells++}`;
  const { world } = app.sandbox;
  const from = await templatesOf(app);
  world.telephony.clear();
  world.push.clear();
  world.connections.clear();
  app.asked.length = 0;
  app.log.length = 0;

  const connection = (kind: ConnectionKind, id: string, changes: Partial<ConnectionRecord> = {}) => {
    const template = from.connections.find((row) => row.kind === kind);
    if (!template) throw new Error(`no ${kind} connection`);
    const none = { ios_push_credential_id: null, android_push_credential_id: null };
    world.connections.set(id, { ...template, ...none, id, connection_name: `Phones ${id}`, ...changes });
    return id;
  };
  const written = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 19);
  for (const id of [FLEET, EXPIRED]) connection('credential', id);
  const platform = cell.kind === 'android' ? 'android' : 'ios';
  const push = { kept: randomUUID(), deleted: randomUUID(), rotated: randomUUID(), other: randomUUID() };
  // Each connection costs a rotation a dozen requests: all kinds have one where they are what is spoilt.
  const users = (cell.kind === 'connection' ? CONNECTION_KINDS : CONNECTION_KINDS.slice(0, 1)).map((kind) =>
    connection(kind, `${kind}-${mark}`, { [`${platform}_push_credential_id`]: push.rotated }),
  );
  for (const [use, id] of Object.entries(push)) {
    const type = (use === 'other') === (platform === 'ios') ? 'android' : 'ios';
    const template = from.push.find((row) => row.type === type && !row.is_public);
    if (template) world.push.set(id, { ...template, id, alias: `dialer ${use}` });
  }
  for (const use of USES) {
    world.telephony.set(`${use}-${mark}`, {
      ...from.telephony,
      id: `${use}-${mark}`,
      name: `phone ${use}`,
      sip_username: `gencred${use}${mark}`,
      sip_password: randomUUID(),
      resource_id: `connection:${{ member: FLEET, gone: EXPIRED }[use] ?? users[0]}`,
      created_at: written(-30),
      expires_at: written(use === 'gone' ? -2 : 300),
      expired: false,
    });
  }

  const lists = [world.telephony, world.push, world.connections];
  const rows = () =>
    new Map(
      lists.flatMap((list) =>
        [...list.values()].map(({ updated_at: _, ...row }) => [String(row.id), JSON.stringify(row)]),
      ),
    );
  const before = rows();
  /** What an act was allowed to change, or to take away. */
  const given = new Set<string>();
  const secrets = new Set([CANARY, String(SECRET_NUMBER), app.sandbox.apiKey]);
  /** Looks at what was told since the last time, to whomever. */
  const listen = (who: string, result: string) => {
    const questions = JSON.stringify(app.asked.splice(0));
    const said = [result, questions, ...app.log.splice(0)].join('\n');
    for (const { sip_password } of world.telephony.values()) secrets.add(sip_password);
    for (const row of world.push.values()) for (const key of keysOf(row)) secrets.add(key);
    for (const secret of secrets) if (said.includes(secret)) throw new Error(`${who} tells a secret: ${said}`);
    expect(said, who).not.toMatch(/eyJ[\w-]+\.eyJ|PRIVATE KEY/);
    expect(questions, who).not.toMatch(/\b(null|undefined|NaN|Invalid Date)\b|\[object/);
  };
  const stage: Stage = {
    cell,
    app,
    telephony: (use) => `${use}-${mark}`,
    push,
    users,
    only: undefined,
    call: async <T>(name: string, args: Fields = {}) => {
      const result = await app.call(name, args);
      listen(name, JSON.stringify(result));
      if (!result.isError) return dataOf<T>(result);
      const { code, message } = errorOf(result);
      expect(message).not.toContain('Something inside this server failed');
      throw new Refused(code, message);
    },
    untouched: (but = []) => {
      listen('the background', '');
      for (const id of but) given.add(id);
      const now = rows();
      for (const [id, row] of before) {
        if (!given.has(id) && now.get(id) !== row) throw new Error(`${id} was ${row}, and is ${now.get(id)}`);
      }
    },
    fresh: () => [...rows().keys()].filter((id) => !before.has(id)),
    tidy: () => {
      for (const id of stage.fresh()) for (const list of lists) list.delete(id);
    },
  };
  const isMeant = (row: Fields) =>
    (stage.only === undefined || row.id === stage.only) &&
    (!WHERE[cell.kind].test('/mobile_push_credentials') || row.type === cell.kind);
  const change = (row: unknown) => (isFields(row) && isMeant(row) ? spoil(row, cell) : row);
  app.sandbox.fault({
    path: WHERE[cell.kind],
    times: Number.POSITIVE_INFINITY,
    when: ({ method }) => !cell.changesOnly || method !== 'GET',
    rewrite: (body) => {
      if (!isFields(body) || !('data' in body)) return body;
      if (cell.kind === 'meta') return spoil(body, cell);
      return { ...body, data: Array.isArray(body.data) ? body.data.map(change) : change(body.data) };
    },
  });
  return stage;
}

/** A line of each private key of a row. */
function keysOf({ private_key, project_account_json_file: account }: PushRecord): string[] {
  return [private_key, account?.private_key].flatMap((pem) => (typeof pem === 'string' && pem.split('\n')[1]) || []);
}
