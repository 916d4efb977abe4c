import { conflict, type ToolError, unexpected } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { parseCertificate } from '../material/pem.ts';
import {
  type Connection,
  connectionsUsing,
  getConnection,
  PUSH_FIELDS,
  pointConnection,
} from '../telnyx/connections.ts';
import {
  createPushCredential,
  deletePushCredential,
  findPushCredential,
  getPushCredential,
  type PushCredential,
  type PushMaterial,
} from '../telnyx/push-credentials.ts';
import type { PushUser, StepName } from './events.ts';
import { factsOf, type PushRotation, successorOf } from './item.ts';
import { madeBefore, unlessGone } from './parties.ts';
import { TAKEN_UP } from './telephony.ts';
import type { Doing, Handler } from './work.ts';

type Push = Doing<PushRotation>;

/** A service account by its key; one that does not name its key by whom it is of. */
const markOfAccount = ({ private_key_id, client_email }: Record<string, unknown>): string =>
  String(private_key_id ?? client_email);

/** What tells push material from any other: the certificate's SHA-256, or the id of the service account's key. */
export function fingerprintOfMaterial(material: PushMaterial): string {
  if (material.type === 'android') return markOfAccount(material.account);
  return String(parseCertificate(material.certificate)?.fingerprint256);
}

/** Whether a credential is of that material; what cannot be read is not. */
export function isMadeOf({ certificate, service_account }: PushCredential, fingerprint: string): boolean {
  if (service_account) return markOfAccount({ ...service_account }) === fingerprint;
  return certificate !== null && parseCertificate(certificate)?.fingerprint256 === fingerprint;
}

/** The fields of connections that point to a push credential, one entry for each. */
export function usersOf(connections: readonly Connection[], pushId: string): PushUser[] {
  return connections.flatMap((connection) =>
    PUSH_FIELDS.filter((field) => connection[field] === pushId).map((field) => {
      const { id, kind, name } = connection;
      return { id, kind, name, field };
    }),
  );
}

async function create({ item: rotation, work, hands, record, intend }: Push) {
  const { alias, fingerprint } = rotation.wish;
  const before = await madeBefore(() => findPushCredential(work.http, alias), record, work);
  if (before === 'later') return before;
  if (before) {
    if (isMadeOf(before, fingerprint)) return { id: before.id, name: before.alias, ...TAKEN_UP };
    throw aliasTaken();
  }
  // Only a free alias tells our own successor from another one when the answer is lost.
  if (!record?.intendedAt && !hands.free && (await findPushCredential(work.http, alias))) throw aliasTaken();
  const material = await hands.material?.();
  if (!material || fingerprintOfMaterial(material) !== fingerprint) {
    throw conflict(
      'The material the person agreed to is not there any more: it was dropped at a page, or its file has changed. No successor was made.',
      'End this rotation with roll_back_rotation, and start anew with the material.',
    );
  }
  await intend();
  const created = await createPushCredential(work.http, alias, material);
  return { id: created.id, name: created.alias };
}

const aliasTaken = (): ToolError =>
  conflict(
    'Someone else has meanwhile made a push credential with the alias of the successor.',
    'Undo this rotation with roll_back_rotation, if it is still open, and start anew with another alias.',
  );

/** Points one connection to the successor: only the one field, and only while it still points to the old one. */
async function repoint(doing: Push) {
  const successor = successorOf(doing.item);
  return point(doing, doing.item.old.id, successor);
}

/** Points one connection back to the old one, unless it points elsewhere by now. */
async function pointBack(doing: Push) {
  const successor = factsOf(doing.item, 'create')?.id;
  if (successor === undefined) return {};
  return point(doing, successor, doing.item.old.id);
}

async function point({ item: rotation, work, of, intend }: Push, from: string, to: string) {
  const user = rotation.old.users.find(({ id, field }) => of === `${id}.${field}`);
  if (!user) return {};
  const found = await lookUp(work.http, user);
  const named = `Connection ${quoted(user.name ?? user.id)}`;
  if (!found) return { note: `${named} was deleted by someone else.` };
  if (found[user.field] === to) return {};
  if (found[user.field] !== from) {
    return { note: `${named} points to ${found[user.field] ?? 'nothing'} by now; it was left so.` };
  }
  await intend();
  const changed = await pointConnection(work.http, user, to);
  if (changed[user.field] === to) return {};
  throw unexpected(`${named} still does not point where it should.`, 'Look at it with list_connections.');
}

/** Reads every connection again: a write that was answered with 200 is not yet a write. */
async function readBack({ item: rotation, work }: Push) {
  const successor = successorOf(rotation);
  const strays: string[] = [];
  for (const user of rotation.old.users) {
    if (factsOf(rotation, 'repoint', `${user.id}.${user.field}`)?.note) continue;
    const found = await lookUp(work.http, user);
    if (found && found[user.field] !== successor) strays.push(`"${user.name ?? user.id}"`);
  }
  await getPushCredential(work.http, successor);
  return strays.length === 0 ? {} : { note: `Changed again by someone else: ${strays.join(', ')}.` };
}

function lookUp(http: Push['work']['http'], { kind, id }: PushUser): Promise<Connection | undefined> {
  return getConnection(http, kind, id).catch(unlessGone);
}

async function end({ item: rotation, work: { http }, intend }: Push) {
  await refuseInUse(http, rotation.old.id, 'old credential');
  await intend();
  await deletePushCredential(http, rotation.old.id).catch(unlessGone);
  return {};
}

async function remove({ item: rotation, work, intend }: Push) {
  const find = async () => {
    const found = await findPushCredential(work.http, rotation.wish.alias);
    return found && isMadeOf(found, rotation.wish.fingerprint) ? found : undefined;
  };
  const known = factsOf(rotation, 'create')?.id;
  const made = known === undefined ? await madeBefore(find, rotation.steps.get('create'), work) : { id: known };
  if (made === 'later') return made;
  if (!made) return { note: 'No successor had been made.' };
  await refuseInUse(work.http, made.id, 'successor');
  await intend();
  await deletePushCredential(work.http, made.id).catch(unlessGone);
  return {};
}

async function refuseInUse(http: Push['work']['http'], id: string, what: string): Promise<void> {
  const users = await connectionsUsing(http, id, () => undefined);
  if (users.length === 0) return;
  const names = users.slice(0, 5).map(({ id, name, kind }) => `"${name ?? id}" (${kind})`);
  throw conflict(
    `The ${what} was not deleted: ${users.length} connections point to it, such as ${names.join(', ')}. Their apps would get no more calls by push.`,
    'Have them pointed elsewhere first, then call continue_rotation.',
  );
}

export const pushSteps: Partial<Record<StepName, Handler<PushRotation>>> = {
  create,
  repoint,
  read_back: readBack,
  delete: end,
  point_back: pointBack,
  remove,
};
