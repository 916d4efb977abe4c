import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { type Connection, connectionsUsing } from '../telnyx/connections.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  createPushCredential,
  deletePushCredential,
  getPushCredential,
  listPushCredentials,
  type PushCredential,
} from '../telnyx/push-credentials.ts';
import { type Deps, defineChange, defineRead } from '../tool.ts';
import { cursor, id, limit, page, readPage, text, uniqueName } from './fields.ts';
import {
  cautions,
  inspectMaterial,
  type MaterialArgs,
  materialArgs,
  needsUpload,
  refuseMaterial,
} from './push-material.ts';

const certificate = z.object({
  subject: z.string(),
  bundle_id: z.string().nullable(),
  voip: z.boolean(),
  not_before: z.string(),
  not_after: z.string(),
  days_left: z.number(),
  fingerprint: z.string(),
});

const serviceAccount = z.object({
  project_id: z.string().nullable(),
  client_email: z.string().nullable(),
  private_key_id: z.string().nullable(),
});

const credential = z.object({
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

export const listPush = defineRead({
  name: 'list_mobile_push_credentials',
  title: 'List mobile push credentials',
  description: 'APNs (iOS) and FCM (Android) credentials, with what their certificates and service accounts say.',
  toolset: 'push',
  input: z.object({ type: materialArgs.type.optional(), alias: text.optional(), limit, cursor }),
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
    'Check push material and upload it. iOS: certificate_file (VoIP certificate) and private_key_file in PEM, or p12_file. Android: service_account_file (Firebase JSON). Give paths on this machine, or upload: true; never read or paste what is in the files.',
  toolset: 'push',
  effect: 'create',
  uploads: true,
  input: z.object({ alias: uniqueName.describe('Unique name'), ...materialArgs }),
  output: z.object({ credential, warnings: z.array(z.string()) }),
  plan: async (args, deps) => {
    const prepared = await prepare(args, deps);
    if ('upload_id' in prepared) return { requests: [] };
    const secret = '(withheld)';
    const body =
      prepared.material.type === 'ios'
        ? { certificate: prepared.material.certificate, private_key: secret }
        : { project_account_json_file: secret };
    return {
      requests: [
        { method: 'POST', path: '/mobile_push_credentials', body: { type: args.type, alias: args.alias, ...body } },
      ],
    };
  },
  run: async (args, deps) => {
    const prepared = await prepare(args, deps);
    if ('upload_id' in prepared) return needsUpload(prepared);
    const created = await createPushCredential(deps.http, args.alias, prepared.material);
    return { credential: await view(created, deps), warnings: cautions(prepared.findings) };
  },
});

/** The material of a new credential, checked, once its alias is known to be free. */
async function prepare(args: MaterialArgs & { alias: string }, deps: Deps) {
  const inspected = await inspectMaterial(args, deps);
  if ('upload_id' in inspected) return inspected;
  const { material, findings } = inspected;
  if (!material) throw refuseMaterial(findings);
  const taken = await listPushCredentials(deps.http, { alias: args.alias }, { offset: 0, limit: 2 });
  if (!taken.rows.some((row) => row.alias === args.alias)) return { material, findings };
  throw new ToolError(
    'CONFLICT',
    'A push credential with this alias exists already.',
    'Choose another alias, such as this one with a date.',
  );
}

export const checkPush = defineRead({
  name: 'check_push_material',
  title: 'Check push material',
  description:
    'The checks of create_mobile_push_credential without uploading anything: what is wrong, and what to do about it.',
  toolset: 'push',
  input: z.object(materialArgs),
  output: z.object({
    status: z.enum(['usable', 'unusable', 'needs_upload']),
    findings: z
      .array(z.object({ code: z.string(), severity: z.string(), found: z.string(), action: z.string() }))
      .optional(),
    certificate: certificate.optional(),
    service_account: serviceAccount.optional(),
    message: z.string().optional(),
    upload_id: z.string().optional(),
  }),
  run: async (args, deps) => {
    const inspected = await inspectMaterial(args, deps);
    if ('upload_id' in inspected) return needsUpload(inspected);
    const { material, ...report } = inspected;
    return { status: material ? ('usable' as const) : ('unusable' as const), ...report };
  },
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
