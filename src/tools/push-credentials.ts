import { z } from 'zod';
import { changedSince, differences, type Question } from '../core/consent.ts';
import { ToolError } from '../core/errors.ts';
import { plainly, quoted } from '../core/text.ts';
import { type Deps, defineChange, defineRead } from '../core/tool.ts';
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

export const platform = z.enum(['ios', 'android']);

export const certificate = z.object({
  subject: z.string().nullable(),
  bundle_id: z.string().nullable(),
  voip: z.boolean(),
  not_before: z.string(),
  not_after: z.string(),
  days_left: z.number(),
  fingerprint: z.string(),
});

export const serviceAccount = z.object({
  project_id: z.string().nullable(),
  client_email: z.string().nullable(),
  private_key_id: z.string().nullable(),
});

/** A push credential as an agent sees it. */
export const pushCredential = z.object({
  id: z.string(),
  alias: z.string().nullable(),
  type: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  shared_by_telnyx: z.boolean(),
  certificate: certificate.optional(),
  service_account: serviceAccount.optional(),
  private_key_fingerprint: z.string().nullable(),
});

export const listPush = defineRead({
  name: 'list_mobile_push_credentials',
  title: 'List mobile push credentials',
  description: 'APNs (iOS) and FCM (Android) credentials, with what their certificates and service accounts say.',
  toolset: 'push',
  input: z.object({ type: platform.optional(), alias: text.optional(), limit, cursor }),
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

/** A push credential as a person would recognise it, by as much of it as is known; an article belongs before it. */
export function describePush({ id, alias, type }: Pick<PushCredential, 'id' | 'alias' | 'type'>): string {
  return `${type === null ? '' : `${plainly(type)} `}push credential ${alias === null ? `with the id ${id}` : quoted(alias)}`;
}

/** A push credential in a phrase to type: by its alias where that is one plain word. */
export const handleOf = ({ id, alias }: { id: string; alias: string | null }): string =>
  alias !== null && plainly(alias) === alias ? alias : id;

/** Connections by name, for a question. */
export const connectionsNamed = (connections: readonly Pick<Connection, 'id' | 'name' | 'kind'>[]): string =>
  connections.map(({ id, name, kind }) => `${name === null ? id : quoted(name)} (${kind})`).join(', ');

/** How many connections, in words. */
export const countOf = ({ length }: readonly unknown[]): string => `${length} connection${length === 1 ? '' : 's'}`;

export async function viewPush(
  { certificate, service_account, private_key, ...shown }: PushCredential,
  { fingerprint, now }: Deps,
) {
  // Loaded when there is something to parse: the ASN.1 reader would slow every start.
  const { describeCertificate } = await import('../material/certificate.ts');
  const facts = certificate && describeCertificate(certificate, now());
  return {
    ...shown,
    ...(facts && { certificate: facts }),
    ...(service_account && { service_account }),
    private_key_fingerprint: fingerprint(private_key),
  };
}
