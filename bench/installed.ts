import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package as its users have it, with all that came along. */
export interface Installed {
  name: string;
  version: string;
  /** The file that its first command runs; undefined when it has none. */
  script: string | undefined;
  packages: number;
  bytes: number;
}

interface Manifest {
  name: string;
  version: string;
  bin?: string | Record<string, string>;
  dependencies: Record<string, string>;
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const npm = (args: string[], cwd = '.'): string => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: 'pipe' });

/** Takes a new folder and what npm can install; gives what is there then. Throws when npm cannot; runs none of its scripts. */
export function install(folder: string, spec: string): Installed {
  mkdirSync(folder);
  // Or npm would look for a project further up. Told by --prefix where to install, it forgets this machine's settings.
  writeFileSync(join(folder, 'package.json'), '{}');
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', spec], folder);
  const modules = join(folder, 'node_modules');
  const [asked = ''] = Object.keys((json(join(folder, 'package.json')) as Manifest).dependencies);
  const { name, version, bin } = json(join(modules, asked, 'package.json')) as Manifest;
  const [command] = typeof bin === 'string' ? [bin] : Object.values(bin ?? {});
  return {
    name,
    version,
    script: command && join(modules, asked, command),
    packages: Object.keys((json(join(modules, '.package-lock.json')) as { packages: object }).packages).length,
    bytes: sizeOf(modules),
  };
}

/** Packs this project into a folder; gives the tarball. */
export function pack(folder: string): string {
  const [packed] = Object.values(JSON.parse(npm(['pack', '--json', '--pack-destination', folder])));
  return join(folder, (packed as { filename: string }).filename);
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? sizeOf(path) : lstatSync(path).size);
  }, 0);
}
