import { MOST_BYTES } from './file.ts';
import { type Finding, refusal } from './finding.ts';
import { identify, type Kind, kindOf } from './kind.ts';

export type Slot = 'certificate_file' | 'private_key_file' | 'p12_file' | 'service_account_file';

const WANTED: Record<Slot, [what: string, from: string]> = {
  certificate_file: [
    'a PEM certificate',
    'Have the person give the VoIP Services certificate from the Apple developer portal.',
  ],
  private_key_file: [
    'a PEM private key',
    'Have the person give the private key that the certificate was requested with, as PEM.',
  ],
  p12_file: [
    'a PKCS#12 archive',
    'Have the person export the certificate together with its key as .p12, or give the two PEM files.',
  ],
  service_account_file: [
    'a Firebase service account key',
    'Have the person make one in the Firebase console: Project settings, Service accounts, Generate new private key.',
  ],
};

// Where the right way on depends on what was given, not only on what was asked for.
const BETTER: Partial<Record<Kind, string>> = {
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
    `FILE_IS_${kind}`,
    `${slot} must hold ${what}; it is ${kindOf(file)}.`,
    ((isAppleSlot || kind === 'BROKEN_JSON' || kind === 'HTML' || kind === 'ZIP') && BETTER[kind]) || from,
  );
}

/** The finding for a file too large to be looked into, if it is. */
export function tooLarge(slot: Slot, file: Buffer): Finding[] {
  if (file.length <= MOST_BYTES) return [];
  const found = `${slot} has ${file.length} bytes; such a file is never over ${MOST_BYTES}.`;
  return [refusal('FILE_TOO_LARGE', found, WANTED[slot][1])];
}
