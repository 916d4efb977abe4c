import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { type Connection, connectionsUsing } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import { deletePushCredential, getPushCredential, listPushCredentials } from '../telnyx/push-credentials.ts';
import { defineChange, defineRead } from '../tool.ts';
import { cursor, id, limit, page, readPage, text } from './fields.ts';
import { materialArgs } from './push-material.ts';
import { describePush, pushCredential, viewPush } from './push-view.ts';

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
  confirm: async (args, deps) => {
    const found = await getPushCredential(deps.http, args.id);
    if (found.shared_by_telnyx) {
      throw new ToolError(
        'PERMISSION',
        'This is a demo credential that Telnyx shares with every account.',
        'Leave it; it cannot be deleted.',
      );
    }
    const users = await connectionsUsing(deps.http, args.id, deps.progress);
    const created = found.created_at === null ? '' : ` (created ${forPerson(found.created_at)})`;
    const thing = `the ${describePush(found)}${created}`;
    if (users.length === 0) return { text: `Delete ${thing}? No connection uses it. It cannot be brought back.` };
    const many = `${users.length} connection${users.length === 1 ? '' : 's'}`;
    return {
      text: `Delete ${thing}? It is in use by ${many}: ${nameAll(users)}. Their apps get no more calls by push, and it cannot be brought back.`,
      phrase: `delete ${found.alias ?? found.id} in use by ${many}`,
    };
  },
  plan: async (args) => ({ requests: [{ method: 'DELETE', path: `/mobile_push_credentials/${args.id}` }] }),
  run: async (args, deps) => {
    await deletePushCredential(deps.http, args.id);
    return { id: args.id };
  },
});

function nameAll(users: Connection[]): string {
  const shown = users.slice(0, 20).map(({ id, name, kind }) => `"${name ?? id}" (${kind})`);
  return [...shown, ...(users.length > 20 ? [`and ${users.length - 20} more`] : [])].join(', ');
}
