import { Secret } from '../secrets/secret.ts';
import { caution, type Finding, refusal } from './finding.ts';
import { checkKey, readKey, toPkcs8 } from './key.ts';
import { readPem } from './pem.ts';

const AGAIN =
  'Have the person make a new key in the Firebase console (Project settings, Service accounts) and leave it unedited.';

/** The `private_key` of a service account as PKCS#8 PEM, when it can be used; a missing one is another's finding. */
export function checkPrivateKey(text: string | undefined): { findings: Finding[]; privateKey?: Secret } {
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
