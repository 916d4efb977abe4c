import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { createPushCredential, findPushCredential } from '../telnyx/push-credentials.ts';
import { type Deps, defineChange, defineRead } from '../tool.ts';
import { uniqueName } from './fields.ts';
import {
  cautions,
  inspectMaterial,
  type MaterialArgs,
  materialArgs,
  needsUpload,
  refuseMaterial,
} from './push-material.ts';
import { certificate, pushCredential, serviceAccount, viewPush } from './push-view.ts';

export const createPush = defineChange({
  name: 'create_mobile_push_credential',
  title: 'Create a mobile push credential',
  description:
    'Check push material and upload it. iOS: certificate_file (VoIP certificate) and private_key_file in PEM, or p12_file. Android: service_account_file (Firebase JSON). Give paths, or upload: true; never read the files.',
  toolset: 'push',
  effect: 'create',
  uploads: true,
  input: z.object({ alias: uniqueName.describe('Unique name'), ...materialArgs }),
  output: z.object({ credential: pushCredential, warnings: z.array(z.string()) }),
  plan: async (args, deps) => {
    // A plan opens no page: what the person would drop there is not known yet.
    const prepared = args.upload && args.upload_id === undefined ? undefined : await prepare(args, deps);
    const material = prepared && 'material' in prepared ? prepared.material : undefined;
    const secret = '(withheld)';
    const body =
      material?.type === 'ios'
        ? { certificate: material.certificate, private_key: secret }
        : { [args.type === 'ios' ? 'certificate, private_key' : 'project_account_json_file']: secret };
    const { type, alias } = args;
    return { requests: [{ method: 'POST', path: '/mobile_push_credentials', body: { type, alias, ...body } }] };
  },
  run: async (args, deps) => {
    const prepared = await prepare(args, deps);
    if ('upload_id' in prepared) return needsUpload(prepared);
    const created = await createPushCredential(deps.http, args.alias, prepared.material);
    return { credential: await viewPush(created, deps), warnings: cautions(prepared.findings) };
  },
});

/** The material of a new credential, checked, once its alias is known to be free. */
async function prepare(args: MaterialArgs & { alias: string }, deps: Deps) {
  const inspected = await inspectMaterial(args, deps);
  if ('upload_id' in inspected) return inspected;
  const { material, findings } = inspected;
  if (!material) throw refuseMaterial(findings);
  if (!(await findPushCredential(deps.http, args.alias))) return { material, findings };
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
    'What create_mobile_push_credential would find wrong with the material, and what to do, without uploading it.',
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
