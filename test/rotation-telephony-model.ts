import fc from 'fast-check';
import { rotateTelephony } from '../src/tools/rotate-telephony.ts';
import { type Command, describeManner, drive, type Manner, manner, type Outside } from './rotation-calls.ts';
import { both, type Call, callAbout, nth, waits } from './rotation-heal.ts';
import { Universe } from './rotation-model.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const FOREVER = 22 * 365.25 * DAY;

/** The connections there are. */
const CONNECTIONS = ['desk', 'mobile'] as const;
/** The credentials there are, made 30 days ago, and when they expire. */
const ENDS = { forever: FOREVER, ninety: 90 * DAY, soon: 20 * 60 * MINUTE, spent: -DAY };

/** A credential by its name, or as one side of the nth rotation. */
const TARGETS = ['old 0', 'new 0', 'old 0', 'new 0', 'old 1', 'new 1', 'forever', 'ninety'] as const;

/** What was done to the account by others than the rotations. */
export interface Others {
  deleted: Set<string>;
  moved: Set<string>;
  /** The expiry they gave a credential last. */
  expiry: Map<string, string>;
}

export class TelephonyUniverse extends Universe {
  readonly others: Others = { deleted: new Set(), moved: new Set(), expiry: new Map() };

  constructor() {
    super();
    for (const id of CONNECTIONS) this.world.connections.set(id, connection(id, this.now().toISOString()));
    for (const [id, end] of Object.entries(ENDS)) this.#add(id, end);
  }

  #add(id: string, end: number): void {
    const created = new Date(this.time - 30 * DAY);
    const expires = new Date(this.time + end);
    // 22 years to the day: how Telnyx says never.
    if (end === FOREVER) expires.setTime(new Date(created).setUTCFullYear(created.getUTCFullYear() + 22));
    this.world.telephony.set(id, {
      id,
      record_type: 'credential',
      name: id,
      resource_id: 'connection:desk',
      user_id: 'user',
      sip_username: `sip-of-${id}`,
      sip_password: `password-of-${id}`,
      expired: false,
      expires_at: expires.toISOString().slice(0, 19),
      created_at: created.toISOString().slice(0, 19),
      updated_at: created.toISOString(),
    });
  }

  /** The id a target stands for; one that nobody has when there is no such rotation. */
  find(target: string): string {
    const [side, n] = target.split(' ');
    if (n === undefined) return target;
    const rotation = nth(this, Number(n));
    return (side === 'old' ? rotation?.old.id : rotation?.steps.get('create')?.done?.facts.id) ?? 'nobody';
  }
}

function connection(id: string, at: string) {
  return {
    kind: 'credential' as const,
    id,
    record_type: 'credential_connection',
    connection_name: id,
    active: true,
    ios_push_credential_id: null,
    android_push_credential_id: null,
    tags: [],
    outbound: { outbound_voice_profile_id: '1' },
    created_at: at,
    updated_at: at,
  };
}

function outsider(text: string, happen: (universe: TelephonyUniverse) => void): Outside {
  const safely = (universe: Universe) => {
    if (!(universe instanceof TelephonyUniverse)) return;
    universe.touched = true;
    happen(universe);
  };
  return { happen: safely, run: async (universe) => void safely(universe), toString: () => text };
}

const target = fc.constantFrom(...TARGETS);

const changes: fc.Arbitrary<Outside> = fc.oneof(
  fc.tuple(target, fc.constantFrom(10, 45, 7 * 24 * 60, undefined)).map(([who, minutes]) =>
    outsider(`someone lets ${who} expire ${minutes === undefined ? 'never' : `in ${minutes}m`}`, (universe) => {
      const record = universe.world.telephony.get(universe.find(who));
      if (!record || universe.world.isExpired(record)) return;
      // Never on the second that a rotation may choose.
      const at = new Date(universe.time + (minutes ?? 0) * MINUTE + 333_000).toISOString().slice(0, 19);
      record.expires_at = minutes === undefined ? '9999-12-31T00:00:00' : at;
      universe.others.expiry.set(record.id, record.expires_at);
    }),
  ),
  target.map((who) =>
    outsider(`someone moves ${who}`, (universe) => {
      const record = universe.world.telephony.get(universe.find(who));
      if (!record || universe.world.isExpired(record)) return;
      record.resource_id = record.resource_id === 'connection:desk' ? 'connection:mobile' : 'connection:desk';
      universe.others.moved.add(record.id);
    }),
  ),
);

const outside: fc.Arbitrary<Outside> = fc.oneof(
  { weight: 3, arbitrary: changes },
  {
    weight: 2,
    arbitrary: target.map((who) =>
      outsider(`someone deletes ${who}`, (universe) => {
        const id = universe.find(who);
        if (universe.world.telephony.delete(id)) universe.others.deleted.add(id);
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(outsider('someone deletes desk', ({ world }) => void world.connections.delete('desk'))),
  },
);

function rotate(who: string, overlap: string, tag: boolean, how: Manner): Call {
  return {
    async run(universe, server = 0) {
      if (!(universe instanceof TelephonyUniverse)) return;
      const args = { id: universe.find(who), overlap, ...(tag && { tag: 'team' }) };
      await drive(universe, rotateTelephony, args, how, server);
    },
    toString: () => `rotate ${who} ${overlap}${tag ? ' tag' : ''}${describeManner(how)}`,
  };
}

const which = fc.constantFrom(0, 0, 0, 1);
const rotating = (how: fc.Arbitrary<Manner>) =>
  fc
    .tuple(
      fc.constantFrom(...Object.keys(ENDS), 'old 0', 'new 0'),
      fc.constantFrom('0', '30m', '24h'),
      fc.boolean(),
      how,
    )
    .map((given) => rotate(...given));

const calls = (how: fc.Arbitrary<Manner>): fc.Arbitrary<Call> =>
  fc.oneof(
    { weight: 2, arbitrary: rotating(how) },
    { weight: 8, arbitrary: fc.tuple(which, how).map(([n, manners]) => callAbout('continue', n, manners)) },
    { weight: 5, arbitrary: fc.tuple(which, how).map(([n, manners]) => callAbout('roll back', n, manners)) },
    { weight: 1, arbitrary: fc.tuple(which, how).map(([n, manners]) => callAbout('get', n, manners)) },
  );

const disturbed = manner(outside, changes);
const quiet = disturbed.map((how): Manner => ({ ...how, meanwhile: undefined, amid: undefined }));
const pair = fc.tuple(calls(quiet), calls(quiet), fc.nat({ max: 400 })).map((given) => both(...given));

const scenario = (how: fc.Arbitrary<Manner>, others: number): fc.Arbitrary<Command[]> => {
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 12, arbitrary: calls(how) },
    { weight: 3, arbitrary: pair },
    { weight: 3, arbitrary: fc.constantFrom(5, 29, 31, 1439, 1441, 5 * 24 * 60).map(waits) },
    { weight: others, arbitrary: outside },
  );
  return fc.tuple(rotating(how), fc.array(command, { maxLength: 7 })).map(([first, rest]) => [first, ...rest]);
};

/** A rotation begins, and then anything happens; in a part of the runs nobody but us touches the account. */
export const telephonyCommands: fc.Arbitrary<Command[]> = fc.oneof(
  { weight: 2, arbitrary: scenario(quiet, 0) },
  { weight: 3, arbitrary: scenario(disturbed, 4) },
);
