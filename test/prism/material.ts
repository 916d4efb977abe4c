import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appleMaterial, serviceAccount } from '../material.ts';

export type Platform = 'ios' | 'android';

/** The arguments that name the files of a platform, of the first generation or of the one that follows it. */
export type Files = (platform: Platform, generation: 0 | 1) => Record<string, string>;

/** Writes push material of two generations into a folder; gives how a tool is told of it. */
export async function writeMaterial(folder: string): Promise<Files> {
  const at = (name: string): string => join(folder, name);
  for (const generation of [0, 1]) {
    const { certificate, key } = await appleMaterial();
    writeFileSync(at(`${generation}.pem`), certificate);
    writeFileSync(at(`${generation}.key`), key);
    writeFileSync(at(`${generation}.json`), JSON.stringify({ ...serviceAccount(), private_key_id: `${generation}` }));
  }
  return (platform, generation) =>
    platform === 'ios'
      ? { certificate_file: at(`${generation}.pem`), private_key_file: at(`${generation}.key`) }
      : { service_account_file: at(`${generation}.json`) };
}
