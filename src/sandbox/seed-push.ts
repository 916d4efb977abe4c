import { type VoipIdentity, voipCertificate } from './certificate.ts';
import { DAY, HOUR, microseconds } from './dates.ts';
import { keyPair } from './keys.ts';
import { hex, secretBytes, stableBytes, uuid } from './random.ts';
import type { PushRecord, World } from './world.ts';

interface Plan {
  id: string;
  alias: string;
  created: Date;
  isPublic?: boolean;
  material: () => Promise<Pick<PushRecord, 'type' | 'certificate' | 'private_key' | 'project_account_json_file'>>;
}

const acme = { bundleId: 'com.acme.dialer', teamId: 'A7K2M9Q4TX', organization: 'Acme Field Services, Inc.' };
const telnyx = { bundleId: 'com.telnyx.webrtcapp', teamId: 'YPT86Z5SRZ', organization: 'Telnyx LLC', key: 'telnyx' };
// Apple's certificates live 395 days (api.md §7.2).
const CERTIFICATE_LIFE = 395 * DAY;

function ios(identity: Omit<VoipIdentity, 'notBefore'>): Plan['material'] {
  return async () => {
    const notBefore = new Date(identity.notAfter.getTime() - CERTIFICATE_LIFE);
    const { certificate, privateKey } = await voipCertificate({ ...identity, notBefore });
    return { type: 'ios', certificate, private_key: privateKey, project_account_json_file: {} };
  };
}

function android(projectId: string, key = projectId): Plan['material'] {
  return async () => ({
    type: 'android',
    certificate: '',
    private_key: '',
    project_account_json_file: await serviceAccount(projectId, key),
  });
}

/** A Google service-account file, as Firebase's console writes it, with a real RSA key. */
async function serviceAccount(projectId: string, key = projectId): Promise<Record<string, unknown>> {
  const { privateKey } = await keyPair(key);
  const email = `firebase-adminsdk-${hex(secretBytes, 2)}@${projectId}.iam.gserviceaccount.com`;
  return {
    type: 'service_account',
    project_id: projectId,
    private_key_id: hex(secretBytes, 20),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: email,
    client_id: '108273645519283746501',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: 'https://oauth2.googleapis.com/token',
    auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
    universe_domain: 'googleapis.com',
  };
}

const stable = stableBytes('push');

/** Ids of the account's own push credentials, known before their material is made. */
export const pushIds = {
  iosLapsing: uuid(stable),
  iosFresh: uuid(stable),
  android: uuid(stable),
  androidBeta: uuid(stable),
};
const publicIds = { ios: uuid(stable), android: uuid(stable) };

function plans(now: number): Plan[] {
  const ago = (days: number) => new Date(now - days * DAY);
  const lapsing = new Date(now + 9 * DAY + 6 * HOUR);
  const fresh = new Date(now + 391 * DAY);
  return [
    {
      // Two rows of Telnyx's own are in every account (api.md §3.1).
      id: publicIds.ios,
      alias: 'ios-native-new-march-2025',
      created: new Date('2025-03-13T15:42:07.310Z'),
      isPublic: true,
      material: ios({ ...telnyx, notAfter: new Date('2026-04-12T15:21:44Z') }),
    },
    {
      id: publicIds.android,
      alias: 'android-native-new-march-2025',
      created: new Date('2025-03-13T15:47:55.126Z'),
      isPublic: true,
      material: android('telnyx-webrtc-notifications', telnyx.key),
    },
    {
      id: pushIds.iosLapsing,
      alias: 'acme-dialer-ios',
      created: ago(385),
      material: ios({ ...acme, notAfter: lapsing }),
    },
    {
      id: pushIds.android,
      alias: 'acme-dialer-android',
      created: ago(360),
      material: android('acme-dialer-prod'),
    },
    {
      id: pushIds.androidBeta,
      alias: 'acme-dialer-android-beta',
      created: ago(75),
      material: android('acme-dialer-beta'),
    },
    {
      id: pushIds.iosFresh,
      alias: 'acme-dialer-ios-renewed',
      created: ago(3),
      material: ios({ ...acme, notAfter: fresh, key: 'com.acme.dialer renewed' }),
    },
  ];
}

/** Fills the account with push credentials, oldest first: four of its own and Telnyx's two. */
export async function seedPush(world: World): Promise<void> {
  const records = plans(world.now().getTime()).map(async ({ id, alias, created, isPublic = false, material }) => {
    const at = microseconds(created);
    const made = await material();
    const record: PushRecord = {
      id,
      record_type: 'push_credential',
      alias,
      ...made,
      is_public: isPublic,
      created_at: at,
      updated_at: at,
    };
    return record;
  });
  for (const record of await Promise.all(records)) world.push.set(record.id, record);
}
