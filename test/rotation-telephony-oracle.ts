import { factsOf, type Rotation, rotationFrom, stateOf, type TelephonyRotation } from '../src/jobs/item.ts';
import { markOf } from '../src/jobs/telephony.ts';
import { expiryFromTelnyx, fromTelnyx } from '../src/telnyx/dates.ts';
import type { Write } from './rotation-model.ts';
import type { TelephonyUniverse } from './rotation-telephony-model.ts';

const isTelephony = (rotation: Rotation | undefined): rotation is TelephonyRotation => rotation?.kind === 'telephony';
const successorOf = (rotation: Rotation): string => factsOf(rotation, 'create')?.id ?? 'nobody';

/** Whether the successor is there, and its password where it was to go. */
function handedOver({ world, kept }: TelephonyUniverse, rotation: Rotation): boolean {
  const secret = kept.get(`telephony-${successorOf(rotation)}`)?.sip_password;
  return secret !== undefined && secret === world.telephony.get(successorOf(rotation))?.sip_password;
}

/** Whether someone could log in as the successor. */
function works(universe: TelephonyUniverse, rotation: Rotation): boolean {
  const record = universe.world.telephony.get(successorOf(rotation));
  return record !== undefined && !universe.world.isExpired(record) && handedOver(universe, rotation);
}

/** Whether its successor works, or was rotated to one that did. */
function takenOver(universe: TelephonyUniverse, rotation: Rotation): boolean {
  const id = successorOf(rotation);
  if (works(universe, rotation)) return true;
  return universe.rotations().some((later) => later.old.id === id && factsOf(later, 'verify'));
}

/** Holds every write that reaches the account against what may be written at that moment. */
export function watchTelephony(universe: TelephonyUniverse): void {
  const { world, others } = universe;
  const recordedBy = ({ recorded }: Write['process']) =>
    recorded && rotationFrom(universe.memory.entries.get(recorded.rotation) ?? []);

  universe.watch = (write) => {
    const { process, method, path, body } = write;
    const [, id = '', token] = path.split('/');
    const record = world.telephony.get(id);
    const demand = (holds: boolean, otherwise: string) =>
      universe.demand(holds, `${otherwise} (${method} ${path} ${JSON.stringify(body)}, agreed: ${process.agreed})`);
    if (token) {
      const known = universe.rotations().some((rotation) => successorOf(rotation) === id);
      return demand(known, 'a token of something that is no successor');
    }
    const owner = universe.rotations().find((rotation) => record && record.tag === markOf(rotation));
    const duplicate = owner && successorOf(owner) !== 'nobody' && successorOf(owner) !== id;
    // One that bears the mark beside the successor is ours, and nobody ever had its password.
    if (method === 'DELETE' && duplicate) return;

    const rotation = recordedBy(process);
    const event = process.recorded?.event;
    const step = event?.type === 'intent' ? event.step : undefined;
    if (!isTelephony(rotation)) return demand(false, 'a write of no rotation');
    const { old, wish } = rotation;
    const verified = factsOf(rotation, 'verify') !== undefined && works(universe, rotation);

    if (method === 'POST') {
      demand(step === 'create' && body.tag === markOf(rotation), 'a create that was not announced');
      demand(body.connection_id === old.connection_id, 'a successor on another connection');
    } else if (method === 'PATCH' && 'tag' in body) {
      demand(step === 'tag' && id === successorOf(rotation), 'a tag for something else');
    } else if (method === 'PATCH' && step === 'retire') {
      demand(id === old.id && Object.keys(body).join() === 'expires_at', 'retires something else');
      demand(verified, 'the old one is retired before its successor works');
      const now = fromTelnyx(record?.expires_at ?? null);
      const unchanged =
        expiryFromTelnyx(now, record?.created_at ?? null).at === old.expires_at &&
        record?.resource_id === `connection:${old.connection_id}`;
      demand(!record || unchanged, 'what someone else changed is overwritten');
      const accepted = universe.memory.entries.get(rotation.id)?.some((entry) => entry.event.type === 'accepted');
      const asked = universe.agreed.some((question) => says(question, 'was changed since', old.sip_username));
      demand(!accepted || asked, 'what someone else changed is overwritten without a yes');
      const ends = Date.parse(String(body.expires_at)) - universe.time - wish.overlap * 1000;
      demand(Math.abs(ends) < 15_000, 'another overlap than was agreed to');
    } else if (method === 'PATCH' && step === 'restore') {
      demand(id === old.id && Object.keys(body).join() === 'expires_at', 'restores something else');
      demand(body.expires_at === old.stored_expiry, 'another expiry than the former one');
      demand(others.expiry.get(id) !== record?.expires_at, 'an expiry that someone else gave is overwritten');
      demand(says(process.agreed, 'Undo the rotation of', old.sip_username), 'undone without a yes');
    } else if (method === 'DELETE' && step === 'delete') {
      const asked =
        says(process.agreed, 'Delete the telephony credential', old.sip_username) ||
        (says(process.agreed, 'DELETED AT ONCE', old.sip_username) && wish.overlap === 0);
      // Deleting what is gone takes nothing from anyone.
      demand(id === old.id && (asked || !record), 'the old one is deleted without a yes');
      // One that has expired is of use to nobody.
      const useless = !record || world.isExpired(record);
      demand(useless || takenOver(universe, rotation), 'the old one is deleted although no successor works');
    } else if (method === 'DELETE' && step === 'remove') {
      demand(id === successorOf(rotation) || record?.tag === markOf(rotation), 'removes something else');
      demand(says(process.agreed, 'Undo the rotation of', old.sip_username), 'undone without a yes');
      const left = world.telephony.get(old.id);
      const back = left !== undefined && (old.expired || !world.isExpired(left));
      // Without a password at its destination nobody can have used it.
      const lost = record && !world.isExpired(record) && factsOf(rotation, 'create') !== undefined;
      demand(back || !lost, 'the successor is deleted although the old one is gone');
    } else demand(false, 'a write that belongs to no step');
  };
}

const says = (agreed: string | undefined, ...parts: (string | null)[]): boolean =>
  agreed !== undefined && parts.every((part) => part !== null && agreed.includes(part));

/** Holds the account against the ledger once nothing more is to be done. */
export function checkTelephony(universe: TelephonyUniverse): void {
  for (const rotation of universe.rotations()) if (isTelephony(rotation)) checkRotation(universe, rotation);
}

function checkRotation(universe: TelephonyUniverse, rotation: TelephonyRotation): void {
  const { world, others } = universe;
  const { old, wish } = rotation;
  const state = stateOf(rotation, universe.now());
  const demand = (holds: boolean, otherwise: string) => universe.demand(holds, `${state}: ${otherwise}`);
  const id = successorOf(rotation);
  const successor = world.telephony.get(id);
  const before = world.telephony.get(old.id);
  const marked = [...world.telephony.values()].filter((record) => record.tag === markOf(rotation) && record.id !== id);
  // Whoever rotated the successor in its turn may have ended it.
  const rotatedOn = universe.rotations().some((other) => other.old.id === id);

  demand(marked.length === 0, 'another one bears the mark');
  switch (state) {
    case 'done':
      demand(handedOver(universe, rotation) || others.deleted.has(id) || rotatedOn, 'no successor');
      if (successor) {
        // Where the old one was then, whatever a person agreed to since.
        const began = universe.memory.entries.get(rotation.id)?.[0]?.event;
        const place = `connection:${began?.type === 'began' && began.kind === 'telephony' && began.old.connection_id}`;
        demand(successor.resource_id === place || others.moved.has(id), 'the successor is on another connection');
        const life = wish.expires_at?.slice(0, 19) ?? successor.expires_at;
        demand(successor.expires_at === life || others.expiry.has(id) || rotatedOn, 'the successor has another life');
        // One that was refused may have been tried again, when the refusal was not recorded.
        const mayLack = universe.untagged.has(successor.id) && successor.tag === markOf(rotation);
        demand(successor.tag === (wish.tag ?? markOf(rotation)) || mayLack, 'the successor has another tag');
      }
      if (old.expired) demand(before !== undefined || others.deleted.has(old.id), 'an expired one was deleted');
      else demand(before === undefined, 'the old one was left living');
      return;
    case 'rolled_back':
    case 'given_up': {
      demand(successor === undefined, 'the successor was left living');
      const goneOn = goesOn(universe, rotation);
      const said = factsOf(rotation, 'restore')?.note?.includes('nothing brings it back') === true;
      demand(before !== undefined || others.deleted.has(old.id) || said || goneOn, 'the old one is lost');
      const first = universe.rotations().find((other) => other.old.id === old.id);
      const due = others.expiry.get(old.id) ?? (isTelephony(first) ? first.old.stored_expiry : null);
      // Telnyx has more than one way to say never.
      const made = before?.created_at ?? null;
      const same = expiryFromTelnyx(before?.expires_at, made).at === expiryFromTelnyx(due, made).at;
      demand(
        !before || same || (said && world.isExpired(before)) || goneOn,
        `its expiry is ${before?.expires_at}, it was ${due}`,
      );
      return;
    }
    case 'rolling_back':
      // Too late, and it said so: then at least the successor must be left.
      demand(before === undefined || world.isExpired(before), 'stuck although the old one lives');
      demand(successor !== undefined && !world.isExpired(successor), 'both are lost');
      return;
    default:
      demand(false, `stuck at ${[...rotation.steps].at(-1)?.[0]}`);
  }
}

/** Whether the old one of a rotation was rotated once more after it, or was itself a successor that was undone. */
function goesOn(universe: TelephonyUniverse, { id, old }: Rotation): boolean {
  const all = universe.rotations();
  const last = all.filter((other) => other.old.id === old.id).at(-1);
  return last?.id !== id || all.some((other) => successorOf(other) === old.id && other.rollbackAt !== undefined);
}
