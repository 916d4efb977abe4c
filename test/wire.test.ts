import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Secret } from '../src/secrets/secret.ts';
import * as connections from '../src/telnyx/connections.ts';
import type { Http } from '../src/telnyx/http.ts';
import * as lean from '../src/telnyx/lean-rows.ts';
import { type Paged, visitAll } from '../src/telnyx/list.ts';
import * as push from '../src/telnyx/push-credentials.ts';
import * as telephony from '../src/telnyx/telephony-credentials.ts';
import { unreadable } from '../src/telnyx/wire.ts';
import { reshape } from './telnyx/reshape.ts';
import { answerSchema } from './telnyx/spec.ts';

// No reader may need a key that Telnyx may leave out, or read one that nobody declared, unless it is named here.

type Fields = Record<string, unknown>;

/** Seen on the wire, or on some of it, and never needed (api.md §3.1, §3.2). */
const UNDECLARED = ['is_public', 'connection_id'];

const ID = '0ccc7b76-4df3-4bca-a05a-3da1ecc389f0';
const AT = Date.parse('2026-01-02T03:04:05Z');
const window = { offset: 0, limit: 5 };
const now = () => new Date(AT);

/** Everything that Telnyx answers is this row, or a list of it. */
function serving(row: Fields): Http {
  const answered = async (body: unknown) => ({ body, at: AT, unreadable });
  const one = () => answered({ data: row });
  return {
    get: (_, query) => (query ? answered({ data: Number(query['page[number]']) > 1 ? [] : [row] }) : one()),
    send: ({ text }) => (text ? answered('') : one()),
    recovery: () => serving(row),
    under: () => serving(row),
  };
}

/** What a visit of a list shows. */
const visited =
  <T extends { id: string }>(list: Paged<T>): Reader =>
  async (http) => {
    const rows: T[] = [];
    await visitAll(http, list, (row) => rows.push(row));
    return rows;
  };

const privateKey = new Secret('k');
const material = { type: 'ios', certificate: 'c', privateKey } as const;
const wanted = { connection_id: 'c' };
const made = { mark: 'm', connection_id: 'c', between: [now(), now()] } as const;

type Reader = (http: Http) => Promise<unknown>;
const TELEPHONY: Record<string, Reader> = {
  listTelephonyCredentials: (http) => telephony.listTelephonyCredentials(http, {}, window),
  getTelephonyCredential: (http) => telephony.getTelephonyCredential(http, ID),
  createTelephonyCredential: (http) => telephony.createTelephonyCredential(http, wanted, 'm', now),
  updateTelephonyCredential: (http) => telephony.updateTelephonyCredential(http, ID, {}),
  leanTelephonyList: visited(lean.leanTelephonyList({})),
};
const PUSH: Record<string, Reader> = {
  listPushCredentials: (http) => push.listPushCredentials(http, {}, window),
  getPushCredential: (http) => push.getPushCredential(http, ID),
  createPushCredential: (http) => push.createPushCredential(http, 'a', material),
  leanPushList: visited(lean.leanPushList),
};
const connectionsOf = (kind: connections.ConnectionKind): Record<string, Reader> => ({
  listConnections: (http) => connections.listConnections(http, kind, undefined, window),
  getConnection: (http) => connections.getConnection(http, kind, ID),
  pointConnection: (http) => connections.pointConnection(http, { kind, id: ID, field: 'ios_push_credential_id' }, ID),
  connectionList: visited(connections.connectionList(kind)),
});
/** These give only what is like something else, so that a bare row is no hit. */
const SEARCHES: [string, string, Reader][] = [
  ['findMade', '/telephony_credentials/x', async (http) => (await telephony.findMade(http, made, now)).rows],
  ['findPushCredential', '/mobile_push_credentials/x', (http) => push.findPushCredential(http, 'made')],
  // It reads all four kinds, and of these the credential connection declares most.
  [
    'connectionsUsing',
    '/credential_connections/x',
    (http) => connections.connectionsUsing(http, 'made', () => undefined),
  ],
];
/** These take no row from an answer, or take how to read it. */
const ROWLESS = [
  ...['deleteTelephonyCredential', 'deletePushCredential', 'createLoginToken', 'canLogIn', 'mint'],
  ...['filtersByTag', 'refuseUnheededTag'],
  ...['getPage', 'pageOf', 'getWindow', 'getAll', 'visitAll', 'scanOnce', 'readOnly', 'readRecords', 'isThere'],
  // Each field of these is read in test/activity-readers.test.ts.
  ...['getRegistration', 'readCalls', 'readAuditEvents', 'getVoiceProfile'],
];

const on = (path: string, readers: Record<string, Reader>) =>
  Object.entries(readers).map(([name, read]): [string, string, Reader] => [name, path, read]);
const READERS = [
  ...on('/telephony_credentials/x', TELEPHONY),
  ...on('/mobile_push_credentials/x', PUSH),
  ...connections.CONNECTION_KINDS.flatMap((kind) => on(`/${kind}_connections/x`, connectionsOf(kind))),
];

const shaped = (path: string, shape: 'full' | 'extras'): Fields =>
  (reshape('GET', path, 200, { data: { id: ID } }, { shape }) as { data: Fields }).data;

/** The row, and a note of each key that is asked for. */
function watched(row: Fields): { row: Fields; keys: Set<string> } {
  const keys = new Set<string>();
  const seen = new Proxy(row, {
    get: (target, key) => {
      keys.add(String(key));
      return Reflect.get(target, key);
    },
    ownKeys: (target) => {
      keys.add('whatever is there');
      return Reflect.ownKeys(target);
    },
  });
  return { row: seen, keys };
}

test.each(READERS)('%s of %s takes a row that has nothing but an id', async (_, __, read) => {
  expect(JSON.stringify(await read(serving({ id: ID })))).toContain(`"id":"${ID}"`);
});

test.each(SEARCHES)('%s of %s passes a row that has nothing but an id', async (_, __, read) => {
  expect((await read(serving({ id: ID }))) ?? []).toEqual([]);
});

test.each([...READERS, ...SEARCHES])('%s of %s gives the same whatever is there besides', async (_, path, read) => {
  expect(await read(serving(shaped(path, 'extras')))).toEqual(await read(serving(shaped(path, 'full'))));
});

test.each([...READERS, ...SEARCHES])('%s of %s asks for what is declared', async (_, path, read) => {
  const { row, keys } = watched(shaped(path, 'full'));
  await read(serving(row));
  const declared = Object.keys(answerSchema('GET', path, 200)?.properties?.data?.properties ?? {});
  expect(keys).toContain('id');
  expect([...keys].filter((key) => ![...declared, ...UNDECLARED].includes(key))).toEqual([]);
});

const folder = new URL('../src/telnyx/', import.meta.url);
const sources = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));

test('every function that asks Telnyx is among those above', () => {
  const asking = sources.flatMap((source) =>
    [...source.matchAll(/(?:function (\w+)(?:<.*>)?\(\s*http: Http\b|const (\w+).*: Paged<)/g)].map(
      ([, name, list]) => name ?? list,
    ),
  );
  const known = [...READERS, ...SEARCHES].map(([name]) => name);
  expect(asking.sort()).toEqual([...new Set([...known, ...ROWLESS])].sort());
});

test('no library says what an answer must hold', () => {
  const libraries = sources.flatMap((source) => [...source.matchAll(/(?:from|import|import\() ?'([^.'][^']*)'/g)]);
  const names = new Set(libraries.map(([, name = '']) => name).filter((name) => !name.startsWith('node:')));
  expect([...names].sort()).toEqual(['got', 'p-queue']);
});
