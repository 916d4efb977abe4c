import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { badInput } from '../errors.ts';
import { Secret } from '../secrets/secret.ts';
import { kindOf } from './kind.ts';

/**
 * The certificate and key for APNs out of two PEM files: the blocks alone, without the text that exports put around
 * them; the certificate that belongs to the key; the key as PKCS#1, since Telnyx reportedly refuses PKCS#8 (api.md §4
 * row 13). Throws `BAD_INPUT` naming what each file is. A key that fits no certificate is refused: it may be any key
 * of this machine.
 */
export function readAppleMaterial(
  certificateFile: Buffer,
  keyFile: Buffer,
): { certificate: string; privateKey: Secret } {
  const certificates = [...blocks(certificateFile, 'CERTIFICATE')].map(parseCertificate);
  if (certificates.length === 0) {
    throw badInput(`certificate_file must hold a PEM certificate; it is ${kindOf(certificateFile)}.`);
  }
  const key = readKey(keyFile);
  const certificate = certificates.find((candidate) => candidate?.checkPrivateKey(key));
  if (!certificate) {
    throw badInput(
      'The private key does not belong to the certificate.',
      'Have the person export both from the same keychain entry.',
    );
  }
  return {
    certificate: certificate.toString(),
    privateKey: new Secret(key.export({ type: 'pkcs1', format: 'pem' }).toString()),
  };
}

function readKey(file: Buffer): KeyObject {
  const pem = [...blocks(file, '(?:RSA )?PRIVATE KEY')][0];
  if (!pem) throw badInput(`private_key_file must hold a PEM private key; it is ${kindOf(file)}.`);
  if (pem.includes('ENCRYPTED')) throw badInput('private_key_file is encrypted; it must be decrypted first.');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw badInput('private_key_file holds a PEM private key that cannot be read.');
  }
  if (key.asymmetricKeyType === 'rsa') return key;
  throw badInput(
    'private_key_file is not an RSA key. An APNs .p8 token key is one such; Telnyx takes the VoIP certificate and its RSA key.',
  );
}

function* blocks(file: Buffer, label: string): Generator<string> {
  const block = new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`, 'g');
  for (const [pem] of file.toString('latin1').matchAll(block)) yield pem;
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw badInput('certificate_file holds a PEM certificate that cannot be read.');
  }
}
