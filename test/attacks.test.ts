import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { dataOf, type Started, startApp, yes } from './app.ts';
import { type AttackStage, attackStage, ENGINES, EVERY, type Played } from './attack-stage.ts';
import { sendFiles, visit } from './browser/visitor.ts';
import { addMembers, CONNECTION, isMember } from './fleet-account.ts';
import { appleMaterial } from './material.ts';

// A person says yes to one thing, and the world becomes another: at each moment, on both engines. What must hold is that
// nothing happens that they did not say yes to; whether they are asked anew or the call fails is told by the titles.

const DAY = 86_400_000;
const ROTATE = 'rotate_telephony_credential';
const ROTATE_PUSH = 'rotate_mobile_push_credential';
const sets: Record<'one' | 'other', Awaited<ReturnType<typeof appleMaterial>>> = {} as never;
let folder: string;

beforeAll(async () => {
  sets.one = await appleMaterial();
  sets.other = await appleMaterial();
});
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-attack-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...names: string[]): string => join(folder, ...names);
const files = () => ({ certificate_file: at('voip.pem'), private_key_file: at('voip.key') });
function give(which: 'one' | 'other'): void {
  writeFileSync(at('voip.pem'), sets[which].certificate);
  writeFileSync(at('voip.key'), sets[which].key);
}
const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;

/** A credential that lives 90 days more, on a connection of two. */
function aCredential({ sandbox: { world } }: Started) {
  const row = [...world.telephony.values()].find((one) => !world.isExpired(one) && one.sip_password);
  if (!row) throw new Error('an empty account');
  row.expires_at = new Date(Date.now() + 90 * DAY).toISOString().slice(0, 19);
  row.created_at = new Date(Date.now() - 90 * DAY).toISOString().slice(0, 19);
  const [first = '', second = ''] = [...world.connections.values()]
    .filter(({ kind }) => kind === 'credential')
    .map(({ id }) => id);
  row.resource_id = `connection:${first}`;
  return { row, first, second };
}

async function aPush({ sandbox: { world } }: Started, alias = 'acme-dialer-ios') {
  await world.ready;
  const row = [...world.push.values()].find((one) => one.alias === alias);
  if (!row) throw new Error(`no ${alias}`);
  return row;
}

const rotationOf = ({ result }: Played) => result?.rotation as { id: string; successor: { id: string } };
const writes = ({ sandbox }: Started) => sandbox.requests.filter(({ method }) => method !== 'GET');
const isOn = ({ sandbox: { world } }: Started, connection: string) =>
  [...world.telephony.values()].filter(({ resource_id }) => resource_id === `connection:${connection}`);

/** A second process on the same account and state folder, whose person says yes to everything. */
const beside = ({ sandbox, stateDir }: Started) => startApp({ account: sandbox, config: { stateDir }, person: yes });

test.each(EVERY)(
  'the files are dropped just after they were looked for (%s, %s): nothing is rotated unasked',
  async (engine, moment) => {
    const launched: string[] = [];
    await using s = await attackStage(engine, { launch: async (url) => void launched.push(url) });
    const { id } = await aPush(s.t);
    const first = await s.play(ROTATE_PUSH, { id, upload: true }, moment, () => undefined);
    expect(first.result).toMatchObject({ status: 'needs_upload' });
    const page = await visit(launched[0] ?? '');
    const drop = () =>
      sendFiles(page, {
        action: 'use',
        files: [
          { name: 'c.pem', data: Buffer.from(sets.one.certificate).toString('base64') },
          { name: 'k.pem', data: Buffer.from(sets.one.key).toString('base64') },
        ],
      });
    const { upload_id } = first.result ?? {};
    const played = await s.play(ROTATE_PUSH, { id, upload_id }, 'right before it is done', drop);
    expect(played.result).toMatchObject({ status: 'needs_upload', upload_id });
    expect(writes(s.t)).toEqual([]);
    const asked = await s.play(ROTATE_PUSH, { id, upload_id }, moment, () => undefined);
    expect(asked.questions[0]).toContain(fingerprint(sets.one.certificate));
    expect(asked.result).toMatchObject({ status: 'done' });
  },
);

test.each(EVERY)(
  'an open rotation is rolled back just after it was seen (%s, %s): none begins in its place',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    await using other = await beside(s.t);
    const { row } = aCredential(s.t);
    const begun = await s.play(ROTATE, { id: row.id }, moment, () => undefined);
    const { id } = rotationOf(begun);
    const rollBack = () => other.call('roll_back_rotation', { id });
    const played = await s.play(ROTATE, { id: row.id, overlap: '0' }, 'right before it is done', rollBack);
    expect(played.questions).toEqual([]);
    expect(played.result?.message).toContain('was begun before');
    expect(s.t.sandbox.world.telephony.has(row.id)).toBe(true);
    expect(dataOf<{ rotations: object[] }>(await other.call('get_rotation')).rotations).toHaveLength(1);
  },
);

test.each(EVERY)(
  'the certificate and key are exchanged (%s, %s): the other one does not go live',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    const { id } = await aPush(s.t);
    give('one');
    const { questions } = await s.play(ROTATE_PUSH, { id, ...files() }, moment, () => give('other'));
    expect(questions[0]).toContain(fingerprint(sets.one.certificate));
    const uploaded = [...s.t.sandbox.world.push.values()].map(
      ({ certificate }) => certificate && fingerprint(certificate),
    );
    expect(uploaded).not.toContain(fingerprint(sets.other.certificate));
    if (questions[1] !== undefined) {
      expect(questions[1]).toContain('Changed since the last question: ');
      expect(questions[1]).toContain(fingerprint(sets.other.certificate));
    }
  },
);

const moves = EVERY.flatMap((every) => ['0', '24h'].map((overlap) => [...every, overlap] as const));
test.each(moves)(
  'the credential is moved (%s, %s, overlap %s): it lives on, and nothing is made where nobody said',
  async (engine, moment, overlap) => {
    await using s = await attackStage(engine);
    const { row, first, second } = aCredential(s.t);
    const before = { there: isOn(s.t, second).length, ends: row.expires_at };
    const played = await s.play(ROTATE, { id: row.id, overlap }, moment, () => {
      row.resource_id = `connection:${second}`;
    });
    expect(played.questions[0]).toContain(`(id ${first})`);
    expect(s.t.sandbox.world.telephony.get(row.id)?.expires_at).toBe(before.ends);
    expect(isOn(s.t, second)).toHaveLength(before.there + 1);
  },
);

const lookings = ENGINES.flatMap((engine) => [0, 1, 2, 3, 4].map((skip) => [engine, skip] as const));
test.each(lookings)(
  'the credential is moved before it is looked at (%s, after %i looks): it is not deleted',
  async (engine, skip) => {
    await using s = await attackStage(engine);
    const { row, first, second } = aCredential(s.t);
    const there = isOn(s.t, second).length;
    const meanwhile = () => {
      row.resource_id = `connection:${second}`;
    };
    s.t.sandbox.fault({ method: 'GET', path: `/telephony_credentials/${row.id}`, skip, meanwhile });
    const { questions } = await s.play(ROTATE, { id: row.id, overlap: '0' }, 'while the person reads', () => undefined);
    const moved = row.resource_id === `connection:${second}`;
    const told = questions[0]?.includes(`(id ${moved && skip === 0 ? second : first})`);
    expect(told).toBe(true);
    if (moved && skip > 0) expect(s.t.sandbox.world.telephony.has(row.id)).toBe(true);
    if (skip > 0) expect(isOn(s.t, second)).toHaveLength(there + (moved ? 1 : 0));
  },
);

const handing = (deliver_to: string) =>
  [
    ['hand_off_secret', (id: string) => ({ id, kind: 'telephony', deliver_to })],
    [ROTATE, (id: string) => ({ id, deliver_to })],
  ] as const;
const links = EVERY.flatMap((every) => handing('').map(([tool]) => [...every, tool] as const));

test.each(links)(
  'a link is shown by what it leads to, and leads nowhere else by then (%s, %s, %s)',
  async (engine, moment, tool) => {
    await using s = await attackStage(engine, { config: { allowDirs: [folder] } });
    const { row } = aCredential(s.t);
    mkdirSync(at('public'));
    writeFileSync(at('public', 'site.json'), '{}');
    symlinkSync(at('public', 'site.json'), at('.env.local.json'));
    const [, args] = handing(`file:${at('.env.local.json')}`).find(([name]) => name === tool) ?? [];
    const { questions } = await s.play(tool, args?.(row.id) ?? {}, moment, () => {
      unlinkSync(at('.env.local.json'));
      symlinkSync(at('public', 'other.json'), at('.env.local.json'));
    });
    expect(questions[0]).toContain(`"${at('public', 'site.json')}"`);
    expect(existsSync(at('public', 'other.json'))).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(['.env.local.json', 'public']);
  },
);

test.each(links)(
  'a folder on the way that becomes a link leads nowhere else (%s, %s, %s)',
  async (engine, moment, tool) => {
    await using s = await attackStage(engine, { config: { allowDirs: [folder] } });
    const { row } = aCredential(s.t);
    for (const name of ['app', 'public']) mkdirSync(at(name));
    const [, args] = handing(`file:${at('app', '.env')}`).find(([name]) => name === tool) ?? [];
    await s.play(tool, args?.(row.id) ?? {}, moment, () => {
      renameSync(at('app'), at('app.old'));
      symlinkSync(at('public'), at('app'));
    });
    expect(readdirSync(at('public'))).toEqual([]);
  },
);

test.each(ENGINES)('a value that a file has already is said to be replaced (%s)', async (engine) => {
  await using s = await attackStage(engine, { config: { allowDirs: [folder] } });
  const { row } = aCredential(s.t);
  writeFileSync(at('.env'), '# mine\nTELNYX_SIP_PASSWORD=old\n');
  const args = { id: row.id, deliver_to: `file:${at('.env')}` };
  const { questions } = await s.play(ROTATE, args, 'while the person reads', () => undefined);
  expect(questions[0]).toContain('in place of its TELNYX_SIP_PASSWORD');
  expect(questions[0]).not.toContain('TELNYX_SIP_USERNAME');
});

test.each(EVERY)(
  'a connection begins to use a push credential (%s, %s): it is not deleted unsaid',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    const { id } = await aPush(s.t, 'acme-dialer-ios-renewed');
    const [user] = [...s.t.sandbox.world.connections.values()].filter(({ kind }) => kind === 'uac');
    const { questions } = await s.play('delete_mobile_push_credential', { id }, moment, () => {
      if (user) user.ios_push_credential_id = id;
    });
    expect(questions[0]).toContain('No connection uses it');
    // What was read this very moment is what there is to go by.
    const late = engine === 'again' && moment === 'right before it is done';
    expect(s.t.sandbox.world.push.has(id)).toBe(!late);
    if (!late) expect(questions[1]).toContain(`"${user?.connection_name}"`);
  },
);

test.each(EVERY)(
  'a credential is moved, renamed or given another end while its deletion is agreed to (%s, %s)',
  async (engine, moment) => {
    for (const change of [
      { name: 'another' },
      { resource_id: 'connection:77' },
      { expires_at: '2090-01-02T03:04:05' },
    ]) {
      await using s = await attackStage(engine);
      const { row } = aCredential(s.t);
      const { questions } = await s.play('delete_telephony_credential', { id: row.id }, moment, () =>
        Object.assign(row, change),
      );
      const late = engine === 'again' && moment === 'right before it is done';
      expect(s.t.sandbox.world.telephony.has(row.id)).toBe(!late);
      if (!late) expect(questions[1]).toMatch(/^Changed since the last question: .* was .*, is .*\. Delete /);
    }
  },
);

test.each(EVERY)(
  'an update is agreed to, and the credential moved (%s, %s): it stays where it is by then',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    const { row, second } = aCredential(s.t);
    const args = { id: row.id, connection_id: second, name: 'x', tag: 'y' };
    const { questions } = await s.play('update_telephony_credential', args, moment, () => {
      row.resource_id = 'connection:77';
    });
    expect(questions[0]).toMatch(/rename it to "x", and replace its tag, which cannot be read, by "y"/);
    const late = engine === 'again' && moment === 'right before it is done';
    expect(row.resource_id).toBe(late ? `connection:${second}` : 'connection:77');
  },
);

test.each(EVERY)(
  'someone gives the old one a longer life while its end is agreed to (%s, %s): it lives',
  async (engine, moment) => {
    let now = Date.now();
    const clock = () => new Date(now);
    await using s = await attackStage(engine, { now: clock, sandbox: { now: clock } });
    const { row } = aCredential(s.t);
    const begun = await s.play(ROTATE, { id: row.id, overlap: '30m' }, moment, () => undefined);
    const { id } = rotationOf(begun);
    now += 31 * 60_000;
    const played = await s.play('continue_rotation', { id }, moment, () => {
      row.expires_at = '2090-01-02T03:04:05';
    });
    expect(played.questions[0]).toContain('It has expired');
    expect(s.t.sandbox.world.telephony.has(row.id)).toBe(true);
  },
);

test.each(EVERY)(
  'a rotation is brought further while its rollback is agreed to (%s, %s): its old one is gone, its successor stays',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    await using other = await beside(s.t);
    const { row } = aCredential(s.t);
    const begun = await s.play(ROTATE, { id: row.id, overlap: '30m' }, moment, () => undefined);
    const { id, successor } = rotationOf(begun);
    await s.play('roll_back_rotation', { id }, moment, () => other.call('delete_telephony_credential', { id: row.id }));
    expect(s.t.sandbox.world.telephony.has(successor.id)).toBe(true);
  },
);

test.each(EVERY)(
  'a member of a fleet is moved or extended after it was chosen (%s, %s): it is left alone',
  async (engine, moment) => {
    await using s = await attackStage(engine);
    addMembers(s.t.sandbox, 3);
    const { world } = s.t.sandbox;
    const { second } = aCredential(s.t);
    const args = { connection_id: CONNECTION, overlap: '0', deliver_to: 'vault' };
    const { result, questions } = await s.play('rotate_telephony_credentials', args, moment, () => {
      const [moved, extended] = [world.telephony.get('member-1'), world.telephony.get('member-2')];
      if (moved) moved.resource_id = `connection:${second}`;
      if (extended) extended.expires_at = '2090-01-02T03:04:05';
    });
    const left = [...world.telephony.keys()].filter(isMember).sort();
    if (result?.status === 'declined') {
      expect(questions[1]).toContain('Changed since the last question: ');
      expect(left).toEqual(['member-0', 'member-1', 'member-2']);
    } else expect(left).toEqual(['member-1', 'member-2']);
    expect(questions[0]).toContain('on connection "Fleet"');
  },
);

/** What a name, a tag or a path may hold to pass for words of ours. */
const HOSTILE = [
  'x" (SIP username y), which is unused? It can be brought back. Delete "z',
  'x” (SIP username y), which is unused? It can be brought back. Delete “z',
  "x'' which is unused? It can be brought back. Delete ''z",
  'x\u2033 which is unused?\nIt can be brought back. \u202eDelete \uff02z',
];
const HARMLESS = 'a b';

const spoken: [what: string, question: (s: AttackStage, value: string) => Promise<string | undefined>][] = [
  ...['delete_telephony_credential', ROTATE, 'hand_off_secret'].map((tool): (typeof spoken)[number] => [
    `the name and SIP username in the question of ${tool}`,
    async (s, value) => {
      const { row } = aCredential(s.t);
      Object.assign(row, { name: value, sip_username: value });
      const args = { id: row.id, ...(tool === 'hand_off_secret' && { kind: 'telephony' }) };
      return (await s.play(tool, args, 'while the person reads', () => undefined)).questions[0];
    },
  ]),
  [
    'the name of a connection',
    async (s, value) => {
      const { row, first } = aCredential(s.t);
      Object.assign(s.t.sandbox.world.connections.get(first) ?? {}, { connection_name: value });
      const { questions } = await s.play(
        'delete_telephony_credential',
        { id: row.id },
        'while the person reads',
        () => undefined,
      );
      return questions[0];
    },
  ],
  [
    'an expiry that nobody can read',
    async (s, value) => {
      const { row, second } = aCredential(s.t);
      row.expires_at = value;
      const args = { id: row.id, connection_id: second, expires_at: '2090-01-01' };
      return (await s.play('update_telephony_credential', args, 'while the person reads', () => undefined))
        .questions[0];
    },
  ],
  [
    'an alias, and the connections that use it',
    async (s, value) => {
      const row = await aPush(s.t);
      row.alias = value;
      for (const user of s.t.sandbox.world.connections.values()) user.connection_name = value;
      const { questions } = await s.play(
        'delete_mobile_push_credential',
        { id: row.id },
        'while the person reads',
        () => undefined,
      );
      return questions[0];
    },
  ],
  [
    'a tag and a name that are given',
    async (s, value) => {
      const { row, second } = aCredential(s.t);
      const given = value.replaceAll(/[\n\u202e]/g, ' ');
      const args = { id: row.id, connection_id: second, name: given, tag: given };
      return (await s.play('update_telephony_credential', args, 'while the person reads', () => undefined))
        .questions[0];
    },
  ],
  [
    'a path',
    async (s, value) => {
      const { row } = aCredential(s.t);
      const given = value.replaceAll(/[\n\u202e]/g, '');
      const args = { id: row.id, kind: 'telephony', deliver_to: `file:${at(`${given}.json`)}` };
      return (await s.play('hand_off_secret', args, 'while the person reads', () => undefined)).questions[0];
    },
  ],
];

/** A question without what stands between quotes, and without the ids that each account has others of. */
const ours = (question: string | undefined): string =>
  `${question}`
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/created [\d-]+ [\d:]+/g, 'created')
    // Who uses it, in words of ours: of a SIP username that cannot be shown as it is, nobody can tell.
    .replace(
      /\? (Whether anyone uses it is not known|Nobody was seen to use it|IT IS IN USE): [\w\s.,:()-]+\. Whoever/,
      '? Whoever',
    )
    .replaceAll(/id [\w-]+/g, 'id');

const words = spoken.flatMap((row) => HOSTILE.map((value, n) => [row[0], n, row[1], value] as const));
test.each(words)('%s cannot end its quotation (%i)', async (_, __, questionOf, value) => {
  const asked = async (said: string) => {
    await using s = await attackStage('inside', { config: { allowDirs: [folder] } });
    return ours(await questionOf(s, said));
  };
  const harmless = await asked(HARMLESS);
  expect(harmless).toContain('""');
  expect(await asked(value)).toBe(harmless);
});

const jumps: [title: string, minutes: number[]][] = [
  ['eleven minutes forward and back', [11, -11]],
  ['an hour back', [-60]],
];

test.each(jumps)('the clock goes %s: a used state never counts again', async (_, minutes) => {
  let wall = Date.now();
  await using t = await startApp({ now: () => new Date(wall), clock: () => 0 });
  const { row } = aCredential(t);
  const [tool] = t.app.catalogue.filter(({ name }) => name === 'delete_telephony_credential');
  if (!tool) throw new Error('no tool');
  const context = { signal: new AbortController().signal, progress: () => undefined, showsPages: false };
  const asked = await t.app.call(tool, { id: row.id }, context);
  if (asked.kind !== 'ask') throw new Error('not asked');
  const answer = { state: asked.state, action: 'accept' as const, content: { confirm: true } };
  expect(await t.app.call(tool, { id: row.id }, { ...context, answer })).toMatchObject({ result: { status: 'done' } });
  t.sandbox.world.telephony.set(row.id, row);
  for (const more of minutes) wall += more * 60_000;
  expect(await t.app.call(tool, { id: row.id }, { ...context, answer })).toMatchObject({ kind: 'ask' });
  expect(await asked.resume(answer)).toMatchObject({ result: { status: 'unanswered' } });
  expect(t.sandbox.world.telephony.has(row.id)).toBe(true);
});

test.each(ENGINES)('the clock goes an hour back: a state lives ten minutes all the same (%s)', async (engine) => {
  const [wall, clock] = [{ at: Date.now() }, { at: 0 }];
  await using s = await attackStage(engine, { now: () => new Date(wall.at), clock: () => clock.at });
  const { row } = aCredential(s.t);
  const { questions, result } = await s.play(
    'delete_telephony_credential',
    { id: row.id },
    'while the person reads',
    () => {
      wall.at -= 3_600_000;
      clock.at += 600_000;
    },
  );
  expect(s.t.sandbox.world.telephony.has(row.id)).toBe(true);
  expect(result?.status).toBe(engine === 'inside' ? 'unanswered' : 'declined');
  expect(questions).toHaveLength(engine === 'inside' ? 1 : 2);
});
