import { isRecord, parseJson } from '../core/basics.ts';
import { oneLine } from '../core/text.ts';
import { Secret } from '../secrets/secret.ts';
import { caution, errorsFirst, type Finding, isRefused, refusal, textOf, tooLarge } from './file.ts';
import { checkKey, readKey, toPkcs8 } from './key.ts';
import { wrongFile } from './kind.ts';
import { readPem, unwrap, unwrapped } from './pem.ts';

const AGAIN =
  'Have the person make a new key in the Firebase console (Project settings, Service accounts) and leave it unedited.';

/** The `private_key` of a service account as PKCS#8 PEM, when it can be used; a missing one is another's finding. */
function checkPrivateKey(text: string | undefined): { findings: Finding[]; privateKey?: Secret } {
  if (text === undefined) return { findings: [] };
  // Whatever it proves to be, it was meant as a key.
  if (text.includes('PRIVATE KEY')) new Secret(text);
  const [block] = readPem(text).blocks;
  if (block?.label === 'ENCRYPTED PRIVATE KEY' || block?.encrypted) {
    return { findings: [refusal('KEY_ENCRYPTED', 'The private_key is encrypted, which Google never does.', AGAIN)] };
  }
  const key = block?.der && readKey(block.der, block.body);
  if (!key) return { findings: [refusal('KEY_UNREADABLE', 'The private_key is no key that can be read.', AGAIN)] };
  const findings = checkKey(key, 'The private_key', AGAIN);
  if (findings.length > 0) return { findings };
  const repaired = caution(
    'PEM_REPAIRED',
    'The private_key had lost its line breaks; they were put back.',
    'Nothing needs doing.',
  );
  return { findings: block.tidy ? [] : [repaired], privateKey: toPkcs8(key) };
}

/** `material` is there only when no finding is an error; `account` whenever the file is a service account key. */
export interface GoogleReport {
  findings: Finding[];
  account?: { project_id: string; client_email: string; private_key_id: string | null };
  material?: { account: Record<string, unknown>; privateKey: Secret };
}

type Account = ReadonlyMap<string, string>;

// What Google writes into such a file, the private key aside. Nothing else leaves this machine.
const FIELDS = [
  'type',
  'project_id',
  'private_key_id',
  'client_email',
  'client_id',
  'auth_uri',
  'token_uri',
  'auth_provider_x509_cert_url',
  'client_x509_cert_url',
  'universe_domain',
];
const REQUIRED = ['type', 'project_id', 'client_email', 'private_key', 'token_uri'];
// Whoever owns this address is sent assertions signed with the key. All of these have been in Google's files.
const TOKEN_URIS = [
  'https://oauth2.googleapis.com/token',
  'https://accounts.google.com/o/oauth2/token',
  'https://www.googleapis.com/oauth2/v3/token',
  'https://www.googleapis.com/oauth2/v4/token',
];
const UNIVERSE = 'googleapis.com';
const UNREADABLE = '(not readable)';

/**
 * Looks a Firebase service account key through before anything is sent (api.md §7.3); every cause is named in the
 * findings, none is thrown. `projectId` is the project the person means, to compare with.
 */
export function checkGoogle(file: Buffer, projectId?: string): GoogleReport {
  const large = tooLarge('service_account_file', file);
  if (large.length > 0) return { findings: large };
  const inner = unwrap(file);
  const json = parseJson(textOf(inner));
  const account = readFields(isRecord(json) ? json : {});
  if (!isRecord(json) || !isServiceAccount(account)) return { findings: [wrongFile('service_account_file', file)] };
  const findings = inner === file ? [] : [unwrapped('service_account_file')];

  const key = checkPrivateKey(account.get('private_key'));
  findings.push(...key.findings, ...checkFields(account), ...checkProject(account, projectId));
  const unknown = Object.keys(json).filter((name) => name !== 'private_key' && !FIELDS.includes(name)).length;
  if (unknown > 0) findings.push(leftOut(unknown));
  return {
    findings: errorsFirst(findings),
    account: toShow(account),
    ...(key.privateKey &&
      !isRefused(findings) && { material: { account: toSend(account), privateKey: key.privateKey } }),
  };
}

// A map, so that no key of the file can stand for a property of an object.
function readFields(json: object): Account {
  const isText = (field: [string, unknown]): field is [string, string] => typeof field[1] === 'string';
  return new Map(Object.entries(json).filter((field) => isText(field) && field[1].trim() !== ''));
}

function isServiceAccount(account: Account): boolean {
  const type = account.get('type');
  return type === undefined ? account.has('private_key') && account.has('client_email') : type === 'service_account';
}

function checkFields(account: Account): Finding[] {
  const findings = REQUIRED.filter((name) => !account.has(name)).map((name) =>
    refusal(
      `${name.toUpperCase()}_MISSING`,
      `service_account_file is a service account key with fields missing: ${name}.`,
      AGAIN,
    ),
  );
  if (!account.has('private_key_id')) {
    findings.push(caution('PRIVATE_KEY_ID_MISSING', 'The file does not name its key (private_key_id).', AGAIN));
  }
  const tokenUri = account.get('token_uri');
  if (tokenUri !== undefined && !TOKEN_URIS.includes(tokenUri)) {
    findings.push(
      refusal(
        'TOKEN_URI_NOT_GOOGLE',
        "The file has logins sent to an address that is not Google's (token_uri).",
        AGAIN,
      ),
    );
  }
  if ((account.get('universe_domain') ?? UNIVERSE) !== UNIVERSE) {
    findings.push(
      refusal('UNIVERSE_NOT_GOOGLE', 'The file is for a cloud other than googleapis.com (universe_domain).', AGAIN),
    );
  }
  const email = account.get('client_email');
  if (email !== undefined && !/^[^@\s]+@[^@\s]+\.iam\.gserviceaccount\.com$/.test(email)) {
    const found = 'The address in client_email is not that of a Firebase service account (.iam.gserviceaccount.com).';
    findings.push(caution('CLIENT_EMAIL_UNUSUAL', found, AGAIN));
  }
  return findings;
}

function checkProject(account: Account, wanted: string | undefined): Finding[] {
  const project = account.get('project_id');
  if (!wanted || project === undefined || project === wanted.trim()) return [];
  const found = `The key is of the project ${toShow(account).project_id}, not of ${oneLine(wanted)}.`;
  return [refusal('PROJECT_MISMATCH', found, 'Have the person give a key of the project that the app is built with.')];
}

function leftOut(count: number): Finding {
  const found = `The file has ${count === 1 ? 'a field' : `${count} fields`} that Google does not write; left out.`;
  return caution('FIELDS_LEFT_OUT', found, 'Nothing needs doing, unless the file was edited on purpose.');
}

// A field may hold what belongs into another: only what has the look of an id is shown.
function toShow(account: Account): NonNullable<GoogleReport['account']> {
  const shown = (name: string) => account.get(name)?.match(/^[\w.:@-]{1,128}$/)?.[0];
  return {
    project_id: shown('project_id') ?? UNREADABLE,
    client_email: shown('client_email') ?? UNREADABLE,
    private_key_id: shown('private_key_id') ?? null,
  };
}

function toSend(account: Account): Record<string, unknown> {
  return Object.fromEntries(FIELDS.flatMap((name) => (account.has(name) ? [[name, account.get(name)]] : [])));
}
