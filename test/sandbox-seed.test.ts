import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import type { PushRecord } from '../src/sandbox/world.ts';

const NOW = new Date('2026-11-22T09:30:00Z');
const DAY = 86_400_000;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ now: () => NOW });
  await sandbox.world.ready;
});
afterAll(() => sandbox.close());

const push = (alias: string) => [...sandbox.world.push.values()].find((record) => record.alias === alias) as PushRecord;
const daysLeft = (date: string) => (Date.parse(date) - NOW.getTime()) / DAY;

describe('the demo account', () => {
  test('has about 30 credentials on two connections: some expired, some about to, most for good', () => {
    const all = [...sandbox.world.telephony.values()];
    const left = all.map((record) => daysLeft(`${record.expires_at}Z`));
    expect(all).toHaveLength(30);
    expect(new Set(all.map((record) => record.name)).size).toBe(30);
    expect(new Set(all.map((record) => record.resource_id)).size).toBe(2);
    expect(left.filter((days) => days < 0).length).toBeGreaterThanOrEqual(3);
    expect(left.filter((days) => days > 0 && days < 7).length).toBeGreaterThanOrEqual(2);
    expect(left.filter((days) => days > 20 * 365).length).toBeGreaterThanOrEqual(15);
  });

  test('has the same ids in every run, and other secrets', async () => {
    const other = await startSandbox({ now: () => NOW });
    const shape = ({ world }: Sandbox) => [...world.telephony.values()].map(({ sip_password: _, ...rest }) => rest);
    const secrets = ({ world }: Sandbox) => [...world.telephony.values()].map((record) => record.sip_password);
    expect(shape(other)).toEqual(shape(sandbox));
    expect([...other.world.connections.keys()]).toEqual([...sandbox.world.connections.keys()]);
    expect(new Set([...secrets(other), ...secrets(sandbox)]).size).toBe(60);
    expect(other.apiKey).not.toBe(sandbox.apiKey);
    await other.close();
  });

  test('has every push credential of its own in use but one, across kinds of connection', () => {
    const used = new Map<string, Set<string>>();
    for (const record of sandbox.world.connections.values()) {
      for (const id of [record.ios_push_credential_id, record.android_push_credential_id]) {
        if (id) used.set(id, (used.get(id) ?? new Set()).add(record.kind));
      }
    }
    const own = [...sandbox.world.push.values()].filter((record) => !record.is_public);
    const kinds = Object.fromEntries(own.map(({ id, alias }) => [alias, [...(used.get(id) ?? [])].sort()]));
    expect(kinds).toEqual({
      'acme-dialer-ios': ['credential'],
      'acme-dialer-ios-renewed': [],
      'acme-dialer-android': ['credential', 'fqdn'],
      'acme-dialer-android-beta': ['uac'],
    });
    expect([...sandbox.world.connections.values()].filter(({ kind }) => kind === 'credential')).toHaveLength(2);
  });

  test('has a mix of endings at any size, each id and user name once', async () => {
    const large = await startSandbox({ credentials: 5000, now: () => NOW });
    const all = [...large.world.telephony.values()];
    expect(new Set(all.map((record) => record.id)).size).toBe(5000);
    expect(new Set(all.map((record) => record.sip_username)).size).toBe(5000);
    expect(all.filter((record) => large.world.isExpired(record)).length).toBeGreaterThan(500);
    expect(all.map((record) => record.created_at)).toEqual(all.map((record) => record.created_at).sort());
    await large.close();
  });
});

describe('push material', () => {
  test.each([
    ['acme-dialer-ios', 'com.acme.dialer', 9],
    ['acme-dialer-ios-renewed', 'com.acme.dialer', 391],
    ['ios-native-new-march-2025', 'com.telnyx.webrtcapp', -224],
  ])('of %s is a VoIP Services certificate for %s with %i days left, and its key', (alias, bundleId, days) => {
    const record = push(alias);
    const certificate = new X509Certificate(record.certificate ?? '');
    expect(certificate.subject).toContain(`UID=${bundleId}.voip\nCN=VoIP Services: ${bundleId}\nOU=`);
    expect(certificate.issuer).toContain('CN=Apple Worldwide Developer Relations');
    expect(certificate.issuer).toContain('O=Apple Inc.');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).toBe(false);
    expect(Math.floor(daysLeft(certificate.validTo))).toBe(days);
    expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(record.private_key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(certificate.checkPrivateKey(createPrivateKey(record.private_key ?? ''))).toBe(true);
    for (const suffix of [1, 2, 3, 4, 5]) {
      const oid = Buffer.from([0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x06, 0x03, suffix]);
      expect(certificate.raw.includes(oid)).toBe(true);
    }
    expect(certificate.raw.includes(`${bundleId}, ${bundleId}.voip`)).toBe(true);
  });

  test('of Android is a service account of its project with a PKCS#8 key', () => {
    const file = push('acme-dialer-android').project_account_json_file ?? {};
    expect(file).toMatchObject({ type: 'service_account', project_id: 'acme-dialer-prod' });
    expect(file.client_email).toMatch(/@acme-dialer-prod\.iam\.gserviceaccount\.com$/);
    expect(file.private_key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(createPrivateKey(String(file.private_key)).asymmetricKeyType).toBe('rsa');
  });

  test('is empty on the fields of the other platform', () => {
    expect(push('acme-dialer-ios').project_account_json_file).toEqual({});
    expect(push('acme-dialer-android')).toMatchObject({ certificate: '', private_key: '' });
  });
});
