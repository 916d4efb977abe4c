import { z } from 'zod';
import { badInput, ToolError } from '../errors.ts';
import { readAppleMaterial } from '../material/apple.ts';
import { readMaterial } from '../material/file.ts';
import { readServiceAccount } from '../material/google.ts';
import { type Connection, connectionsUsing } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  createPushCredential,
  deletePushCredential,
  getPushCredential,
  listPushCredentials,
  type PushCredential,
  type PushMaterial,
} from '../telnyx/push-credentials.ts';
import { type Deps, defineChange, defineRead } from '../tool.ts';
import { cursor, id, limit, page, readPage, text, uniqueName } from './fields.ts';

const credential = z.object({
  id: z.string(),
  alias: z.string().nullable(),
  type: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  shared_by_telnyx: z.boolean(),
  certificate: z
    .object({
      subject: z.string(),
      bundle_id: z.string().nullable(),
      voip: z.boolean(),
      not_before: z.string(),
      not_after: z.string(),
      days_left: z.number(),
      fingerprint: z.string(),
    })
    .optional(),
  service_account: z
    .object({
      project_id: z.string().nullable(),
      client_email: z.string().nullable(),
      private_key_id: z.string().nullable(),
    })
    .optional(),
  private_key_fingerprint: z.string().nullable(),
});

async function view(
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

const type = z.enum(['ios', 'android']);
const path = z.string().min(1).max(4096);

export const listPush = defineRead({
  name: 'list_mobile_push_credentials',
  title: 'List mobile push credentials',
  description: 'APNs (iOS) and FCM (Android) credentials, with what their certificates and service accounts say.',
  toolset: 'push',
  input: z.object({ type: type.optional(), alias: text.optional(), limit, cursor }),
  output: z.object({ mobile_push_credentials: z.array(credential), ...page }),
  run: async (args, deps) => {
    const { rows, beside } = await readPage('push', args, deps, (filters, window) =>
      listPushCredentials(deps.http, filters, window),
    );
    return { mobile_push_credentials: await Promise.all(rows.map((row) => view(row, deps))), ...beside };
  },
});

export const getPush = defineRead({
  name: 'get_mobile_push_credential',
  title: 'Get a mobile push credential',
  description: 'One push credential by id, with the days its certificate has left. Its private key is never shown.',
  toolset: 'push',
  input: z.object({ id }),
  output: credential,
  run: async (args, deps) => view(await getPushCredential(deps.http, args.id), deps),
});

export const createPush = defineChange({
  name: 'create_mobile_push_credential',
  title: 'Create a mobile push credential',
  description:
    'Upload push material from files on this machine. iOS: certificate_file (VoIP certificate) and private_key_file, both PEM. Android: service_account_file (Firebase JSON). Give paths; never read or paste what is in them.',
  toolset: 'push',
  effect: 'create',
  input: z.object({
    type,
    alias: uniqueName.describe('Unique name'),
    certificate_file: path.optional(),
    private_key_file: path.optional(),
    service_account_file: path.optional(),
  }),
  output: z.object({ credential }),
  plan: async (args, deps) => {
    const material = await prepare(args, deps);
    const secret = '(withheld)';
    const body =
      material.type === 'ios'
        ? { certificate: material.certificate, private_key: secret }
        : { project_account_json_file: secret };
    return {
      requests: [
        { method: 'POST', path: '/mobile_push_credentials', body: { type: args.type, alias: args.alias, ...body } },
      ],
    };
  },
  run: async (args, deps) => {
    const material = await prepare(args, deps);
    return { credential: await view(await createPushCredential(deps.http, args.alias, material), deps) };
  },
});

/** The material of a new credential, read and checked, once its alias is known to be free. */
async function prepare(
  { type, alias, ...files }: Files & { type: string; alias: string },
  deps: Deps,
): Promise<PushMaterial> {
  const material = await (type === 'ios' ? readIos(files) : readAndroid(files));
  const taken = await listPushCredentials(deps.http, { alias }, { offset: 0, limit: 2 });
  if (!taken.rows.some((row) => row.alias === alias)) return material;
  throw new ToolError(
    'CONFLICT',
    'A push credential with this alias exists already.',
    'Choose another alias, such as this one with a date.',
  );
}

type Files = Partial<Record<'certificate_file' | 'private_key_file' | 'service_account_file', string | undefined>>;

async function readIos({ certificate_file, private_key_file, service_account_file }: Files): Promise<PushMaterial> {
  if (!certificate_file || !private_key_file || service_account_file) {
    throw badInput('An ios credential takes certificate_file and private_key_file, and no service_account_file.');
  }
  const certificate = await readMaterial('certificate_file', certificate_file);
  const key = await readMaterial('private_key_file', private_key_file);
  return { type: 'ios', ...readAppleMaterial(certificate, key) };
}

async function readAndroid({ certificate_file, private_key_file, service_account_file }: Files): Promise<PushMaterial> {
  if (!service_account_file || certificate_file || private_key_file) {
    throw badInput('An android credential takes service_account_file, and no certificate_file or private_key_file.');
  }
  return { type: 'android', ...readServiceAccount(await readMaterial('service_account_file', service_account_file)) };
}

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
    const thing = `the ${found.type} push credential "${found.alias}" (created ${forPerson(found.created_at)})`;
    if (users.length === 0) return { text: `Delete ${thing}? No connection uses it. It cannot be brought back.` };
    const many = `${users.length} connection${users.length === 1 ? '' : 's'}`;
    return {
      text: `Delete ${thing}? It is in use by ${many}: ${nameAll(users)}. Their apps get no more calls by push, and it cannot be brought back.`,
      phrase: `delete ${found.alias} in use by ${many}`,
    };
  },
  plan: async (args) => ({ requests: [{ method: 'DELETE', path: `/mobile_push_credentials/${args.id}` }] }),
  run: async (args, deps) => {
    await deletePushCredential(deps.http, args.id);
    return { id: args.id };
  },
});

function nameAll(users: Connection[]): string {
  const shown = users.slice(0, 20).map(({ name, kind }) => `"${name}" (${kind})`);
  return [...shown, ...(users.length > 20 ? [`and ${users.length - 20} more`] : [])].join(', ');
}
