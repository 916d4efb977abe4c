import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PageUploads } from '../src/approval/local-pages.ts';
import { appleCertificate, serviceAccount } from './material.ts';

type Platform = 'ios' | 'android';

/** Push material of three generations, of which the first is in the account; made once, for it is slow. */
export interface Material {
  certificates: string[];
  /** The arguments that name the files of a generation. */
  paths(platform: Platform, generation: 1 | 2): Record<string, string>;
  /** As `PageUploads`, for ids such as `ios 1`. */
  take: PageUploads['take'];
  /** Puts other material in place of the files of the first generation, until `reset`. */
  replace(): void;
  reset(): void;
  remove(): void;
}

const GENERATIONS = [0, 1, 2];
// The clock of the model may run for some weeks from its own start.
const FROM = new Date('2026-01-01T00:00:00Z');
const UNTIL = new Date('2027-01-31T00:00:00Z');

export function makeMaterial(): Material {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-rotation-'));
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const privateKey = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const certificates = GENERATIONS.map((serial) => appleCertificate({ key, serial, notBefore: FROM, notAfter: UNTIL }));
  const accounts = GENERATIONS.map((n) => JSON.stringify({ ...serviceAccount(), private_key_id: `generation-${n}` }));
  const at = (name: string): string => join(folder, name);
  const write = (generation: number, contents: number): void => {
    writeFileSync(at(`${generation}.pem`), certificates[contents] ?? '');
    writeFileSync(at(`${generation}.json`), accounts[contents] ?? '');
  };
  writeFileSync(at('key.pem'), privateKey);
  for (const generation of GENERATIONS) write(generation, generation);
  let replaced = false;

  return {
    certificates,
    paths: (platform, generation) =>
      platform === 'ios'
        ? { certificate_file: at(`${generation}.pem`), private_key_file: at('key.pem') }
        : { service_account_file: at(`${generation}.json`) },
    take(uploadId) {
      const [platform, generation] = uploadId.split(' ');
      const texts =
        platform === 'ios' ? [certificates[Number(generation)], privateKey] : [accounts[Number(generation)]];
      const files = texts.map((text = '', index) => ({ name: `${index}`, bytes: Buffer.from(text) }));
      return { files, passphrase: undefined };
    },
    replace() {
      write(1, 2);
      replaced = true;
    },
    reset() {
      if (replaced) write(1, 1);
      replaced = false;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
