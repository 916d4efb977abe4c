import type { PageUploads } from '../src/approval/local-pages.ts';
import { type Rotation, stateOf } from '../src/jobs/item.ts';
import type { ConnectionKind, ConnectionRecord, PushRecord } from '../src/sandbox/world.ts';
import { nth } from './rotation-heal.ts';
import type { Material } from './rotation-material.ts';
import { Universe } from './rotation-model.ts';

/** Ids that Telnyx would take. */
const IDS = {
  ios: '10000000-0000-4000-8000-000000000001',
  android: '10000000-0000-4000-8000-000000000002',
  spare: '10000000-0000-4000-8000-000000000003',
};
const FIELDS = ['ios_push_credential_id', 'android_push_credential_id'] as const;
type Field = (typeof FIELDS)[number];

/** The connections there are, and what they point to. */
const CONNECTIONS: [id: string, kind: ConnectionKind, ios: string | null, android: string | null][] = [
  ['web', 'credential', IDS.ios, IDS.android],
  ['app', 'credential', IDS.ios, null],
  ['trunk', 'fqdn', null, IDS.android],
  ['lyon', 'uac', null, IDS.spare],
  ['sbc', 'ip', null, null],
];

export class PushUniverse extends Universe {
  readonly material: Material;
  /** What was done to the account by others than the rotations: things deleted, and where they last pointed a field to. */
  readonly others = { deleted: new Set<string>(), pointed: new Map<string, string | null>() };

  constructor(material: Material) {
    super();
    this.material = material;
    material.reset();
    this.uploads = async () =>
      ({ take: material.take, open: () => Promise.reject(new Error('no page')) }) as PageUploads;
    const at = this.now().toISOString();
    for (const alias of ['ios', 'android', 'spare'] as const) this.add(IDS[alias], alias, alias === 'ios', 0);
    for (const [id, kind, ios, android] of CONNECTIONS)
      this.world.connections.set(id, connection(id, kind, at, ios, android));
  }

  add(id: string, alias: string, ios: boolean, generation: number): void {
    const at = this.now().toISOString();
    const record: PushRecord = {
      id,
      record_type: 'push_credential',
      alias,
      type: ios ? 'ios' : 'android',
      certificate: ios ? (this.material.certificates[generation] ?? '') : '',
      private_key: ios ? 'a key' : '',
      project_account_json_file: ios ? {} : { private_key_id: `${alias} key ${generation}` },
      is_public: false,
      created_at: at,
      updated_at: at,
    };
    this.world.push.set(id, record);
  }

  /** The id a target stands for; one that nobody has when there is no such rotation. */
  find(target: string): string {
    if (target === 'ios' || target === 'android' || target === 'spare') return IDS[target];
    const [side, n] = target.split(' ');
    const rotation = nth(this, Number(n));
    const id = side === 'old' ? rotation?.old.id : rotation?.steps.get('create')?.done?.facts.id;
    return id ?? '10000000-0000-4000-8000-00000000000f';
  }

  point(connection: ConnectionRecord, field: Field, to: string | null): void {
    connection[field] = to;
    this.others.pointed.set(`${connection.id}.${field}`, to);
  }

  /** Points elsewhere what others had pointed to something that a rotation is to delete, as its error asks for. */
  mend(rotation: Rotation): void {
    const forward = stateOf(rotation, this.now()) === 'old_one_left';
    const inTheWay = forward ? rotation.old.id : rotation.steps.get('create')?.done?.facts.id;
    const users = 'users' in rotation.old ? rotation.old.users.map(({ id, field }) => `${id}.${field}`) : [];
    for (const connection of this.world.connections.values())
      for (const field of FIELDS) {
        const key = `${connection.id}.${field}`;
        const theirs = this.others.pointed.has(key) || !users.includes(key);
        if (connection[field] === inTheWay && theirs) this.point(connection, field, null);
      }
  }
}

function connection(id: string, kind: ConnectionKind, at: string, ios: string | null, android: string | null) {
  return {
    kind,
    id,
    record_type: `${kind}_connection`,
    connection_name: id,
    active: true,
    ios_push_credential_id: ios,
    android_push_credential_id: android,
    tags: [],
    outbound: { outbound_voice_profile_id: '1' },
    created_at: at,
    updated_at: at,
  };
}
