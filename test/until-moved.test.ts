import { expect, test } from 'vitest';
import { Phone } from '../src/sandbox/phones.ts';
import type { Sandbox } from '../src/sandbox/server.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import type { Optional } from '../src/sandbox/world.ts';
import { dataOf, errorOf, type Options, type Started, startApp, textOf, yes } from './app.ts';
import { addMembers, CONNECTION, ROTATE, rest, type View } from './fleet-account.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
// A Monday.
const START = Date.parse('2026-11-23T09:00:00Z');
const OLD = 'member-0';
const LONGEST_DAYS = 14;
const NO_PUSH = { ios_push_credential_id: null, android_push_credential_id: null };

interface Shown extends View {
  consumers?: string;
  evidence?: string[];
  counts?: Record<string, number>;
  stragglers?: string[];
  retires_at?: string | null;
  successor?: { id: string; sip_username: string };
}

interface Scene {
  app: Started;
  sandbox: Sandbox;
  id: string;
  /** SIP usernames. */
  old: string;
  successor: string;
  phone: Phone;
  other: Phone;
  now(): number;
  pass(ms: number): void;
  shows(): Promise<Shown>;
  /** Has the server look again and again, as it does by itself. */
  look(forMs: number, everyMs?: number): Promise<void>;
  /** When the old one ends, in milliseconds since 1970. */
  ends(): number;
  /** Another server on the same state folder, in the place of this one. */
  restart(more?: Options): Promise<void>;
}

interface Setting {
  /** The server that is asked, when it is another one than that which began. */
  later?: Options;
  push?: boolean;
  args?: Record<string, unknown>;
  /** By how much the clock of Telnyx is ahead. */
  aheadMs?: number;
  options?: Options;
}

/** A credential with a phone on it, which is rotated until everyone has moved. */
async function play(run: (scene: Scene) => Promise<void>, setting: Setting = {}): Promise<void> {
  const { push = false, args = {}, aheadMs = 0, options = {} } = setting;
  let at = START;
  const now = () => new Date(at);
  await using sandbox = await startSandbox({ now: () => new Date(at + aheadMs) });
  const { world } = sandbox;
  addMembers(sandbox, 1, now());
  if (!push) Object.assign(world.connections.get(CONNECTION) ?? {}, NO_PUSH);
  const reads = ['sip_username', 'auth_username', 'expires_at', 'expired', 'created_at'];
  let tick = async (): Promise<void> => undefined;
  const timer = (run: () => Promise<void>) => {
    tick = run;
    return () => undefined;
  };
  const start = async (stateDir?: string, more: Options = {}) => {
    const config = { ...more.config, ...(stateDir && { stateDir }) };
    tick = async () => undefined;
    const started = await startApp({ person: yes, now, account: sandbox, reads, timer, ...more, config });
    started.app.watch();
    return started;
  };
  const first = await start(undefined, options);
  let app = first;
  const phone = new Phone(world, { ip: '198.51.100.7' });
  phone.register('gencred0');
  const called = await app.call('rotate_telephony_credential', {
    ...{ id: OLD, overlap: 'until_moved', at_most: `${LONGEST_DAYS}d` },
    ...args,
  });
  if (called.isError) throw new Error(textOf(called));
  const { rotation } = dataOf<{ rotation: Shown }>(called);
  // Nobody has moved in no time: there is nothing to look at yet.
  expect(sandbox.requests.map(({ path }) => path)).not.toContain(REGISTRATION);
  at += MINUTE;
  const { id } = rotation;
  const scene: Scene = {
    ...{ app, sandbox, id, phone, other: new Phone(world, { ip: '203.0.113.9' }) },
    ...{ old: 'gencred0', successor: `${rotation.successor?.sip_username}` },
    now: () => at,
    pass: (ms) => {
      at += ms;
    },
    shows: async () => dataOf<{ rotations: Shown[] }>(await app.call('get_rotation', { id })).rotations[0] as Shown,
    async look(forMs, everyMs = 20 * MINUTE) {
      const ends = scene.ends();
      for (const until = at + forMs; at < until && scene.ends() === ends; ) {
        at += everyMs;
        await tick();
      }
    },
    ends: () => Date.parse(`${world.telephony.get(OLD)?.expires_at}Z`),
    async restart(more = {}) {
      const next = await start(first.stateDir, more);
      if (app !== first) await app[Symbol.asyncDispose]();
      app = next;
      scene.app = app;
    },
  };
  try {
    await run(scene);
  } finally {
    if (app !== first) await app[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
  }
}

// An answer that does not come in time is none.
const SLOW: Options = { limits: { requestMs: 200, callMs: 5000, recoveryMs: 50 } };
const REGISTRATION = '/sip_registration_status';
const RECORDS = '/detail_records';
const ALWAYS = 10_000;

type World = [title: string, word: string, happens: (scene: Scene) => void, setting?: Setting];

const moves = ({ phone, successor }: Scene) => phone.moveTo(successor);

/** Records of others, as they come when Telnyx takes no notice of the filter; `more` come after them. */
const strangers = (count: number, more: unknown[] = []) => {
  const at = (index: number) => new Date(START + index * 1000).toISOString();
  const rows = Array.from({ length: count }, (_, index) => ({
    ...{ record_type: 'webrtc', auth_username: 'gencredsomeone', direction: 'inbound', cld: '+15555550100' },
    ...{ started_at: at(index), finished_at: at(index + 1) },
  }));
  return [...rows, ...more];
};

/** Answers about call records with these rows, in pages of 50, whatever is asked for. */
const answersWith = ({ sandbox }: Scene, rows: unknown[]) =>
  sandbox.fault({ path: RECORDS, times: ALWAYS, rewrite: () => ({ data: rows, meta: { total_pages: 1 } }) });

const OPERATIONS: [Optional, says: string][] = [
  ['sip_registration_status', 'the registration status is'],
  ['detail_records', 'call records are'],
];

const worlds: World[] = [
  ['the phone has moved', 'moved', moves],
  ['nothing has moved', 'not_yet', () => undefined],
  ['nobody is seen at all', 'not_yet', ({ phone }) => phone.leave({ unregisters: true })],
  ['a second phone has moved, and the first has not', 'not_yet', ({ other, successor }) => other.register(successor)],
  [
    'two phones share the old one, and the one that was told of has moved',
    'not_yet',
    ({ other, old, successor, pass }) => {
      other.register(old);
      pass(MINUTE);
      other.moveTo(successor);
      // By then the first has registered again.
      pass(5 * MINUTE);
    },
  ],
  ['one device is registered with both', 'not_yet', ({ phone, successor }) => phone.register(successor)],
  [
    'a phone that never registers calls with the new one',
    'moved',
    ({ phone, successor }) => {
      phone.leave({ unregisters: true });
      phone.call({ with: '+12025550123', seconds: 10 }, successor);
    },
  ],
  [
    'a phone that never registers still calls with the old one',
    'not_yet',
    ({ phone, other, successor, old }) => {
      phone.leave({ unregisters: true });
      other.register(successor);
      phone.call({ with: '+12025550123', seconds: 10 }, old);
    },
  ],
  [
    'a phone on the old one went without a word, and its registration still stands',
    'not_yet',
    ({ phone, other, successor }) => {
      phone.leave({ unregisters: false });
      other.register(successor);
    },
  ],
  ...OPERATIONS.flatMap(([operation, says]) =>
    [400, 403, 404, 410].map(
      (status): World => [
        `${says} refused with ${status}`,
        'unknown',
        (scene) => {
          moves(scene);
          scene.phone.call({ with: '+12025550123', seconds: 10 });
          scene.sandbox.world.refuses.set(operation, status);
        },
      ],
    ),
  ),
  ...(['audit_events', 'outbound_voice_profiles'] as const).map(
    (operation): World => [
      `what nothing is told by is refused: ${operation}`,
      'moved',
      (scene) => {
        moves(scene);
        scene.sandbox.world.refuses.set(operation, 403);
      },
    ],
  ),
  ...[REGISTRATION, RECORDS].map(
    (path): World => [
      `${path} never answers`,
      'unknown',
      (scene) => {
        moves(scene);
        scene.sandbox.fault({ path, hang: 'before', times: ALWAYS });
      },
      { later: SLOW },
    ],
  ),
  [
    'the registration status cannot be told just now',
    'unknown',
    (scene) => {
      moves(scene);
      scene.sandbox.fault({ path: REGISTRATION, respond: { status: 503 }, times: ALWAYS });
    },
    { later: SLOW },
  ],
  [
    'the old one is said to be registered until an hour ago',
    'unknown',
    (scene) => {
      const { sandbox, old, now } = scene;
      moves(scene);
      const stale = () => ({
        registered: true,
        sip_registration_status: 'registered',
        sip_registration_details: { expires: Math.floor(now() / 1000) - 3600 },
      });
      sandbox.fault({
        path: REGISTRATION,
        when: ({ query }) => query.get('username') === old,
        times: ALWAYS,
        rewrite: stale,
      });
    },
  ],
  [
    'the new one is said to be registered until an hour ago',
    'unknown',
    ({ sandbox, successor, now, phone }) => {
      phone.leave({ unregisters: true });
      const stale = () => ({
        registered: true,
        sip_registration_details: { expires: Math.floor(now() / 1000) - 3600 },
      });
      const when = ({ query }: { query: URLSearchParams }) => query.get('username') === successor;
      sandbox.fault({ path: REGISTRATION, when, times: ALWAYS, rewrite: stale });
    },
  ],
  [
    'the answer is about another username',
    'unknown',
    (scene) => {
      moves(scene);
      const rewrite = () => ({ registered: false, credential_username: 'gencredsomeone' });
      scene.sandbox.fault({ path: REGISTRATION, times: ALWAYS, rewrite });
    },
  ],
  [
    'records of others come, since the filter was ignored',
    'moved',
    (scene) => {
      moves(scene);
      answersWith(scene, strangers(7));
    },
  ],
  [
    'records of others are all that is seen of the new one',
    'not_yet',
    (scene) => {
      scene.phone.leave({ unregisters: true });
      answersWith(scene, strangers(7));
    },
  ],
  [
    'records come that are nobody’s',
    'unknown',
    (scene) => {
      moves(scene);
      answersWith(scene, [{ record_type: 'webrtc', started_at: new Date(START).toISOString() }]);
    },
  ],
  [
    'a call with the old one is the 51st of two pages',
    'not_yet',
    (scene) => {
      moves(scene);
      const ended = new Date(scene.now()).toISOString();
      const call = { record_type: 'webrtc', auth_username: scene.old, started_at: ended, finished_at: ended };
      const rows = strangers(50, [call]);
      scene.sandbox.fault({
        path: RECORDS,
        times: ALWAYS,
        when: ({ query }) => query.get('page[number]') === '1',
        rewrite: () => ({ data: rows.slice(0, 50), meta: { total_pages: 2 } }),
      });
      scene.sandbox.fault({
        path: RECORDS,
        times: ALWAYS,
        when: ({ query }) => query.get('page[number]') === '2',
        rewrite: () => ({ data: rows.slice(50), meta: { total_pages: 2 } }),
      });
    },
  ],
  [
    'the pages of records are empty, and claim to be many',
    'unknown',
    (scene) => {
      moves(scene);
      scene.sandbox.fault({ path: RECORDS, times: ALWAYS, rewrite: () => ({ data: [], meta: { total_pages: 9 } }) });
    },
  ],
  [
    'the same page of records comes again and again',
    'unknown',
    (scene) => {
      moves(scene);
      const rewrite = () => ({ data: strangers(50), meta: { total_pages: 9 } });
      scene.sandbox.fault({ path: RECORDS, times: ALWAYS, rewrite });
    },
  ],
  ...[7 * MINUTE, -7 * MINUTE].flatMap((aheadMs): World[] => {
    const clock = `the clock of Telnyx is seven minutes ${aheadMs > 0 ? 'ahead' : 'behind'}`;
    return [
      [`the phone has moved, and ${clock}`, 'moved', moves, { aheadMs }],
      [
        `a phone called with the old one just now, and ${clock}`,
        'not_yet',
        (scene) => {
          const { phone, old } = scene;
          phone.leave({ unregisters: true });
          scene.other.register(scene.successor);
          phone.call({ with: '+12025550123', seconds: 10 }, old);
        },
        { aheadMs },
      ],
    ];
  }),
];

test.concurrent.each(worlds)('%s: %s, and nothing ends early that is not', (_, word, happens, setting) =>
  play(async (scene) => {
    if (setting?.later) await scene.restart(setting.later);
    happens(scene);
    const { consumers, evidence } = await scene.shows();
    expect([consumers, evidence]).toEqual([word, expect.any(Array)]);
    const latest = scene.ends();
    expect(latest).toBe(START + LONGEST_DAYS * DAY);
    if (setting?.later || word === 'moved') return;
    // Whoever went without moving has been away for a day after that.
    const { left } = scene.sandbox.world.registrations.get(scene.old)?.[0] ?? {};
    await scene.look(word === 'unknown' || !left ? 26 * HOUR : 23 * HOUR, 118 * MINUTE);
    expect(scene.ends()).toBe(latest);
  }, setting),
);

const WITHIN = 2 * HOUR;

/** Looks until the old one ends, or so long; gives when it ends. */
async function endOf(scene: Scene, forMs: number): Promise<number> {
  await scene.look(forMs);
  return scene.ends();
}

test('a phone that moves after three days has the old one end within two hours of a quiet day after that', () =>
  play(async (scene) => {
    scene.pass(2 * DAY);
    await scene.look(DAY, 110 * MINUTE);
    const moved = scene.now();
    moves(scene);
    const ends = await endOf(scene, 25 * HOUR);
    expect(ends).toBeGreaterThan(moved + DAY + HOUR / 2);
    expect(ends).toBeLessThanOrEqual(moved + DAY + WITHIN);
    expect((await scene.shows()).retires_at).toBe(new Date(ends).toISOString());
    scene.pass(2 * HOUR);
    expect((await scene.shows()).state).toBe('old_one_left');
    const { asked } = scene.app;
    const done = await scene.app.call('continue_rotation', { id: scene.id });
    expect(dataOf<{ rotation: Shown }>(done).rotation.state).toBe('done');
    expect(asked.at(-1)?.message).toContain('Everyone was seen to have moved (old: not registered');
    expect(scene.sandbox.world.telephony.has(OLD)).toBe(false);
  }));

test('whoever begins at the desk on Monday is not cut off over the weekend, though a colleague has moved', () =>
  play(
    async (scene) => {
      const { sandbox, phone, other, old, successor } = scene;
      phone.leave({ unregisters: true });
      const weekday = (at: Date) => at.getUTCDay() % 6 !== 0 && at.getUTCHours() >= 9 && at.getUTCHours() < 17;
      new Phone(sandbox.world, { ip: '198.51.100.8', isOn: weekday }).register(old);
      other.register(successor);
      // From Thursday to Tuesday.
      scene.pass(3 * DAY);
      await scene.look(5 * DAY, 118 * MINUTE);
      expect(scene.ends()).toBe(START + LONGEST_DAYS * DAY);
      expect((await scene.shows()).consumers).toBe('not_yet');
    },
    { push: true },
  ));

test('one that never moves lives to its latest, and is warned of beforehand', () =>
  play(async (scene) => {
    scene.pass(11 * DAY);
    await scene.look(HOUR);
    expect((await scene.shows()).warnings.join()).not.toContain('still in use');
    expect(scene.app.log.join()).not.toContain('not all were seen to move');
    scene.pass(DAY);
    await scene.look(3 * HOUR);
    expect((await scene.shows()).warnings.at(-1)).toMatch(/^The old one ends 2026-12-07 09:00 UTC and is still in use/);
    expect(scene.app.log.filter((line) => line.includes('not all were seen to move'))).toHaveLength(1);
    scene.pass(2 * DAY);
    expect(scene.sandbox.world.isExpired(scene.sandbox.world.telephony.get(OLD) as never)).toBe(true);
    const { asked } = scene.app;
    await scene.app.call('continue_rotation', { id: scene.id });
    expect(asked.at(-1)?.message).toContain('NOBODY WAS SEEN TO USE THE NEW ONE YET');
    expect((await scene.shows()).warnings).toContain('It lived to its latest: not all were seen to move.');
  }));

test('servers that live for one look each go on where the last one was', () =>
  play(async (scene) => {
    moves(scene);
    const moved = scene.now();
    for (let looks = 0; looks < 26 * 3 && scene.ends() === START + LONGEST_DAYS * DAY; looks += 1) {
      await scene.look(20 * MINUTE);
      if (looks % 6 === 0) await scene.restart();
    }
    expect(scene.ends()).toBeGreaterThan(moved + DAY);
    expect(scene.ends()).toBeLessThanOrEqual(moved + DAY + WITHIN);
  }));

const kept: [title: string, run: (scene: Scene) => Promise<unknown>, setting?: Setting][] = [
  [
    'is looked at once a day',
    async (scene) => {
      moves(scene);
      await scene.look(9 * DAY, DAY);
    },
  ],
  [
    'was not looked at for three hours of the quiet day',
    async (scene) => {
      moves(scene);
      await scene.look(20 * HOUR, 110 * MINUTE);
      scene.pass(3 * HOUR);
      await scene.look(20 * HOUR, 110 * MINUTE);
    },
  ],
  [
    'could not be told about for most of the quiet day',
    async (scene) => {
      const { sandbox, old } = scene;
      moves(scene);
      await scene.look(2 * HOUR);
      const rewrite = () => ({ registered: false, credential_username: 'gencredsomeone' });
      sandbox.fault({ path: REGISTRATION, times: ALWAYS, when: ({ query }) => query.get('username') === old, rewrite });
      await scene.look(20 * HOUR, 110 * MINUTE);
      sandbox.clearFaults();
      await scene.look(20 * HOUR, 110 * MINUTE);
    },
  ],
  [
    'would have nobody after it, since its successor was deleted',
    async (scene) => {
      moves(scene);
      await scene.look(20 * HOUR, 110 * MINUTE);
      const { telephony } = scene.sandbox.world;
      for (const { id, sip_username } of telephony.values()) if (sip_username === scene.successor) telephony.delete(id);
      await scene.look(8 * HOUR, 110 * MINUTE);
      expect((await scene.shows()).done.join()).toContain('nothing else takes over from the old credential');
    },
  ],
  [
    'is seen again before the quiet day is over',
    async (scene) => {
      moves(scene);
      await scene.look(20 * HOUR, 110 * MINUTE);
      scene.other.register(scene.old);
      await scene.look(2 * HOUR, HOUR);
      scene.other.leave({ unregisters: true });
      await scene.look(20 * HOUR, 110 * MINUTE);
    },
  ],
  [
    'took a call between two looks',
    async (scene) => {
      moves(scene);
      await scene.look(20 * HOUR, 110 * MINUTE);
      scene.other.call({ with: '+12025550123', direction: 'inbound', seconds: 30 }, scene.old);
      await scene.look(20 * HOUR, 110 * MINUTE);
    },
  ],
  [
    'is on a connection with a push credential, whose phones sleep for days',
    async (scene) => {
      moves(scene);
      await scene.look(6 * DAY, 110 * MINUTE);
    },
    { push: true },
  ],
  [
    'is seen again in the last look of all',
    async (scene) => {
      const { sandbox, old, other } = scene;
      moves(scene);
      await scene.look(23 * HOUR, 110 * MINUTE);
      // Between what is recorded and the change that rests on it.
      let asked = 0;
      sandbox.fault({
        path: REGISTRATION,
        times: ALWAYS,
        when: ({ query }) => query.get('username') === old && ++asked % 2 === 0,
        meanwhile: () => other.register(old),
      });
      await scene.look(6 * HOUR, 110 * MINUTE);
      expect(asked).toBeGreaterThan(1);
    },
  ],
];

test.concurrent.each(kept)('the old one lives on when it %s', (_, run, setting) =>
  play(async (scene) => {
    await run(scene);
    expect(scene.ends()).toBe(START + LONGEST_DAYS * DAY);
  }, setting),
);

test('a week of quiet is enough on a connection with a push credential, and the question says so', () =>
  play(
    async (scene) => {
      expect(scene.app.asked[0]?.message).toContain(
        'nobody was seen with the old one for 7d (phones with a push credential register',
      );
      moves(scene);
      const moved = scene.now();
      await scene.look(6 * DAY, 110 * MINUTE);
      const ends = await endOf(scene, 26 * HOUR);
      expect(ends).toBeGreaterThan(moved + 7 * DAY);
      expect(ends).toBeLessThanOrEqual(moved + 7 * DAY + WITHIN + 2 * HOUR);
    },
    { push: true },
  ));

test('what someone else has set its end to is left alone', () =>
  play(async (scene) => {
    moves(scene);
    await scene.look(20 * HOUR, 110 * MINUTE);
    Object.assign(scene.sandbox.world.telephony.get(OLD) ?? {}, { expires_at: '2027-01-01T00:00:00' });
    await scene.look(8 * HOUR, 110 * MINUTE);
    expect(scene.ends()).toBe(Date.parse('2027-01-01T00:00:00Z'));
    expect((await scene.shows()).warnings.join()).toContain('Someone has set its expiry to 2027-01-01T00:00:00.000Z');
  }));

test('one that somebody deleted meanwhile holds nothing up, and nobody is asked about it', () =>
  play(async (scene) => {
    moves(scene);
    await scene.look(20 * HOUR, 110 * MINUTE);
    scene.sandbox.world.telephony.delete(OLD);
    const asked = scene.app.asked.length;
    for (const ms of [110 * MINUTE, 110 * MINUTE, LONGEST_DAYS * DAY]) {
      scene.pass(ms);
      expect((await scene.app.call('continue_rotation', { id: scene.id })).isError).toBeFalsy();
    }
    expect((await scene.shows()).state).toBe('done');
    expect(scene.app.asked).toHaveLength(asked);
  }));

test('after it was shortened, a rollback still gives it its former end', () =>
  play(async (scene) => {
    const before = START + 300 * DAY;
    moves(scene);
    const ends = await endOf(scene, 25 * HOUR);
    expect(ends).toBeLessThan(scene.now() + 2 * HOUR);
    const undone = await scene.app.call('roll_back_rotation', { id: scene.id });
    expect(dataOf<{ rotation: Shown }>(undone).rotation.state).toBe('rolled_back');
    expect(scene.ends()).toBe(before);
  }));

test('whoever goes on with it from outside lets it end as well, without a question', () =>
  play(async (scene) => {
    moves(scene);
    const moved = scene.now();
    const asked = scene.app.asked.length;
    for (let looks = 0; looks < 26 * 3 && scene.ends() === START + LONGEST_DAYS * DAY; looks += 1) {
      scene.pass(20 * MINUTE);
      await scene.app.call('continue_rotation', { id: scene.id });
      // A phone that has moved may be switched off: it was seen.
      if (looks === 2) scene.phone.leave({ unregisters: true });
    }
    expect(scene.ends()).toBeGreaterThan(moved + DAY);
    expect(scene.ends()).toBeLessThanOrEqual(moved + DAY + WITHIN);
    expect(scene.app.asked).toHaveLength(asked);
  }));

test('a server that may only read ends nothing, though everyone has moved', () =>
  play(async (scene) => {
    moves(scene);
    await scene.look(23 * HOUR, 110 * MINUTE);
    await scene.restart({ config: { readOnly: true } });
    const before = scene.sandbox.requests.length;
    await scene.look(6 * HOUR, 110 * MINUTE);
    expect((await scene.shows()).consumers).toBe('moved');
    expect(scene.ends()).toBe(START + LONGEST_DAYS * DAY);
    const methods = new Set(scene.sandbox.requests.slice(before).map(({ method }) => method));
    expect([...methods]).toEqual(['GET']);
  }));

test('where nothing waits, a server that watches sends nothing', async () => {
  let tick: (() => Promise<void>) | undefined;
  await using app = await startApp({
    timer(run) {
      tick = run;
      return () => undefined;
    },
  });
  app.app.watch();
  await tick?.();
  expect(app.sandbox.requests).toEqual([]);
});

const refused: [title: string, args: Record<string, unknown>, says: string][] = [
  ['at_most without until_moved', { overlap: '24h', at_most: '3d' }, 'at_most goes with overlap: "until_moved"'],
  ['at_most of nothing', { overlap: 'until_moved', at_most: '0' }, 'at_most must be longer than 0'],
  ['a word that is nearly until_moved', { overlap: 'until_move' }, 'or until_moved'],
];

test.each(refused)('%s is refused before anybody is asked', async (_, args, says) => {
  await using app = await startApp({ person: yes });
  const [id] = [...app.sandbox.world.telephony.values()]
    .filter((row) => !app.sandbox.world.isExpired(row))
    .map((row) => row.id);
  expect(errorOf(await app.call('rotate_telephony_credential', { id, ...args })).message).toContain(says);
  expect(app.asked).toEqual([]);
});

test('a fleet counts who has moved, names the stragglers by a cursor, and ends each when its users have', async () => {
  let at = START;
  const now = () => new Date(at);
  await using app = await startApp({
    person: yes,
    now,
    sandbox: { now },
    reads: ['sip_username', 'auth_username', 'name'],
  });
  const { world } = app.sandbox;
  addMembers(app.sandbox, 5, now());
  Object.assign(world.connections.get(CONNECTION) ?? {}, NO_PUSH);
  const phones = Array.from({ length: 5 }, (_, index) => new Phone(world, { ip: `198.51.100.${index}` }));
  for (const [index, phone] of phones.entries()) phone.register(`gencred${index}`);
  const args = { connection_id: CONNECTION, overlap: 'until_moved', at_most: '10d' };
  const { rotation } = dataOf<{ rotation: Shown }>(await app.call(ROTATE, args));
  await rest(app, rotation.id);
  expect(app.asked[0]?.message).toContain('nobody was seen with the old one for 1d');
  const latest = START + 10 * DAY;
  const endsOf = (member: string) => Date.parse(`${world.telephony.get(member)?.expires_at}Z`);
  const successor = (name: string) =>
    [...world.telephony.values()].find((row) => row.name === name && !row.id.startsWith('member-'))?.sip_username ?? '';
  for (const index of [0, 1, 2]) phones[index]?.moveTo(successor(`phone ${index}`));
  at += 10 * MINUTE;
  const shows = async (more = {}) =>
    dataOf<{ rotations: Shown[]; next_cursor?: string }>(await app.call('get_rotation', { id: rotation.id, ...more }));
  const { rotations, next_cursor } = await shows({ limit: 1 });
  expect(rotations[0]).toMatchObject({
    consumers: 'not_yet',
    counts: { moved: 3, not_yet: 2, unknown: 0, to_look_at: 0 },
    stragglers: ['member-3 "phone 3": successor not registered, and no call since 2026-11-23T09:00Z'],
  });
  const more = await shows({ limit: 1, cursor: next_cursor });
  expect(more.rotations[0]?.stragglers).toEqual([expect.stringContaining('member-4')]);
  expect(more.next_cursor).toBeUndefined();
  await app.call('continue_rotation', { id: rotation.id });
  for (let looks = 0; looks < 14; looks += 1) {
    at += (looks === 13 ? 80 : 110) * MINUTE;
    await app.call('continue_rotation', { id: rotation.id });
    // Whoever only reads ends nothing, and records nothing.
    if (looks === 12) {
      at += 30 * MINUTE;
      const changes = () => app.sandbox.requests.filter(({ method }) => method !== 'GET').length;
      const before = changes();
      await shows();
      expect(changes()).toBe(before);
    }
  }
  for (const member of ['member-0', 'member-1', 'member-2']) expect(endsOf(member)).toBeLessThan(at + 2 * HOUR);
  for (const member of ['member-3', 'member-4']) expect(endsOf(member)).toBe(latest);
  // Of those whose old ones have ended nothing is asked any more.
  at += 3 * HOUR;
  expect((await shows()).rotations[0]).toMatchObject({ counts: { moved: 0, not_yet: 2, unknown: 0, to_look_at: 0 } });
});

const deletions: [title: string, happens: (sandbox: Sandbox, username: string) => void, says: string][] = [
  [
    'a phone is registered with it',
    ({ world }, username) => new Phone(world, { ip: '198.51.100.7' }).register(username),
    'IT IS IN USE: registered from 198.51.100.7 until ',
  ],
  [
    'somebody called with it an hour ago',
    ({ world }, username) => {
      const at = new Date(world.now().getTime() - HOUR);
      new Phone(world, { ip: '198.51.100.7' }).call({ with: '+12025550123', at }, username);
    },
    'IT IS IN USE: a call since ',
  ],
  ['nobody is seen', () => undefined, 'Nobody was seen to use it: not registered, and no call since '],
  [
    'Telnyx refuses to tell',
    ({ world }) => world.refuses.set('sip_registration_status', 403),
    'Whether anyone uses it is not known: Telnyx refuses the registration status to this account or key (403).',
  ],
];

test.each(deletions)('the question before a deletion says who uses the credential: %s', async (_, happens, says) => {
  await using app = await startApp({ person: yes, reads: ['sip_username', 'auth_username'] });
  addMembers(app.sandbox, 1);
  happens(app.sandbox, 'gencred0');
  await app.call('delete_telephony_credential', { id: OLD });
  expect(app.asked[0]?.message).toContain(says);
});
