import fc from 'fast-check';
import { rotatePush } from '../src/tools/rotate-push.ts';
import { type Command, describeManner, drive, type Manner, manner, type Outside } from './rotation-calls.ts';
import { both, type Call, callAbout, nth, waits } from './rotation-heal.ts';
import type { Universe } from './rotation-model.ts';
import { PushUniverse } from './rotation-push-model.ts';

const TARGETS = ['android', 'ios', 'old 0', 'new 0', 'new 0', 'new 1'] as const;

function outsider(text: string, happen: (universe: PushUniverse) => void): Outside {
  const safely = (universe: Universe) => {
    if (!(universe instanceof PushUniverse)) return;
    universe.touched = true;
    happen(universe);
  };
  return { happen: safely, run: async (universe) => void safely(universe), toString: () => text };
}

const someConnection = fc.constantFrom('web', 'web', 'trunk', 'app', 'lyon', 'sbc');

const changes: fc.Arbitrary<Outside> = fc
  .tuple(someConnection, fc.constantFrom('nothing', 'spare', 'old 0', 'new 0', 'new 0'))
  .map(([id, to]) =>
    outsider(`someone points ${id} to ${to}`, (universe) => {
      const found = universe.world.connections.get(id);
      const push = to === 'nothing' ? null : universe.find(to);
      if (!found || (push !== null && !universe.world.push.has(push))) return;
      const ios = universe.world.push.get(universe.find('old 0'))?.type === 'ios';
      universe.point(found, ios ? 'ios_push_credential_id' : 'android_push_credential_id', push);
    }),
  );

const outside: fc.Arbitrary<Outside> = fc.oneof(
  { weight: 5, arbitrary: changes },
  someConnection.map((id) =>
    outsider(`someone deletes ${id}`, ({ world, others }) => {
      if (world.connections.delete(id)) others.deleted.add(id);
    }),
  ),
  fc.constantFrom('old 0', 'new 0').map((who) =>
    outsider(`someone deletes ${who}`, (universe) => {
      const id = universe.find(who);
      if (universe.world.push.delete(id)) universe.others.deleted.add(id);
    }),
  ),
  { weight: 2, arbitrary: fc.constant(outsider('the files are replaced', ({ material }) => material.replace())) },
  fc.constant(
    outsider('someone takes the alias', (universe) => {
      const wish = nth(universe, 0)?.wish;
      if (!wish || !('alias' in wish)) return;
      if ([...universe.world.push.values()].some(({ alias }) => alias === wish.alias)) return;
      universe.add('10000000-0000-4000-8000-00000000000a', wish.alias, false, 9);
    }),
  ),
);

interface Wanted {
  who: string;
  generation: 1 | 2;
  page: boolean;
  /** Only this connection of all that use it. */
  only: string | undefined;
}

function rotate({ who, generation, page, only }: Wanted, how: Manner): Call {
  return {
    async run(universe, server = 0) {
      if (!(universe instanceof PushUniverse)) return;
      const id = universe.find(who);
      const type = universe.world.push.get(id)?.type ?? 'android';
      const given = page ? { upload_id: `${type} ${generation}` } : universe.material.paths(type, generation);
      await drive(universe, rotatePush, { id, ...given, ...(only && { connections: [only] }) }, how, server);
    },
    toString: () =>
      `rotate ${who} to ${generation}${page ? ' by page' : ''}${only ? ` on ${only}` : ''}${describeManner(how)}`,
  };
}

const which = fc.constantFrom(0, 0, 0, 1);
const wanted = fc.record({
  // Certificates take longer to look through.
  who: fc.oneof(
    { weight: 2, arbitrary: fc.constant('android') },
    { weight: 1, arbitrary: fc.constantFrom(...TARGETS) },
  ),
  generation: fc.constantFrom(1 as const, 1 as const, 2 as const),
  page: fc.constantFrom(false, false, true),
  only: fc.option(fc.constant('web'), { nil: undefined, freq: 5 }),
});
const rotating = (how: fc.Arbitrary<Manner>) => fc.tuple(wanted, how).map((given) => rotate(...given));

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
    { weight: 1, arbitrary: fc.constantFrom(5, 1441).map(waits) },
    { weight: others, arbitrary: outside },
  );
  return fc.tuple(rotating(how), fc.array(command, { maxLength: 6 })).map(([first, rest]) => [first, ...rest]);
};

/** A rotation begins, and then anything happens; in a part of the runs nobody but us touches the account. */
export const pushCommands: fc.Arbitrary<Command[]> = fc.oneof(
  { weight: 2, arbitrary: scenario(quiet, 0) },
  { weight: 3, arbitrary: scenario(disturbed, 4) },
);
