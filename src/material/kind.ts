import { isRecord, parseJson } from '../core/basics.ts';
import { type Finding, refusal, type Slot, textOf, WANTED } from './file.ts';
import { kindOfDer } from './key.ts';
import { type PemBlock, readPem, readUnarmoured, unwrap } from './pem.ts';

// Where the right way on depends on what was given, not only on what was asked for.
const BETTER: Partial<Record<Kind, string>> = {
  TOKEN_KEY: 'Have the person give a VoIP Services certificate and its RSA key.',
  P12: 'Give it as p12_file, with its passphrase.',
  CSR: 'Have the person upload the request in the Apple developer portal and give the certificate that comes of it.',
  PKCS7: 'Have the person give the certificate alone, and the private key beside it.',
  HTML: 'A login page was saved in place of the file; have the person download it again while signed in.',
  ZIP: 'Have the person unpack it and give the file inside.',
  CUT_PEM: 'Have the person copy or download the whole file again.',
  BROKEN_JSON: 'Have the person download the file again and leave it unedited.',
};

/** The finding for a file that holds nothing of what its argument asks for; its code is `FILE_IS_` and the kind. */
export function wrongFile(slot: Slot, file: Buffer): Finding {
  const kind = identify(file);
  const [what, from] = WANTED[slot];
  const isAppleSlot = slot !== 'service_account_file';
  return refusal(
    kind === 'TOKEN_KEY' ? 'APNS_TOKEN_KEY' : `FILE_IS_${kind}`,
    `${slot} must hold ${what}; it is ${KINDS[kind]}.`,
    ((isAppleSlot || kind === 'BROKEN_JSON' || kind === 'HTML' || kind === 'ZIP') && BETTER[kind]) || from,
  );
}

// What people have given instead of what was asked for. The words name a kind and quote nothing.
const KINDS = {
  CERTIFICATE: 'a certificate',
  PRIVATE_KEY: 'a private key',
  ENCRYPTED_KEY: 'an encrypted private key; it must be decrypted first',
  EC_KEY: 'an EC private key, which Telnyx does not take',
  TOKEN_KEY: 'an EC private key on the curve P-256, as an APNs token key (.p8) is; Telnyx takes no token keys',
  CSR: 'a certificate signing request',
  PUBLIC_KEY: 'a public key',
  OPENSSH_KEY: 'an OpenSSH key',
  PKCS7: 'a PKCS#7 bundle (.p7b), which has no private key',
  OTHER_PEM: 'a PEM file of another kind',
  CUT_PEM: 'a PEM file that is cut off',
  P12: 'a PKCS#12 archive (.p12)',
  DER: 'a binary DER file of another kind',
  KEYSTORE: 'a Java keystore',
  ZIP: 'a ZIP archive',
  SERVICE_ACCOUNT: 'a service account key',
  GOOGLE_SERVICES: "google-services.json, the app's own settings",
  PLIST: "a property list, such as GoogleService-Info.plist, the app's own settings",
  OAUTH_CLIENT: 'an OAuth client file',
  AUTHORIZED_USER: "a person's own Google login",
  EXTERNAL_ACCOUNT: 'a workload identity file, which has no private key',
  OTHER_LOGIN: 'a Google login of another kind',
  BROKEN_JSON: 'a broken JSON file',
  JSON_ARRAY: 'a JSON array, which is a text file of another kind',
  JSON_STRING: 'a JSON string, which is a text file of another kind',
  OTHER_JSON: 'a JSON file of another kind',
  SERVER_KEY: 'a legacy FCM server key',
  HTML: 'a web page',
  EMPTY: 'empty',
  BINARY: 'a binary file of another kind',
  TEXT: 'a text file of another kind',
} as const;

export type Kind = keyof typeof KINDS;

const LABELS: Record<string, Kind> = {
  CERTIFICATE: 'CERTIFICATE',
  'X509 CERTIFICATE': 'CERTIFICATE',
  'TRUSTED CERTIFICATE': 'CERTIFICATE',
  'PRIVATE KEY': 'PRIVATE_KEY',
  'RSA PRIVATE KEY': 'PRIVATE_KEY',
  'ENCRYPTED PRIVATE KEY': 'ENCRYPTED_KEY',
  'EC PRIVATE KEY': 'EC_KEY',
  'CERTIFICATE REQUEST': 'CSR',
  'NEW CERTIFICATE REQUEST': 'CSR',
  'PUBLIC KEY': 'PUBLIC_KEY',
  'RSA PUBLIC KEY': 'PUBLIC_KEY',
  'OPENSSH PRIVATE KEY': 'OPENSSH_KEY',
  PKCS7: 'PKCS7',
  CMS: 'PKCS7',
};

const ACCOUNT_TYPES: Record<string, Kind> = {
  service_account: 'SERVICE_ACCOUNT',
  authorized_user: 'AUTHORIZED_USER',
  external_account: 'EXTERNAL_ACCOUNT',
  external_account_authorized_user: 'OTHER_LOGIN',
  impersonated_service_account: 'OTHER_LOGIN',
  gdch_service_account: 'OTHER_LOGIN',
};

/** What a file seems to be, in words that may be shown. */
export const kindOf = (file: Buffer): string => KINDS[identify(file)];

/** What a file seems to be. */
export function identify(given: Buffer): Kind {
  const file = unwrap(given);
  const text = textOf(file).trim();
  if (text === '') return 'EMPTY';
  // Before PEM, which a service account key has inside.
  if (text.startsWith('{')) return ofJson(text);
  if (text.startsWith('[')) return 'JSON_ARRAY';
  const { blocks, cut } = readPem(text);
  const [block] = blocks;
  if (block) return ofBlock(block);
  if (cut) return 'CUT_PEM';
  return ofText(text) ?? ofBytes(file, text);
}

function ofBlock({ label, body, der, encrypted }: PemBlock): Kind {
  if (encrypted) return 'ENCRYPTED_KEY';
  const told = (Object.hasOwn(LABELS, label) && LABELS[label]) || 'OTHER_PEM';
  // The label of a key says nothing of what it is for.
  if ((told !== 'PRIVATE_KEY' && told !== 'EC_KEY') || !der) return told;
  const kind = kindOfDer(der, body);
  return kind === 'DER' ? told : kind;
}

function ofText(text: string): Kind | undefined {
  if (text.startsWith('"')) return 'JSON_STRING';
  if (/^AAAA[\w-]+:APA91/.test(text)) return 'SERVER_KEY';
  const start = text.slice(0, 200).toLowerCase();
  if (start.startsWith('bplist0') || start.includes('<!doctype plist') || start.includes('<plist')) return 'PLIST';
  return start.startsWith('<!doctype html') || start.startsWith('<html') ? 'HTML' : undefined;
}

function ofBytes(file: Buffer, text: string): Kind {
  const unarmoured = readUnarmoured(text);
  if (unarmoured) return kindOfDer(unarmoured, text);
  if (file[0] === 0x30) return kindOfDer(file);
  if (file.subarray(0, 4).equals(Buffer.from([0xfe, 0xed, 0xfe, 0xed]))) return 'KEYSTORE';
  if (text.startsWith('PK\u0003\u0004')) return 'ZIP';
  return /[^\t\n\r\x20-\x7e\u0080-\uffff]/.test(text) ? 'BINARY' : 'TEXT';
}

function ofJson(text: string): Kind {
  const json = parseJson(text);
  if (!isRecord(json)) return 'BROKEN_JSON';
  const { type } = json;
  if (typeof type === 'string' && Object.hasOwn(ACCOUNT_TYPES, type)) return ACCOUNT_TYPES[type] ?? 'OTHER_JSON';
  if (Object.hasOwn(json, 'project_info') || Object.hasOwn(json, 'client')) return 'GOOGLE_SERVICES';
  if (Object.hasOwn(json, 'installed') || Object.hasOwn(json, 'web')) return 'OAUTH_CLIENT';
  return 'OTHER_JSON';
}
