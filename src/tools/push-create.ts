import { z } from 'zod';
import { conflict } from '../core/errors.ts';
import { defineChange, defineRead } from '../core/tool.ts';
import { fingerprintOfMaterial } from '../jobs/push.ts';
import { createPushCredential, creationOfPush, findPushCredential } from '../telnyx/push-credentials.ts';
import { uniqueName } from './fields.ts';
import { cautions, inspectMaterial, materialArgs, refuseMaterial, untilDropped } from './push-material.ts';
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
  asks: 'never',
  propose: async (args, deps) => {
    const inspected = await inspectMaterial(args, deps);
    if ('wait' in inspected) return untilDropped(inspected);
    const { alias } = args;
    const { material, findings } = inspected;
    if (!material) throw refuseMaterial(findings);
    if (await findPushCredential(deps.http, alias)) {
      throw conflict(
        'A push credential with this alias exists already.',
        'Choose another alias, such as this one with a date.',
      );
    }
    const binding = { alias, fingerprint: fingerprintOfMaterial(material), warnings: cautions(findings) };
    return { binding, steps: [creationOfPush(alias, material)], material };
  },
  run: async ({ binding: { alias, warnings }, material }, deps) => {
    const created = await createPushCredential(deps.http, alias, material);
    return { credential: await viewPush(created, deps), warnings };
  },
});

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
    if ('wait' in inspected) return inspected.wait();
    const { material, ...report } = inspected;
    return { status: material ? ('usable' as const) : ('unusable' as const), ...report };
  },
});
