import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Command } from './rotation-calls.ts';
import { heal } from './rotation-heal.ts';
import { type Material, makeMaterial } from './rotation-material.ts';
import type { Universe } from './rotation-model.ts';
import { pushCommands } from './rotation-push-commands.ts';
import { PushUniverse } from './rotation-push-model.ts';
import { checkPush, watchPush } from './rotation-push-oracle.ts';
import { TelephonyUniverse, telephonyCommands } from './rotation-telephony-model.ts';
import { checkTelephony, watchTelephony } from './rotation-telephony-oracle.ts';
import { withoutWaiting } from './rotation-waiting.ts';

// FC_RUNS=20000 FC_SEED=$RANDOM to look longer and elsewhere; FC_PATH, as a failure prints it, to see it again.
const { FC_RUNS, FC_SEED, FC_PATH } = process.env;
const RUNS = Number(FC_RUNS ?? 100);
// The same runs each time, so that a suite that was green stays so; another seed looks elsewhere.
const SEED = Number(FC_SEED ?? 20261122);

let universe: Universe | undefined;
let material: Material;
let wait: () => void;
beforeAll(() => {
  material = makeMaterial();
  wait = withoutWaiting(() => universe);
});
afterAll(() => {
  wait();
  material.remove();
});

async function hold(commands: fc.Arbitrary<Command[]>, numRuns: number, live: (all: Command[]) => Promise<Universe>) {
  const property = fc.asyncProperty(commands, async (all) => {
    const { violations } = await live(all).finally(() => {
      universe = undefined;
    });
    expect(violations).toEqual([]);
  });
  await fc.assert(property, {
    numRuns,
    seed: SEED,
    ...(FC_PATH !== undefined && { path: FC_PATH }),
  });
}

const patience = (runs: number): number => 30_000 + runs * 100;

it('rotates a telephony credential whatever happens', { timeout: patience(RUNS) }, async () => {
  await hold(telephonyCommands, RUNS, async (all) => {
    const account = new TelephonyUniverse();
    universe = account;
    watchTelephony(account);
    for (const command of all) await command.run(account);
    await heal(account);
    checkTelephony(account);
    return account;
  });
});

it('rotates a push credential whatever happens', { timeout: patience(RUNS) }, async () => {
  await hold(pushCommands, Math.ceil(RUNS / 4), async (all) => {
    const account = new PushUniverse(material);
    universe = account;
    watchPush(account);
    for (const command of all) await command.run(account);
    await heal(account, (rotation) => account.mend(rotation));
    checkPush(account);
    return account;
  });
});
