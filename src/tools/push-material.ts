import { z } from 'zod';
import type { Waiting } from '../approval/local-pages.ts';
import type { UploadedFile } from '../approval/pages/upload.ts';
import { badInput, conflict, misconfigured, ToolError } from '../core/errors.ts';
import { plainly, quoted } from '../core/text.ts';
import { type Deps, defineChange, defineRead, type Instead } from '../core/tool.ts';
import type { Rotation } from '../jobs/item.ts';
import { fingerprintOfMaterial } from '../jobs/push.ts';
import { checkApple } from '../material/apple.ts';
import type { CertificateFacts } from '../material/certificate.ts';
import { type Finding, readMaterial, textOf } from '../material/file.ts';
import { checkGoogle } from '../material/google.ts';
import { identify, type Kind, kindOf } from '../material/kind.ts';
import { outsideInWords, outsideOf } from '../secrets/allowed-folder.ts';
import { Secret } from '../secrets/secret.ts';
import { forPerson } from '../telnyx/dates.ts';
import {
  createPushCredential,
  creationOfPush,
  findPushCredential,
  type PushMaterial,
  type ServiceAccount,
} from '../telnyx/push-credentials.ts';
import { text, uniqueName } from './fields.ts';
import { certificate, platform, pushCredential, serviceAccount, viewPush } from './push-credentials.ts';

const path = z.string().optional();

/** How push material is named in arguments: by paths on this machine, or by a page where the person drops the files. */
export const materialArgs = {
  type: platform,
  certificate_file: path,
  private_key_file: path,
  p12_file: path,
  p12_passphrase_file: path,
  service_account_file: path,
  upload: z.boolean().optional().describe('Open a page for the files instead'),
  upload_id: z.string().optional(),
  bundle_id: text.optional().describe('To compare with'),
  project_id: text.optional().describe('To compare with'),
};
export type MaterialArgs = z.output<z.ZodObject<typeof materialArgs>>;

/** What preflight says of material; `material` is there only when no finding is an error. */
export interface Report {
  findings: Finding[];
  certificate?: CertificateFacts;
  service_account?: ServiceAccount;
  material?: PushMaterial;
  /** The real paths of what was read from outside the allowed folders: a person is asked before that is uploaded. */
  outside: string[];
}

interface Given {
  certificate?: Buffer | Buffer[] | undefined;
  key?: Buffer | Buffer[] | undefined;
  p12?: Buffer | undefined;
  passphrase?: Secret | undefined;
  serviceAccount?: Buffer | undefined;
  outside: string[];
}

/** The files are still to be dropped: opens the page for them, or tells of the one that is open. */
interface Waits {
  wait(): Promise<{ status: 'needs_upload'; upload_id: string; message: string }>;
}

/** Reads and checks the material; gives what to wait for when the person has yet to drop the files. */
export async function inspectMaterial(args: MaterialArgs, deps: Deps): Promise<Report | Waits> {
  if (args.upload && args.upload_id === undefined) return { wait: async () => needsUpload(await openPage(args, deps)) };
  const given = args.upload_id === undefined ? await fromFiles(args, deps) : await fromPage(args.upload_id, args, deps);
  if ('secondsLeft' in given) return { wait: async () => needsUpload(given) };
  const { outside } = given;
  if (args.type === 'android') {
    if (!given.serviceAccount) throw badInput('An android credential takes service_account_file, or upload.');
    const { findings, account, material } = checkGoogle(given.serviceAccount, args.project_id);
    return {
      findings,
      outside,
      ...(account && { service_account: account }),
      ...(material && { material: { type: 'android', ...material } }),
    };
  }
  const { findings, certificate, material } = await checkApple({ ...given, bundleId: args.bundle_id }, deps.now());
  return {
    findings,
    outside,
    ...(certificate && { certificate }),
    ...(material && { material: { type: 'ios', ...material } }),
  };
}

/** The material of a rotation once more, from the files it was given in; undefined when they are of no use by now. */
export async function reread({ old, wish }: Rotation, deps: Deps): Promise<PushMaterial | undefined> {
  if (!('files' in wish) || !wish.files || !('type' in old)) return undefined;
  const inspected = await inspectMaterial({ type: old.type, ...wish.files }, deps).catch(() => undefined);
  return inspected && 'material' in inspected ? inspected.material : undefined;
}

async function fromFiles(args: MaterialArgs, { folders }: Deps): Promise<Given> {
  const { certificate_file, private_key_file, p12_file, p12_passphrase_file, service_account_file, type } = args;
  const apple = certificate_file ?? private_key_file ?? p12_file ?? p12_passphrase_file;
  if (type === 'ios' && (service_account_file || !apple)) {
    throw badInput('An ios credential takes certificate_file and private_key_file, or p12_file, or upload.');
  }
  if (type === 'android' && (apple || !service_account_file)) {
    throw badInput('An android credential takes service_account_file, or upload.');
  }
  const readIf = (what: string, file: string | undefined) =>
    file === undefined ? undefined : readMaterial(what, file, folders.workingFolder);
  const file = await readIf('p12_passphrase_file', p12_passphrase_file);
  const [passphrase, ...more] = file ? textOf(file.bytes).split(/\r\n?|\n/) : [];
  if (more.some((line) => line.trim() !== ''))
    throw badInput('p12_passphrase_file must hold one line, the passphrase.');
  const certificate = await readIf('certificate_file', certificate_file);
  const key = await readIf('private_key_file', private_key_file);
  const p12 = await readIf('p12_file', p12_file);
  const serviceAccount = await readIf('service_account_file', service_account_file);
  return {
    certificate: certificate?.bytes,
    key: key?.bytes,
    p12: p12?.bytes,
    serviceAccount: serviceAccount?.bytes,
    outside: outsideOf(
      [certificate, key, p12, serviceAccount].flatMap((each) => each?.realPath ?? []),
      folders,
    ),
    ...(passphrase !== undefined && { passphrase: new Secret(passphrase, 'local') }),
  };
}

/** Material by what tells it from another: what a person can compare with what they hold. */
export function materialInWords({
  certificate,
  service_account,
}: Pick<Report, 'certificate' | 'service_account'>): string {
  if (certificate) {
    const { bundle_id, not_after, fingerprint } = certificate;
    const app = bundle_id === null ? 'an app that it does not name' : quoted(bundle_id);
    return `the certificate for ${app} that ends ${forPerson(not_after)} (fingerprint ${fingerprint})`;
  }
  const { project_id, client_email, private_key_id } = service_account ?? {};
  const told = { project: project_id, account: client_email, 'key id': private_key_id };
  const facts = Object.entries(told).flatMap(([name, value]) => (value ? [`${name} ${plainly(value)}`] : []));
  return `the service account with ${facts.join(', ') || 'nothing that names it'}`;
}

/** What is proposed while the files are still to be dropped. */
export const untilDropped = ({ wait }: Waits): Instead => ({
  steps: ['open a page where the person drops the files'],
  instead: wait,
});

async function openPage({ type }: MaterialArgs, deps: Deps): Promise<Waiting> {
  const title = type === 'ios' ? 'VoIP certificate and key for iOS' : 'Firebase service account for Android';
  const recognise = async (files: UploadedFile[]) => {
    const slots = files.map(({ bytes }) => slotOf(type, bytes));
    return files.map(({ name, bytes }, at) => {
      const [slot, what] = [slots[at], kindOf(bytes)];
      const isSecond = isAlone(slot) && slots.indexOf(slot) < at;
      return isSecond
        ? { name, what: `a second one: ${what}; leave only the one that is meant`, ok: false }
        : { name, what, ok: slot !== undefined };
    });
  };
  return (await deps.uploads()).open(title, recognise).catch((error: unknown) => {
    if (error instanceof ToolError) throw error;
    throw misconfigured('No page can be opened on this machine.', 'Ask the person for the paths of the files instead.');
  });
}

async function fromPage(uploadId: string, { type }: MaterialArgs, deps: Deps): Promise<Given | Waiting> {
  const taken = (await deps.uploads()).take(uploadId);
  if (!taken)
    throw badInput(
      'This upload_id is unknown or too old.',
      'Call again with upload: true; the person drops the files anew.',
    );
  if ('secondsLeft' in taken) return taken;
  const { passphrase, files } = taken;
  const of = (slot: Slot) => files.map(({ bytes }) => bytes).filter((bytes) => slotOf(type, bytes) === slot);
  const [[p12], [serviceAccount]] = [of('p12'), of('serviceAccount')];
  return { certificate: of('certificate'), key: of('key'), p12, serviceAccount, passphrase, outside: [] };
}

type Slot = 'certificate' | 'key' | 'p12' | 'serviceAccount';

/** Whether there can be one of it only; certificates and keys may come in any number. */
const isAlone = (slot: Slot | undefined): boolean => slot === 'p12' || slot === 'serviceAccount';

const SLOTS: Partial<Record<Kind, Slot>> = {
  CERTIFICATE: 'certificate',
  PRIVATE_KEY: 'key',
  ENCRYPTED_KEY: 'key',
  P12: 'p12',
  SERVICE_ACCOUNT: 'serviceAccount',
};

/** Which part of the material a dropped file is, by what it holds; undefined when the platform has no use for it. */
function slotOf(type: string, bytes: Buffer) {
  const slot = SLOTS[identify(bytes)];
  return (slot === 'serviceAccount') === (type === 'android') ? slot : undefined;
}

/** Tells the agent that the person has yet to drop the files. */
function needsUpload({ id: upload_id, code, secondsLeft }: Waiting) {
  const message = `A page with the code ${code} is open in the person's browser, for ${secondsLeft} more seconds. Tell them to drop the files there, then call again with upload_id in place of upload.`;
  return { status: 'needs_upload' as const, upload_id, message };
}

/** Findings that do not keep the material from being used, as sentences. */
const cautions = (findings: Finding[]): string[] =>
  findings.map(({ code, found, action }) => `${code}: ${found} ${action}`);

/** `BAD_INPUT` with everything that keeps the material from being uploaded. */
export function refuseMaterial(findings: Finding[]): ToolError {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return badInput(
    errors.map(({ code, found }) => `${code}: ${found}`).join(' '),
    [...new Set(errors.map(({ action }) => action))].join(' '),
  );
}

export const createPush = defineChange({
  name: 'create_mobile_push_credential',
  title: 'Create a mobile push credential',
  description:
    'Check push material and upload it; files outside the allowed folders only after asking the person. iOS: certificate_file (VoIP certificate) and private_key_file in PEM, or p12_file. Android: service_account_file (Firebase JSON). Give paths, or upload: true; never read the files.',
  toolset: 'push',
  effect: 'create',
  uploads: true,
  input: z.object({ alias: uniqueName.describe('Unique name'), ...materialArgs }),
  output: z.object({ credential: pushCredential, warnings: z.array(z.string()) }),
  asks: 'maybe',
  propose: async (args, deps) => {
    const inspected = await inspectMaterial(args, deps);
    if ('wait' in inspected) return untilDropped(inspected);
    const { alias } = args;
    const { material, findings, outside } = inspected;
    if (!material) throw refuseMaterial(findings);
    if (await findPushCredential(deps.http, alias)) {
      throw conflict(
        'A push credential with this alias exists already.',
        'Choose another alias, such as this one with a date.',
      );
    }
    const binding = { alias, fingerprint: fingerprintOfMaterial(material), warnings: cautions(findings), outside };
    const steps = [creationOfPush(alias, material)];
    const question = () => ({ text: uploadQuestion(alias, inspected) });
    return { binding, steps, material, ...(outside.length > 0 && { question }) };
  },
  run: async ({ binding: { alias, warnings }, material }, deps) => {
    const created = await createPushCredential(deps.http, alias, material);
    return { credential: await viewPush(created, deps), warnings };
  },
});

function uploadQuestion(alias: string, { outside, ...made }: Report): string {
  const { subject } = made.certificate ?? {};
  const whose = subject ? ` Its subject is ${quoted(subject)}.` : '';
  return `Upload ${materialInWords(made)} to Telnyx, as push credential ${quoted(alias)}?${whose}${outsideInWords(outside)}`;
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
    if ('wait' in inspected) return inspected.wait();
    const { material, outside: _, ...report } = inspected;
    return { status: material ? ('usable' as const) : ('unusable' as const), ...report };
  },
});
