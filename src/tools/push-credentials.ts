import { z } from 'zod';
import { changedSince, differences, type Question } from '../core/consent.ts';
import { ToolError } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { defineChange, defineRead } from '../core/tool.ts';
import { type Connection, connectionsUsing } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  deletePushCredential,
  deletionOfPush,
  getPushCredential,
  listPushCredentials,
  type PushCredential,
} from '../telnyx/push-credentials.ts';
import { cursor, id, limit, page, readPage, text } from './fields.ts';
import { materialArgs } from './push-material.ts';
import { connectionsNamed, countOf, describePush, handleOf, pushCredential, viewPush } from './push-view.ts';

export const listPush = defineRead({
  name: 'list_mobile_push_credentials',
  title: 'List mobile push credentials',
  description: 'APNs (iOS) and FCM (Android) credentials, with what their certificates and service accounts say.',
  toolset: 'push',
  input: z.object({ type: materialArgs.type.optional(), alias: text.optional(), limit, cursor }),
  output: z.object({ mobile_push_credentials: z.array(pushCredential), ...page }),
  run: async (args, deps) => {
    const { rows, beside } = await readPage('push', args, deps, (filters, window) =>
      listPushCredentials(deps.http, filters, window),
    );
    return { mobile_push_credentials: await Promise.all(rows.map((row) => viewPush(row, deps))), ...beside };
  },
});

export const getPush = defineRead({
  name: 'get_mobile_push_credential',
  title: 'Get a mobile push credential',
  description: 'One push credential by id, with the days its certificate has left.',
  toolset: 'push',
  input: z.object({ id }),
  output: pushCredential,
  run: async (args, deps) => viewPush(await getPushCredential(deps.http, args.id), deps),
});

export const deletePush = defineChange({
  name: 'delete_mobile_push_credential',
  title: 'Delete a mobile push credential',
  description:
    'Delete a push credential for good, after asking the person, who is told which connections still use it.',
  toolset: 'push',
  effect: 'destroy',
  input: z.object({ id }),
  output: z.object({ id: z.string() }),
  asks: 'always',
  propose: async ({ id }, deps) => {
    const found = await getPushCredential(deps.http, id);
    if (found.shared_by_telnyx) {
      throw new ToolError(
        'PERMISSION',
        'This is a demo credential that Telnyx shares with every account.',
        'Leave it; it cannot be deleted.',
      );
    }
    const { alias, type } = found;
    const seen = await connectionsUsing(deps.http, id, deps.progress);
    return {
      binding: { id, alias, type, users: seen },
      seen,
      steps: [deletionOfPush(id)],
      question: () => deletionQuestion(found, seen),
    };
  },
  run: async ({ binding: { id, alias, users }, seen }, deps) => {
    const changed = differences(users, seen ?? (await connectionsUsing(deps.http, id, deps.progress)));
    if (changed.length > 0) throw changedSince(`What uses push credential ${quoted(alias ?? id)}`, changed);
    await deletePushCredential(deps.http, id);
    return { id };
  },
});

const MOST_NAMES = 20;

function deletionQuestion(found: PushCredential, users: Connection[]): Question {
  const { created_at } = found;
  const thing = `the ${describePush(found)}${created_at === null ? '' : ` (created ${forPerson(created_at)})`}`;
  if (users.length === 0) return { text: `Delete ${thing}? No connection uses it. It cannot be brought back.` };
  const more = users.length > MOST_NAMES ? `, and ${users.length - MOST_NAMES} more` : '';
  return {
    text: `Delete ${thing}? It is in use by ${countOf(users)}: ${connectionsNamed(users.slice(0, MOST_NAMES))}${more}. Their apps get no more calls by push, and it cannot be brought back.`,
    phrase: `delete ${handleOf(found)} in use by ${countOf(users)}`,
  };
}
