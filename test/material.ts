import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { voipCertificate } from '../src/sandbox/certificate.ts';

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A VoIP certificate with its key as PKCS#8, and the wrong things people have instead. */
export async function appleMaterial() {
  const { certificate, privateKey } = await voipCertificate({
    bundleId: 'com.example.dialer',
    teamId: 'A1B2C3D4E5',
    organization: 'Example',
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 300 * 86_400_000),
  });
  const key = createPrivateKey(privateKey);
  return {
    certificate,
    key: pem(key),
    otherKey: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    lockedKey: key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
    ecKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    // PFX ::= SEQUENCE { version INTEGER (3), … }: the start by which such a file is known.
    p12: Buffer.concat([Buffer.from('3082060002010330820500', 'hex'), Buffer.alloc(1500, 0x81)]),
  };
}

/** A service account key as Firebase gives it. */
export function serviceAccount() {
  return {
    type: 'service_account',
    project_id: 'example-dialer',
    private_key_id: '0123456789abcdef0123456789abcdef01234567',
    private_key: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    client_email: 'firebase-adminsdk@example-dialer.iam.gserviceaccount.com',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
}
