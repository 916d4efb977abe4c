import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { appleMaterial } from './material.ts';
import { archive } from './material-p12.ts';
import { startProcess } from './process.ts';

// The bundle takes only parts of node-forge; the other tests of a .p12 have all of it.
test.each([
  ['legacy RC2 and 3DES', {}],
  ['RC2 with 128 bits', { certificateLock: 'rc2-128' }],
  ['AES-256', { certificateLock: 'aes-256', keyLock: 'aes-256', hash: 'sha256' }],
] as const)('the built program reads a .p12 with %s', async (_, locks) => {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-bundle-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { certificate, key } = await appleMaterial();
  const der = Buffer.from(key.replace(/-----[^-]+-----/g, ''), 'base64');
  const [p12, passphrase] = [join(folder, 'voip.p12'), join(folder, 'passphrase')];
  writeFileSync(
    p12,
    archive({ certificates: [new X509Certificate(certificate).raw], keys: [der], passphrase: 'open sesame', ...locks }),
  );
  writeFileSync(passphrase, 'open sesame');
  await using server = await startProcess({ args: ['--sandbox'] });
  const checked = await server.call('check_push_material', {
    type: 'ios',
    p12_file: p12,
    p12_passphrase_file: passphrase,
  });
  expect(checked.structuredContent).toMatchObject({ status: 'usable', certificate: { voip: true } });
});
