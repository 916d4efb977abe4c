import { z } from 'zod';
import type { Question } from '../core/consent.ts';
import { badInput, conflict } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { type Deps, defineChange } from '../core/tool.ts';
import { begin, stepsOf } from '../jobs/begin.ts';
import type { OldPush, PushUser } from '../jobs/events.ts';
import { fingerprintOfMaterial, isMadeOf, usersOf } from '../jobs/push.ts';
import { run } from '../jobs/run.ts';
import { outsideInWords } from '../secrets/allowed-folder.ts';
import { connectionsUsing } from '../telnyx/connections.ts';
import { findPushCredential, getPushCredential } from '../telnyx/push-credentials.ts';
import { id, text, uniqueName } from './fields.ts';
import { rotationShape } from './job-view.ts';
import { connectionsNamed, countOf, describePush, handleOf, viewPush } from './push-credentials.ts';
import {
  inspectMaterial,
  materialArgs,
  materialInWords,
  type Report,
  refuseMaterial,
  untilDropped,
} from './push-material.ts';
import { begunBefore, rotateAlone } from './rotations.ts';

const { type: _, ...files } = materialArgs;

const input = z.object({
  id,
  ...files,
  alias: uniqueName.optional().describe('Default: the old one with a date'),
  connections: z.array(id).max(500).optional().describe('Default: all that use it'),
  reason: text.optional(),
});

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
  asks: 'always',
  propose: async (args, deps) => {
    const begun = await begunBefore(args.id, deps);
    if (begun) return begun;
    const found = await getPushCredential(deps.http, args.id);
    const { alias, type } = found;
    if (found.shared_by_telnyx) {
      throw conflict(
        'This is a demo credential that Telnyx shares with every account.',
        'Create one of your own with create_mobile_push_credential.',
      );
    }
    if (type !== 'ios' && type !== 'android') throw badInput('This credential is neither of iOS nor of Android.');
    const inspected = await inspectMaterial({ ...args, type }, deps);
    if ('wait' in inspected) return untilDropped(inspected);
    const { material, findings } = inspected;
    if (!material) throw refuseMaterial(findings);
    const fingerprint = fingerprintOfMaterial(material);
    if (isMadeOf(found, fingerprint))
      throw badInput(
        'This is the material of the old credential.',
        'Have the person give the new material, and call again.',
      );
    const users = chosen(usersOf(await connectionsUsing(deps.http, args.id, deps.progress), args.id), args.connections);
    const old: OldPush = { id: found.id, alias, type, users };
    const given = Object.entries(args).filter((entry): entry is [string, string] => entry[0].endsWith('_file'));
    const wish = {
      alias: await freeAlias(args.alias, alias ?? type, deps),
      fingerprint,
      ...(given.length > 0 && { files: Object.fromEntries(given) }),
      ...(args.reason !== undefined && { reason: args.reason }),
    };
    return {
      binding: { old, wish, outside: inspected.outside },
      seen: true,
      steps: stepsOf({ type: 'began', kind: 'push', old, wish }),
      question: async () => {
        const other = otherApp(await viewPush(found, deps), inspected);
        return questionOf(old, wish.alias, inspected, other, args.connections !== undefined);
      },
      material,
    };
  },
  run: ({ binding: { old, wish }, seen, material }, deps) =>
    rotateAlone(old.id, deps, async (lease) => {
      const begun = await begin(deps, { type: 'began', kind: 'push', old, wish }, lease);
      return run(begun, deps, { material: async () => material, free: seen, mayDelete: false, lease });
    }),
});

function questionOf(old: OldPush, alias: string, made: Report, other: string, some: boolean): Question {
  const { users } = old;
  const effect =
    users.length === 0
      ? `${some ? 'No connection was named' : 'No connection uses it'}, so none changes.`
      : `${countOf(users)} point to the new one from then on: ${connectionsNamed(users)}. Their apps get calls by push only if the new material is right.`;
  return {
    text: `Rotate the ${describePush(old)}? A successor ${quoted(alias)} is made of ${materialInWords(made)}.${outsideInWords(made.outside)}${other} ${effect} The old one is kept.`,
    ...(users.length > 0 && { phrase: `rotate ${handleOf(old)} on ${countOf(users)}` }),
  };
}

/** Says that the material is for another app than the old one: whoever has that app would get no calls by push. */
function otherApp(old: Pick<Report, 'certificate' | 'service_account'>, made: Report): string {
  const of = ({ certificate, service_account }: typeof old) => certificate?.bundle_id ?? service_account?.project_id;
  const [was, is] = [of(old), of(made)];
  return was && is && was !== is ? ` BUT THE OLD ONE IS FOR ANOTHER, ${quoted(was)}.` : '';
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
  throw conflict('A push credential with this alias exists already.', 'Give another alias.');
}
