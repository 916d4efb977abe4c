import { X509Certificate } from 'node:crypto';
import { factsOf, type PushRotation, type Rotation, rotationFrom, stateOf } from '../src/jobs/item.ts';
import type { PushUniverse } from './rotation-push-model.ts';

const isPush = (rotation: Rotation | undefined): rotation is PushRotation => rotation?.kind === 'push';
const successorOf = (rotation: Rotation): string => factsOf(rotation, 'create')?.id ?? 'nobody';

function users({ world }: PushUniverse, id: string): string[] {
  const all = [...world.connections.values()];
  return all
    .filter((each) => each.ios_push_credential_id === id || each.android_push_credential_id === id)
    .map((each) => each.id);
}

/** Whether the account holds the material a person agreed to, its private key included. */
function holdsMaterial({ world }: PushUniverse, id: string, fingerprint: string): boolean {
  const record = world.push.get(id);
  const account = record?.project_account_json_file;
  if (record?.type === 'android')
    return account?.private_key_id === fingerprint && `${account?.private_key}`.includes('PRIVATE KEY');
  if (!record?.certificate || !record.private_key?.includes('PRIVATE KEY')) return false;
  return new X509Certificate(record.certificate).fingerprint256 === fingerprint;
}

/** Holds every write that reaches the account against what may be written at that moment. */
export function watchPush(universe: PushUniverse): void {
  const { world } = universe;
  universe.watch = ({ process, method, path, body }) => {
    const [list = '', id = ''] = path.split('/');
    const { recorded, agreed } = process;
    const demand = (holds: boolean, otherwise: string) =>
      universe.demand(holds, `${otherwise} (${method} ${path}, agreed: ${agreed})`);
    const rotation = recorded && rotationFrom(universe.memory.entries.get(recorded.rotation) ?? []);
    const event = recorded?.event;
    if (!isPush(rotation) || event?.type !== 'intent') return demand(false, 'a write that was not announced');
    const { old, wish } = rotation;
    const asked = (question: string) => agreed?.includes(question) === true && agreed.includes(`"${old.alias}"`);

    if (method === 'POST') {
      demand(event.step === 'create' && body.alias === wish.alias, 'a create that was not announced');
    } else if (method === 'PATCH') {
      const [field = ''] = Object.keys(body);
      const back = event.step === 'point_back';
      const [from, to] = back ? [successorOf(rotation), old.id] : [old.id, successorOf(rotation)];
      const user = old.users.find((each) => event.of === `${each.id}.${each.field}`);
      demand(back || event.step === 'repoint', 'a connection is changed in another step');
      demand(back ? asked('Undo the rotation of') : rotation.rollbackAt === undefined, 'pointed without a yes');
      demand(list === `${user?.kind}_connections` && user?.id === id && field === user.field, 'another connection');
      demand(Object.keys(body).length === 1 && body[field] === to, 'more is changed than where it points');
      demand(world.connections.get(id)?.[field] === from, 'a connection that points elsewhere is overwritten');
    } else if (method === 'DELETE') {
      const back = event.step === 'remove';
      demand(back || event.step === 'delete', 'something is deleted in another step');
      demand(id === (back ? (successorId(universe, rotation) ?? id) : old.id), 'something else is deleted');
      demand(asked(back ? 'Undo the rotation of' : 'Delete the old') || !world.push.has(id), 'deleted without a yes');
      demand(users(universe, id).length === 0 || !world.push.has(id), 'one that connections use is deleted');
      const lost = world.push.has(id) && factsOf(rotation, 'create') !== undefined && !world.push.has(old.id);
      demand(!back || !lost, 'the successor is deleted although the old one is gone');
    } else demand(false, 'a write that belongs to no step');
  };
}

/** The successor, also while the ledger does not know it: by its alias and what it is made of. */
function successorId(universe: PushUniverse, rotation: PushRotation): string | undefined {
  const known = factsOf(rotation, 'create')?.id;
  if (known !== undefined) return known;
  const { alias, fingerprint } = rotation.wish;
  const others = universe.rotations().filter(({ id }) => id !== rotation.id);
  return [...universe.world.push.values()].find(
    ({ id, ...record }) =>
      record.alias === alias &&
      holdsMaterial(universe, id, fingerprint) &&
      others.every((other) => successorOf(other) !== id),
  )?.id;
}

/** Holds the account against the ledger once nothing more is to be done. */
export function checkPush(universe: PushUniverse): void {
  for (const rotation of universe.rotations()) if (isPush(rotation)) checkRotation(universe, rotation);
}

function checkRotation(universe: PushUniverse, rotation: PushRotation): void {
  const { world, others } = universe;
  const { old, wish } = rotation;
  const state = stateOf(rotation, universe.now());
  const demand = (holds: boolean, otherwise: string) => universe.demand(holds, `${state}: ${otherwise}`);
  const id = successorId(universe, rotation) ?? 'nobody';
  const all = universe.rotations();
  // Another rotation went on from the successor, or from the old one after this was undone.
  const rotatedOn = all.some((other) => other.old.id === id);
  const again = all.filter((other) => other.old.id === old.id).at(-1)?.id !== rotation.id;
  const undone = all.some((other) => successorOf(other) === old.id && other.rollbackAt !== undefined);
  const pointsTo = (to: string) => {
    for (const { id: user, field } of old.users) {
      const connection = world.connections.get(user);
      const key = `${user}.${field}`;
      const right = connection?.[field] === to || connection?.[field] === others.pointed.get(key);
      demand(connection ? right : others.deleted.has(user), `${key} points to ${connection?.[field]}, not ${to}`);
    }
  };

  switch (state) {
    case 'done':
      demand(holdsMaterial(universe, id, wish.fingerprint) || others.deleted.has(id) || rotatedOn, 'no successor');
      demand(!world.push.has(old.id), 'the old one was left');
      if (!rotatedOn) pointsTo(id);
      return;
    case 'rolled_back':
    case 'given_up':
      demand(!world.push.has(id), 'the successor was left');
      demand(world.push.has(old.id) || others.deleted.has(old.id) || again || undone, 'the old one is lost');
      if (!again && !undone) pointsTo(old.id);
      return;
    case 'rolling_back':
      // Too late, and it said so: then the successor must be left.
      demand(others.deleted.has(old.id), 'stuck although the old one is there');
      demand(world.push.has(id) || others.deleted.has(id), 'both are lost');
      return;
    default:
      // Neither way is left when others deleted both.
      if (others.deleted.has(old.id) && others.deleted.has(id)) return;
      demand(false, `stuck at ${[...rotation.steps].at(-1)?.[0]}`);
  }
}
