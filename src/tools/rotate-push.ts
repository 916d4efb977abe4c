import { z } from 'zod';
import { badInput, ToolError } from '../errors.ts';
import { begin } from '../rotation/begin.ts';
import type { OldPush, PushUser } from '../rotation/events.ts';
import { fingerprintOfMaterial, isMadeOf, usersOf } from '../rotation/push.ts';
import { run } from '../rotation/run.ts';
import { connectionsUsing } from '../telnyx/connections.ts';
import { findPushCredential, getPushCredential } from '../telnyx/push-credentials.ts';
import { type Deps, defineChange } from '../tool.ts';
import { id, text, uniqueName } from './fields.ts';
import { inspectMaterial, materialArgs, needsUpload, refuseMaterial } from './push-material.ts';
import { describePush } from './push-view.ts';
import { currentRotation, rotateAlone } from './rotate-alone.ts';
import { result, rotationShape } from './rotation-view.ts';

const { type: _, ...files } = materialArgs;

const input = z.object({
  id,
  ...files,
  alias: uniqueName.optional().describe('Default: the old one with a date'),
  connections: z.array(id).max(500).optional().describe('Default: all that use it'),
  reason: text.optional(),
});
type Args = z.output<typeof input>;

const PATHS = [
  'certificate_file',
  'private_key_file',
  'p12_file',
  'p12_passphrase_file',
  'service_account_file',
] as const;

export const rotatePush = defineChange({
  name: 'rotate_mobile_push_credential',
  title: 'Rotate a mobile push credential',
  description:
    'Replace a push credential by one of new material (given as in create_mobile_push_credential), point every connection that uses it to the new one, read them back, and keep the old one for rollback. Asks the person.',
  toolset: 'rotation',
  effect: 'update',
  uploads: true,
  lasts: true,
  input,
  selects: ['connections'],
  output: z.object({ rotation: rotationShape }),
  confirm: async (args, deps) => {
    if (await currentRotation(args.id, deps)) return undefined;
    const prepared = await prepare(args, deps);
    if ('upload_id' in prepared) return undefined;
    const { old, alias } = prepared;
    const names = old.users.map(({ id, name, kind }) => `"${name ?? id}" (${kind})`).join(', ');
    const effect =
      old.users.length === 0
        ? `${args.connections === undefined ? 'No connection uses it' : 'No connection was named'}, so none changes.`
        : `${old.users.length} connections point to the new one from then on: ${names}. Their apps get calls by push only if the new material is right.`;
    return {
      text: `Rotate the ${describePush(old)}? A successor "${alias}" is made. ${effect} The old one is kept.`,
      ...(old.users.length > 0 && { phrase: `rotate ${old.alias ?? old.id} on ${old.users.length} connections` }),
    };
  },
  plan: async (args, deps) => {
    const prepared = await prepare({ ...args, upload: args.upload_id === undefined ? undefined : args.upload }, deps);
    if ('upload_id' in prepared) return { requests: [] };
    const { old, alias } = prepared;
    return {
      requests: [
        { method: 'POST', path: '/mobile_push_credentials', body: { type: old.type, alias, material: '(withheld)' } },
        ...old.users.map(({ kind, id, field }) => ({
          method: 'PATCH' as const,
          path: `/${kind}_connections/${id}`,
          body: { [field]: '(its id)' },
        })),
      ],
    };
  },
  run: async (args, deps) => {
    const rotated = await rotateAlone(args.id, deps, () => rotate(args, deps));
    return 'upload_id' in rotated ? needsUpload(rotated) : result(rotated, deps);
  },
});

async function rotate(args: Args, deps: Deps) {
  const prepared = await prepare(args, deps);
  if ('upload_id' in prepared) return prepared;
  const { old, alias, material } = prepared;
  const given = PATHS.flatMap((name) => (args[name] === undefined ? [] : [[name, args[name]] as const]));
  const begun = await begin(deps, {
    type: 'began',
    kind: 'push',
    old,
    wish: {
      alias,
      fingerprint: fingerprintOfMaterial(material),
      ...(given.length > 0 && { files: Object.fromEntries(given) }),
      ...(args.reason !== undefined && { reason: args.reason }),
    },
  });
  return run(begun, deps, { material: async () => material, mayDelete: false });
}

/** The old credential with its users, the new one's material and its alias, all checked. */
async function prepare(args: Args, deps: Deps) {
  const found = await getPushCredential(deps.http, args.id);
  if (found.shared_by_telnyx) {
    throw new ToolError(
      'CONFLICT',
      'This is a demo credential that Telnyx shares with every account.',
      'Create one of your own with create_mobile_push_credential.',
    );
  }
  const { type } = found;
  if (type !== 'ios' && type !== 'android') throw badInput('This credential is neither of iOS nor of Android.');
  const inspected = await inspectMaterial({ ...args, type }, deps);
  if ('upload_id' in inspected) return inspected;
  const { material, findings } = inspected;
  if (!material) throw refuseMaterial(findings);
  if (isMadeOf(found, fingerprintOfMaterial(material)))
    throw badInput(
      'This is the material of the old credential.',
      'Have the person give the new material, and call again.',
    );
  const users = chosen(usersOf(await connectionsUsing(deps.http, args.id, deps.progress), args.id), args.connections);
  const old: OldPush = { id: found.id, alias: found.alias, type, users };
  return { old, material, alias: await freeAlias(args.alias, found.alias ?? type, deps) };
}

function chosen(users: PushUser[], wanted: string[] | undefined): PushUser[] {
  if (!wanted) return users;
  const unknown = wanted.filter((connection) => !users.some((user) => user.id === connection));
  if (unknown.length === 0) return users.filter((user) => wanted.includes(user.id));
  throw badInput(`These connections do not use this credential: ${unknown.slice(0, 5).join(', ')}.`);
}

/** The alias asked for, or the old one's with the day of today, in a form nobody has yet. */
async function freeAlias(wanted: string | undefined, oldAlias: string, { http, now }: Deps): Promise<string> {
  const dated = `${oldAlias.replace(/-\d{4}-\d\d-\d\d(-\d)?$/, '')}-${now().toISOString().slice(0, 10)}`;
  const candidates = wanted === undefined ? [dated, ...[2, 3, 4, 5].map((n) => `${dated}-${n}`)] : [wanted];
  for (const alias of candidates) if (!(await findPushCredential(http, alias))) return alias;
  throw new ToolError('CONFLICT', 'A push credential with this alias exists already.', 'Give another alias.');
}
