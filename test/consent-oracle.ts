import { X509Certificate } from 'node:crypto';
import type { ConnectionRecord, TelephonyRecord } from '../src/sandbox/world.ts';
import type { Universe, Write } from './rotation-model.ts';

/** What a person agreed to, or what a call that need not ask does: a write is allowed when one of these allows it. */
export interface Grant {
  /** Over when the call is; the others go on with the rotation they are of. */
  once: boolean;
  allows(write: Write): boolean;
}

/** A credential as a binding has it. */
interface Old {
  id: string;
  name: string | null;
  connection_id: string | null;
  /** Null for never; undefined when nobody knows. */
  expires_at: string | null | undefined;
  stored_expiry: string | null;
}
interface User {
  id: string;
  kind: string;
  field: 'ios_push_credential_id' | 'android_push_credential_id';
}
// As a binding is JSON, and this is a witness of its own: it is read by what the tools' documentation says is in it.
// biome-ignore lint/suspicious/noExplicitAny: a binding is any JSON
export type Json = any;

const NEAR_MS = 60_000;

/** What every reading showed last: things by path, as they were when a reading of them reached the account. */
export class Looks {
  readonly #universe: Universe;
  readonly #telephony = new Map<string, TelephonyRecord | undefined>();
  readonly #connections = new Map<string, ConnectionRecord>();

  constructor(universe: Universe) {
    this.#universe = universe;
  }

  /** A reading of this path is about to be answered. */
  see(path: string): void {
    const { telephony, connections } = this.#universe.world;
    const [kind = '', id] = path.split('/');
    if (kind === 'telephony_credentials') {
      for (const known of id === undefined ? telephony.keys() : [id]) {
        const record = telephony.get(known);
        this.#telephony.set(known, record && { ...record });
      }
    }
    if (!kind.endsWith('_connections')) return;
    for (const record of connections.values())
      if (`${record.kind}_connections` === kind && (id ?? record.id) === record.id)
        this.#connections.set(record.id, { ...record });
  }

  /** A person was waited for: whatever was seen before that may be another thing by now. */
  forget(): void {
    this.#telephony.clear();
    this.#connections.clear();
  }

  /** Whether the last reading of a credential showed what a binding says of it. */
  shows({ id, connection_id, expires_at }: Pick<Old, 'id' | 'connection_id' | 'expires_at'>): boolean {
    const record = this.#telephony.get(id);
    if (!record || record.resource_id !== `connection:${connection_id}`) return false;
    if (expires_at === undefined) return true;
    return expires_at === null ? endless(record) : at(record.expires_at) === Date.parse(expires_at);
  }

  isExpired(id: string): boolean {
    const record = this.#telephony.get(id);
    return record !== undefined && this.#universe.world.isExpired(record);
  }

  field(connection: string, field: User['field']): string | null | undefined {
    return this.#connections.get(connection)?.[field];
  }

  /** The connections that were last seen to point to a push credential. */
  users(push: string): string[] {
    return [...this.#connections.values()]
      .filter((one) => one.ios_push_credential_id === push || one.android_push_credential_id === push)
      .map(({ id }) => id)
      .sort();
  }
}

const at = (text: unknown): number => Date.parse(`${text}`.endsWith('Z') ? `${text}` : `${text}Z`);
const endless = ({ expires_at, created_at }: TelephonyRecord): boolean =>
  at(expires_at) - at(created_at) > 19 * 365 * 86_400_000;
const is = ({ method, path }: Write, wanted: string): boolean => `${method} ${path}` === wanted;
const only = (body: object, ...keys: string[]): boolean => Object.keys(body).sort().join() === keys.sort().join();

/** What a rotation of a telephony credential has made; known by the tag it was made with. */
const made = ({ world }: Universe, tag: unknown) => [...world.telephony.values()].filter((one) => one.tag === tag);

/** The steps of a telephony rotation that take nothing away but what the overlap says: its yes carries them on. */
export function rotating(universe: Universe, looks: Looks, old: Old, wish: Json, lives: number | undefined): Grant[] {
  const successors = new Set<string>();
  const tags = new Set<unknown>();
  const ours = (id: string): boolean => {
    for (const tag of tags) for (const { id: known } of made(universe, tag)) successors.add(known);
    return successors.has(id);
  };
  const forward: Grant = {
    once: false,
    allows(write) {
      const { method, path, body } = write;
      const [, id = '', token] = path.split('/');
      if (is(write, 'POST telephony_credentials')) {
        const { connection_id, name = null, tag, expires_at } = body;
        // Of several that are alike, the one whose successor it is.
        const maker = universe.rotations().find(({ id: known }) => tag === `mcp_rotation_${known}`);
        if (maker?.old.id !== old.id) return false;
        tags.add(tag);
        const ends = wish.expires_at ?? (lives === undefined ? undefined : universe.time + lives * 1000);
        const fits =
          ends === undefined
            ? expires_at === undefined
            : Math.abs(at(expires_at) - new Date(ends).getTime()) < 60 * NEAR_MS;
        return looks.shows(old) && connection_id === old.connection_id && name === (wish.name ?? old.name) && fits;
      }
      if (method === 'POST' && token === 'token') return ours(id);
      if (method === 'PATCH' && 'tag' in body) return only(body, 'tag') && ours(id) && body.tag === wish.tag;
      if (!is(write, `PATCH telephony_credentials/${old.id}`) || !only(body, 'expires_at')) return false;
      return wish.overlap > 0 && isAfter(universe, body.expires_at, wish.overlap) && looks.shows(old);
    },
  };
  const atOnce: Grant = {
    once: true,
    allows: (write) =>
      wish.overlap === 0 && is(write, `DELETE telephony_credentials/${old.id}`) && looks.shows(old) && tags.size > 0,
  };
  return [forward, atOnce];
}

const isAfter = ({ time }: Universe, expires_at: unknown, overlap: number): boolean =>
  Math.abs(at(expires_at) - time - overlap * 1000) < NEAR_MS;

export const deleting = (old: Old, looks: Looks): Grant => ({
  once: true,
  allows: (write) => is(write, `DELETE telephony_credentials/${old.id}`) && looks.shows(old),
});

/** That an old one is let expire although it is not what it was. */
export const retiring = (universe: Universe, looks: Looks, old: Old, overlap: number): Grant => ({
  once: true,
  allows: (write) =>
    is(write, `PATCH telephony_credentials/${old.id}`) &&
    only(write.body, 'expires_at') &&
    isAfter(universe, write.body.expires_at, overlap) &&
    looks.shows(old),
});

/** An update; one that nobody was asked about may neither move nor shorten. */
export const updating = (old: Old, wanted: Record<string, unknown>, looks: Looks, agreed: boolean): Grant => ({
  once: true,
  allows(write) {
    const { connection_id, expires_at } = wanted;
    const moves = connection_id !== undefined && connection_id !== old.connection_id;
    const shortens = expires_at !== undefined && (old.expires_at === null || at(expires_at) < at(old.expires_at));
    const same = JSON.stringify(write.body) === JSON.stringify(wanted);
    return (
      is(write, `PATCH telephony_credentials/${old.id}`) && same && (agreed || !(moves || shortens)) && looks.shows(old)
    );
  },
});

export const deletingPush = (id: string, users: readonly User[], looks: Looks): Grant => ({
  once: true,
  allows: (write) =>
    is(write, `DELETE mobile_push_credentials/${id}`) &&
    looks.users(id).join() === [...new Set(users.map((user) => user.id))].sort().join(),
});

/** A push rotation: one successor of the material that was told, and the connections that were told. */
export function rotatingPush(universe: Universe, looks: Looks, old: Json, wish: Json): Grant {
  const successor = (): string | undefined =>
    [...universe.world.push.values()].find(({ alias }) => alias === wish.alias)?.id;
  return {
    once: false,
    allows(write) {
      const { path, body } = write;
      if (is(write, 'POST mobile_push_credentials')) {
        const { private_key_id } = (body.project_account_json_file ?? {}) as { private_key_id?: string };
        const mark = body.type === 'ios' ? new X509Certificate(`${body.certificate}`).fingerprint256 : private_key_id;
        return body.alias === wish.alias && body.type === old.type && mark === wish.fingerprint && !successor();
      }
      const user = (old.users as User[]).find(
        ({ kind, id, field }) => path === `${kind}_connections/${id}` && only(body, field),
      );
      if (write.method !== 'PATCH' || !user) return false;
      return body[user.field] === successor() && looks.field(user.id, user.field) === old.id;
    },
  };
}

/** The way back of a rotation that a person agreed to. */
export function undoing(looks: Looks, old: Json, successor: string | null): Grant {
  return {
    once: true,
    allows(write) {
      const { method, path, body } = write;
      if (method === 'DELETE')
        return path === `${'users' in old ? 'mobile_push' : 'telephony'}_credentials/${successor}`;
      if ('users' in old) {
        const user = (old.users as User[]).find(({ kind, id }) => path === `${kind}_connections/${id}`);
        const field = user && (Object.keys(body)[0] as User['field']);
        return field !== undefined && body[field] === old.id && looks.field(user?.id ?? '', field) === successor;
      }
      return is(write, `PATCH telephony_credentials/${old.id}`) && body.expires_at === old.stored_expiry;
    },
  };
}
