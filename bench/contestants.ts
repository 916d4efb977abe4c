import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Installed, install, pack } from './installed.ts';
import { launch, type Process } from './processes.ts';

/** A server to be started beside others. */
export interface Contestant {
  name: string;
  packages: number;
  bytes: number;
  launch(): Process;
}

/** One that could not be installed. */
interface Absent {
  name: string;
  trouble: string;
}

const SDK = '@modelcontextprotocol/sdk';
const MADE_UP_KEY = 'KEY0123456789ABCDEF-of-nobody';

/** This project as its users have it: packed and installed into `folder`. */
export function ourselves(folder: string): Contestant {
  const ours = install(join(folder, 'ours'), pack(folder));
  const env = { TELNYX_API_KEY: MADE_UP_KEY, TELNYX_MCP_STATE_DIR: join(folder, 'state') };
  return { ...ours, launch: () => launch(scriptOf(ours), [], env) };
}

/** A process that answers by hand, and one with the official SDK and nothing else, installed into `folder`. */
export function yardsticks(folder: string): { bare: Contestant; sdk: Contestant } {
  const bare = new URL('./bare.js', import.meta.url);
  const { version } = JSON.parse(readFileSync(`node_modules/${SDK}/package.json`, 'utf8')) as { version: string };
  const sdk = install(join(folder, 'sdk'), `${SDK}@${version}`);
  // Beside the SDK, so that it is loaded from there.
  const script = join(folder, 'sdk', 'server.mjs');
  copyFileSync(new URL('./minimal-sdk.js', import.meta.url), script);
  return {
    bare: { name: 'bare node', packages: 0, bytes: 0, launch: () => launch(bare) },
    sdk: { ...sdk, name: 'minimal SDK server', launch: () => launch(pathToFileURL(script)) },
  };
}

/** Somebody's server, by its tarball's path or what npm knows it by, installed into `folder`; gives why not, if not. */
export function another(folder: string, spec: string, args: readonly string[]): Contestant | Absent {
  try {
    const other = install(folder, existsSync(spec) ? resolve(spec) : spec);
    const script = scriptOf(other);
    // Many want a key before they say anything.
    const start = () => launch(script, args, { TELNYX_API_KEY: MADE_UP_KEY }, 'ignore');
    return { ...other, name: `${other.name} ${other.version}`, launch: start };
  } catch (error) {
    return { name: spec, trouble: reasonOf(error) };
  }
}

function scriptOf({ name, script }: Installed): URL {
  if (!script) throw new Error(`${name} has no command`);
  return pathToFileURL(script);
}

/** What went wrong, in a few words; of what npm says, the first that is more than a code. */
export function reasonOf(error: unknown): string {
  const { message, stderr = '' } = error as { message: string; stderr?: string };
  const [line] = message.split('\n');
  const ofNpm = /^npm error (?!code |errno |syscall |path )(.+)/m.exec(stderr)?.[1];
  return (ofNpm ?? line ?? '').slice(0, 60);
}
