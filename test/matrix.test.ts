import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appleMaterial, serviceAccount } from './material.ts';
import { CANARY, type Cell, endAll, type Kind, NUMBER, play, Refused, SECRET_NUMBER } from './matrix-account.ts';
import { ACTS, type Act, isReading } from './matrix-plays.ts';
import { namedSchema, type Schema } from './telnyx/spec.ts';

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-matrix-'));
const files = {
  ios: { certificate_file: join(folder, 'voip.pem'), private_key_file: join(folder, 'voip.key') },
  android: { service_account_file: join(folder, 'fcm.json') },
};

beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(files.ios.certificate_file, certificate);
  writeFileSync(files.ios.private_key_file, key);
  writeFileSync(files.android.service_account_file, JSON.stringify(serviceAccount()));
});
afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** What may stand in a field instead of what is declared there. */
function valuesFor(field: string, { type = 'object' }: Schema): [string, unknown][] {
  const isText = [type].flat().includes('string');
  return [
    ['absent', undefined],
    ['null', null],
    ['an empty text', ''],
    isText ? ['a number', /password|private_key$/.test(field) ? SECRET_NUMBER : NUMBER] : ['a text', CANARY],
    ['an object', { spoilt: CANARY }],
    ['a list', [CANARY]],
  ];
}

interface Refusal {
  kinds: Kind[];
  field: string;
  /** Of all values unless told. */
  values?: readonly string[];
  acts: string[];
  /**
   * The code of the error; WARNING where a call succeeds with one, and FLEET where a member of a fleet failed.
   */
  code: string;
  says: string;
}

const NO_POINTER = ['a number', 'an object', 'a list'];
const telephony = { kinds: ['telephony'] as Kind[] };
const push = { kinds: ['ios', 'android'] as Kind[] };
const connection = { kinds: ['connection'] as Kind[] };
const unreadable = { field: 'id', code: 'UNEXPECTED_RESPONSE', says: 'data.id is missing in its answer' };
const untold = { code: 'OUTCOME_UNKNOWN', says: 'The create was sent, but no answer says whether it was carried out' };
const noFit = { code: 'BAD_INPUT', says: 'No credential fits' };
const hidden = { acts: ['hand off'], code: 'CONFLICT', says: 'Telnyx no longer shows this secret' };
const nobodyHasIt = 'does not show the password of the successor, and nobody has it. The old credential is untouched';
const unseen = 'Which connections use this push credential is not known, so nothing was changed';

/** What cannot be done without a field, and how that is said. All else must be done. */
const REFUSED: Refusal[] = [
  { ...telephony, ...unreadable, acts: ['get', 'update', 'token', 'hand off', 'rotate', 'delete'] },
  { ...telephony, field: 'id', acts: ['create'], ...untold },
  { ...telephony, field: 'id', acts: ['fleet', 'clean-up'], ...noFit },
  {
    ...telephony,
    field: 'resource_id',
    acts: ['rotate'],
    code: 'CONFLICT',
    says: 'which connection this credential is on',
  },
  { ...telephony, field: 'resource_id', acts: ['fleet', 'clean-up'], ...noFit },
  // By one of the two it can be told whether a credential has expired.
  { ...telephony, field: 'expired, expires_at', acts: ['clean-up'], ...noFit },
  { ...telephony, field: 'sip_password', ...hidden },
  { ...telephony, field: 'sip_password', acts: ['create'], code: 'WARNING', says: 'it is nowhere to be found' },
  { ...telephony, field: 'sip_password', acts: ['rotate'], code: 'CONFLICT', says: nobodyHasIt },
  { ...telephony, field: 'sip_password', acts: ['fleet'], code: 'FLEET', says: nobodyHasIt },
  { ...push, ...unreadable, acts: ['get', 'hand off', 'rotate', 'delete'] },
  { ...push, field: 'id', acts: ['create'], ...untold },
  { ...push, field: 'type', acts: ['rotate'], code: 'BAD_INPUT', says: 'neither of iOS nor of Android' },
  { kinds: ['ios'], field: 'private_key', ...hidden },
  { kinds: ['android'], field: 'project_account_json_file', ...hidden },
  { kinds: ['android'], field: 'project_account_json_file.private_key', ...hidden },
  { ...connection, field: 'id', acts: ['rotate', 'delete'], code: 'UNEXPECTED_RESPONSE', says: unseen },
  ...['ios_push_credential_id', 'android_push_credential_id'].map((field) => ({
    ...{
      ...connection,
      field,
      values: NO_POINTER,
      acts: ['rotate', 'delete'],
      code: 'UNEXPECTED_RESPONSE',
      says: unseen,
    },
  })),
];

const NAMES: Record<Kind, string> = {
  telephony: 'a telephony credential',
  ios: 'a push credential of iOS',
  android: 'a push credential of Android',
  connection: 'a connection of any kind',
  meta: 'a list',
};
const properties = (name: string) => Object.entries(namedSchema(name).properties ?? {});
const account = ['project_id', 'client_email', 'private_key_id', 'private_key'].map((field): [string, Schema] => [
  `project_account_json_file.${field}`,
  { type: 'string' },
]);
const READ_OF_CONNECTIONS = ['id', 'connection_name', 'active', 'ios_push_credential_id', 'android_push_credential_id'];
const OTHERS = ['tags', 'outbound'];
const FIELDS: Record<Kind, [string, Schema][]> = {
  telephony: properties('TelephonyCredential'),
  ios: properties('PushCredential'),
  android: [...properties('PushCredential'), ...account],
  connection: properties('CredentialConnection').filter(([name]) => [...READ_OF_CONNECTIONS, ...OTHERS].includes(name)),
  meta: [
    ['meta', {}],
    ...properties('PaginationMeta').map(([name, schema]): [string, Schema] => [`meta.${name}`, schema]),
  ],
};

const all = Object.entries(FIELDS).flatMap(([kind, fields]) =>
  fields.map(([field, schema]) => ({ kind: kind as Kind, field, schema, changesOnly: false })),
);
const text: Schema = { type: 'string' };
const some = [
  { kind: 'telephony' as const, field: 'expired, expires_at', schema: text, changesOnly: false },
  ...['id', 'resource_id', 'sip_password', 'expires_at'].map((field) => ({ kind: 'telephony' as const, field })),
  ...['id', 'type', 'alias'].map((field) => ({ kind: 'ios' as const, field })),
  ...['id', 'ios_push_credential_id'].map((field) => ({ kind: 'connection' as const, field })),
].map((what) => ({ schema: text, changesOnly: true, ...what }));

// By these two a reader that needs a field, or its type, is found out: one that is null is read in test/shapes.test.ts.
const TELLING = ['absent', 'an object'];

// No change of anything depends on these, so that two values of each tell enough of changes.
const UNREAD = ['record_type', 'user_id', 'updated_at', 'tags', 'outbound'];

const cells = [...all, ...some].flatMap(({ kind, field, schema, changesOnly }) =>
  valuesFor(field, schema)
    .filter(([is]) => !(changesOnly || field.includes('file.')) || TELLING.includes(is))
    .map(([is, value]): [string, string, string, Cell] => {
      const said = changesOnly ? `${is} in the answers to changes` : is;
      return [NAMES[kind], field, said, { kind, fields: field.split(', '), value, is, changesOnly }];
    }),
);

/** What each act must come to in a cell. */
function expectations({ kind, fields, is, changesOnly }: Cell): Map<Act, string> {
  const said = REFUSED.filter(({ kinds, field }) => kinds.includes(kind) && field === fields.join(', '));
  const expected = new Map<Act, string>();
  for (const act of ACTS[kind]) {
    const about = said.filter(({ acts }) => acts.includes(act.name));
    const light = isReading(act) || !(act.heavy || fields.every((field) => UNREAD.includes(field)));
    if (changesOnly ? isReading(act) : !light && about.length === 0 && !TELLING.includes(is)) continue;
    // What only the answer to a change leaves out is read once more.
    const refusal = changesOnly ? undefined : about.find(({ values = [is] }) => values.includes(is));
    expected.set(act, refusal ? `${refusal.code}: ${refusal.says}` : 'done');
  }
  return expected;
}

test.concurrent.each(cells)('%s whose %s is %s', (_, __, ___, cell) =>
  play(cell, async (stage) => {
    for (const [{ name, play: act, takes }, expected] of expectations(cell)) {
      const came = await act(stage, files).then(
        () => 'done',
        (error: unknown) => {
          if (!(error instanceof Refused))
            throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
          const [code, says = ''] = expected.split(': ');
          return error.code === code && error.message.includes(says) ? expected : `${error.code}: ${error.message}`;
        },
      );
      expect(came, name).toBe(expected);
      stage.untouched(expected === 'done' ? takes?.(stage) : []);
      stage.tidy();
    }
  }),
);
