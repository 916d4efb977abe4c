import type { Secret } from '../secrets/secret.ts';
import type { CertificateFacts } from './certificate.ts';
import { caution, errorsFirst, type Finding, isRefused, refusal } from './file.ts';
import { type Pair, pairUp, toPkcs1 } from './key.ts';
import { type Found, fromFiles, fromPkcs12 } from './sources.ts';
import type { Checked } from './voip.ts';

/** What a person gave: PEM files in any number, or a .p12. `bundleId` is that of the app, to compare with. */
export interface AppleInput {
  certificate?: Buffer | Buffer[] | undefined;
  key?: Buffer | Buffer[] | undefined;
  p12?: Buffer | undefined;
  passphrase?: Secret | undefined;
  bundleId?: string | undefined;
}

/** `material` is there only when no finding is an error: the certificate as PEM and its key as PKCS#1 PEM. */
export interface AppleReport {
  findings: Finding[];
  certificate?: CertificateFacts;
  material?: { certificate: string; privateKey: Secret };
}

/** Looks material for APNs through before anything is sent; every cause is named in the findings, none is thrown. */
export async function checkApple(input: AppleInput, now: Date): Promise<AppleReport> {
  const { certificates, keys, findings } = await gather(input);
  // The ASN.1 reader would slow every start.
  const { checkVoip } = await import('./voip.ts');
  const check = (pair: Pair) => ({ pair, checked: checkVoip(pair.certificate, now, input.bundleId) });

  const { pairs, findings: faults } = isRefused(findings) ? { pairs: [], findings: [] } : pairUp(certificates, keys);
  const [best, ...others] = pairs.map(check).sort((a, b) => rank(b.checked) - rank(a.checked));
  if (!best) {
    const leaves = certificates.filter(({ ca }) => !ca);
    const [meant] = (leaves.length > 0 ? leaves : certificates)
      .map((certificate) => checkVoip(certificate, now, input.bundleId))
      .sort((a, b) => rank(b) - rank(a));
    // First what is wrong with the certificate: who reads that it lapsed need not look for its key.
    const all = errorsFirst([...(meant?.findings ?? []), ...findings, ...faults]);
    return { findings: all, ...(meant?.facts && { certificate: meant.facts }) };
  }
  const rivals = others.filter(({ checked }) => !isRefused(checked.findings)).length;
  if (rivals > 0) findings.push(several(rivals + 1));
  const all = errorsFirst([...findings, ...best.checked.findings]);
  return {
    findings: all,
    ...(best.checked.facts && { certificate: best.checked.facts }),
    ...(!isRefused(all) && { material: toMaterial(best.pair) }),
  };
}

async function gather({ certificate = [], key = [], p12, passphrase }: AppleInput): Promise<Found> {
  const [certificates, keys] = [[certificate].flat(), [key].flat()];
  const isBare = certificates.length + keys.length === 0;
  if (!p12 && isBare) return none('MATERIAL_MISSING', 'No certificate and no private key was given.');
  if (!p12) return fromFiles(certificates, keys);
  if (!isBare) return none('MATERIAL_TWICE', 'A .p12 was given and a PEM file beside it.');
  return fromPkcs12(p12, passphrase);
}

function none(code: string, found: string): Found {
  const action = 'Give p12_file alone, or certificate_file and private_key_file.';
  return { certificates: [], keys: [], findings: [refusal(code, found, action)] };
}

// A certificate renewed with the same request fits the same key: the sound one, then the one that lasts longest.
function rank({ facts, findings }: Checked): number {
  return (isRefused(findings) ? 0 : 1e9) + (facts?.days_left ?? -1e6);
}

function several(count: number): Finding {
  return caution(
    'SEVERAL_CERTIFICATES_FIT',
    `${count} sound certificates come with their private key; the one that lasts longest is used.`,
    'If another is meant, have the person give that one alone.',
  );
}

function toMaterial({ certificate, key }: Pair): NonNullable<AppleReport['material']> {
  return { certificate: certificate.toString(), privateKey: toPkcs1(key) };
}
