import { seedPhones } from './phones.ts';
import { stableBytes, uuid } from './random.ts';
import { seedConnections } from './seed-connections.ts';
import { pushIds, seedPush } from './seed-push.ts';
import { defaultCount, seedTelephony } from './seed-telephony.ts';
import { World } from './world.ts';

/** Gives a believable account with that many telephony credentials; ids are the same in every run, secrets are not. */
export function seedWorld(now: () => Date, credentials = defaultCount, undeclared = false): World {
  const world = new World(uuid(stableBytes('user')), now, seedPush, undeclared);
  const connectionIds = seedConnections(world, pushIds);
  seedTelephony(world, connectionIds, credentials);
  seedPhones(world);
  return world;
}
