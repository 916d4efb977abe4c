import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../core/basics.ts';
import { misconfigured, type ToolError } from '../core/errors.ts';
import type { Client, KeyWay } from './clients.ts';
import type { Change } from './edit.ts';

const NAME = 'telnyx';
const PACKAGE = 'telnyx-credentials-mcp';
const KEY = 'TELNYX_API_KEY';

export interface Launch {
  command: string;
  args: readonly string[];
}

type Settings = Readonly<Record<string, unknown>>;

/** Where a server will find the key: in the keychain, in the client's own way, in the person's, or nowhere yet. */
type KeyPlace = 'keychain' | KeyWay['kind'] | 'own';

export interface Plan {
  changes: readonly Change[];
  key: KeyPlace;
  /** Whether the entry had a key in clear: it is left to the person who put it there, or gone but for the backup. */
  plainKey?: 'left' | 'replaced' | undefined;
}

/**
 * Takes the resolved path of the running program; gives the command that starts it again. What npm installed is named
 * by its exact version: another one, published tomorrow, would get the key too.
 */
export function launchOf(main: string, version: string, platform: NodeJS.Platform): Launch {
  if (!/[\\/]node_modules[\\/]/.test(main)) return { command: 'node', args: [main] };
  const npx = ['npx', '-y', `${PACKAGE}@${version}`];
  // npx is a .cmd file there, which is not started without a shell.
  const [command = '', ...args] = platform === 'win32' ? ['cmd', '/c', ...npx] : npx;
  return { command, args };
}

/** The package by its name, a version of it, or a path through a folder called so; not one of another's scope. */
const isPackage = (arg: unknown): boolean =>
  typeof arg === 'string' && !arg.startsWith('@') && /(^|[\\/])telnyx-credentials-mcp(@[^\\/]*)?([\\/]|$)/.test(arg);

function isOurs(entry: unknown, launch: Launch): entry is Settings {
  if (!isRecord(entry)) return false;
  const args = Array.isArray(entry.args) ? entry.args : [];
  return isPackage(entry.command) || args.some(isPackage) || args.includes(launch.args.at(-1));
}

/** Takes a value of the environment of an entry; tells whether it points to the key instead of being it. */
const isReference = (value: unknown): boolean => typeof value === 'string' && /^\$\w+$|\$\{/.test(value);

/** Takes the settings of a client; gives what puts our entry there. Throws ToolError when something else is in the way. */
export function toInstall(settings: unknown, client: Client, launch: Launch, inKeychain: boolean): Plan {
  const servers = serversOf(settings, client);
  const reference = client.key.kind === 'none' ? undefined : client.key.reference;
  const present = Object.hasOwn(servers, NAME) ? servers[NAME] : undefined;
  const at = [client.servers, NAME];
  if (present === undefined) {
    const env = !inKeychain && reference !== undefined ? { env: { [KEY]: reference } } : {};
    const entry = { ...client.extra, command: launch.command, args: launch.args, ...env };
    return {
      changes: [{ path: at, value: entry }, ...inputFor(settings, client, inKeychain ? undefined : reference)],
      key: inKeychain ? 'keychain' : client.key.kind,
    };
  }
  if (!isOurs(present, launch)) {
    throw misconfigured(
      `An entry ${NAME} is there that does not start ${PACKAGE}. It was left as it is.`,
      'Give that entry another name, or take it out, and run this again.',
    );
  }
  const env = present.env === undefined ? {} : present.env;
  if (!isRecord(env)) throw noObject(`the env of the entry ${NAME}`);
  const own = env[KEY];
  const plain = own !== undefined && !isReference(own);
  const byFile = typeof env.TELNYX_API_KEY_FILE === 'string';
  const kept = !inKeychain && (reference === undefined || byFile || (own !== undefined && !plain));
  const wanted = inKeychain ? undefined : kept ? own : reference;
  const bare = present.env !== undefined && Object.keys(env).length === 1 && own !== undefined && wanted === undefined;
  const fields: [string, unknown][] = [
    ...Object.entries(client.extra).map(([name, value]): [string, unknown] => [name, present[name] ?? value]),
    ['command', launch.command],
    ['args', [...launch.args, ...ownArgs(present)]],
  ];
  return {
    changes: [
      ...fields
        .filter(([name, value]) => !isDeepStrictEqual(present[name], value))
        .map(([name, value]) => ({ path: [...at, name], value })),
      ...(own === wanted ? [] : [{ path: [...at, 'env', ...(bare ? [] : [KEY])], value: wanted }]),
      ...inputFor(settings, client, wanted),
    ],
    key: inKeychain ? 'keychain' : byFile || (wanted !== undefined && wanted !== reference) ? 'own' : client.key.kind,
    plainKey: plain ? (own === wanted ? 'left' : 'replaced') : undefined,
  };
}

/** Takes the settings of a client; gives what takes our entry out, nothing when it is not there or not ours. Throws ToolError. */
export function toUninstall(settings: unknown, client: Client, launch: Launch): readonly Change[] {
  const servers = serversOf(settings, client);
  if (!Object.hasOwn(servers, NAME) || !isOurs(servers[NAME], launch)) return [];
  return [{ path: [client.servers, NAME], value: undefined }, ...withoutInput(settings as Settings, client)];
}

/** The arguments that the person added to those of our launch. */
function ownArgs(entry: Settings): unknown[] {
  const args: unknown[] = Array.isArray(entry.args) ? entry.args : [];
  const ours = args.findIndex(isPackage);
  // A checkout in a folder of another name is known by its path, and that is the first argument.
  return isPackage(entry.command) ? args : args.slice(ours === -1 ? 1 : ours + 1);
}

function serversOf(settings: unknown, { servers }: Client): Settings {
  if (!isRecord(settings)) throw noObject('the top level');
  const found = Object.hasOwn(settings, servers) ? settings[servers] : {};
  if (!isRecord(found)) throw noObject(servers);
  return found;
}

const noObject = (what: string): ToolError =>
  misconfigured(
    `In this file ${what} is no JSON object. It was left as it is.`,
    'Mend the file, or move it away, and run this again.',
  );

const inputsOf = (settings: unknown): unknown[] => {
  const inputs = isRecord(settings) ? settings.inputs : undefined;
  if (inputs !== undefined && !Array.isArray(inputs)) throw noInput();
  return inputs ?? [];
};

const isInput = (input: unknown, id: string): input is Settings => isRecord(input) && input.id === id;
const isPassword = ({ type, password }: Settings): boolean => type === 'promptString' && password === true;

function inputFor(settings: unknown, { key }: Client, wanted: unknown): Change[] {
  if (key.kind !== 'input' || wanted !== key.reference) return [];
  const present = inputsOf(settings).find((input) => isInput(input, key.id));
  // What is not a password prompt would show the key, or take it from anywhere.
  if (present !== undefined && !(isRecord(present) && isPassword(present))) throw noInput();
  const value = { type: 'promptString', id: key.id, description: 'Telnyx API key', password: true };
  return present === undefined ? [{ path: ['inputs', 0], value }] : [];
}

const noInput = (): ToolError =>
  misconfigured(
    'The inputs of this file are no list, or its input telnyx-api-key is no password prompt. It was left as it is.',
    'Mend or rename that input, and run this again.',
  );

function withoutInput(settings: Settings, { key, servers }: Client): Change[] {
  if (key.kind !== 'input' || !Array.isArray(settings.inputs)) return [];
  const inputs: unknown[] = settings.inputs;
  const at = inputs.findIndex((input) => isInput(input, key.id) && isPassword(input));
  const { [NAME]: _ours, ...others } = settings[servers] as Settings;
  const elsewhere = JSON.stringify([{ ...settings, [servers]: others }]).includes(key.reference);
  if (at === -1 || elsewhere) return [];
  // First in the file is where `init` puts a list that was not there; an empty one means nothing anywhere.
  const whole = inputs.length === 1 && Object.keys(settings)[0] === 'inputs';
  return [{ path: whole ? ['inputs'] : ['inputs', at], value: undefined }];
}
