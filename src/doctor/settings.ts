import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { attempt, isRecord } from '../core/basics.ts';
import { ToolError } from '../core/errors.ts';
import { type Config, DEFAULT_BASE_URL, TOOLSETS } from '../host/config.ts';
import { type FolderRules, holdsHome, resolveAllowed } from '../secrets/allowed-folder.ts';
import { commandSink } from '../secrets/command.ts';
import { type Check, error, type Found, ok, warning } from './check.ts';

/** The settings that change what the program may do, in plain words. */
export const settings: Check = ({ config }) => {
  const { baseUrl, readOnly, toolsets, sandbox, deliverTo } = config;
  const { host } = new URL(baseUrl);
  const real = sandbox === undefined;
  return [
    ...(real ? [] : [ok('a sandbox: nothing real is touched')]),
    ...(real && baseUrl !== DEFAULT_BASE_URL
      ? [warning(`the key is sent to ${host}, not to Telnyx itself`, 'leave out TELNYX_BASE_URL unless you mean it')]
      : []),
    readOnly ? ok('read-only: nothing can be changed') : ok('credentials can be changed'),
    asking(config),
    ...(toolsets.length < TOOLSETS.length ? [ok(`only the toolsets ${toolsets.join(', ')}`)] : []),
    ok(`new secrets go to ${deliverTo}`),
  ];
};

function asking({ confirm, readOnly, sandbox }: Config): Found {
  if (confirm === 'ask' || readOnly) return ok('a person is asked before something is taken away');
  const says = 'nobody is asked before something is taken away';
  return sandbox === undefined ? warning(says, 'leave out TELNYX_MCP_CONFIRM=never, except in CI') : ok(says);
}

const SET_DIRS = 'set TELNYX_MCP_ALLOW_DIRS to the folder of your project';
const MEND_FILE = 'correct the file that TELNYX_MCP_COMMANDS_FILE names: {"NAME": ["program", "argument"]}';

/** Whether the folders that files with secrets may lie in are there, and not too wide. */
export const folders: Check = ({ config: { workingFolder, allowDirs, stateDir, deliverTo } }) => [
  ...(allowDirs === undefined
    ? [working(workingFolder)]
    : allowDirs.map((path) => allowed(resolve(workingFolder, path)))),
  ...(allowDirs?.length === 0 ? [warning('none is allowed, so no file can get a secret', SET_DIRS)] : []),
  ...(deliverTo.startsWith('file:')
    ? reachable(deliverTo.slice('file:'.length), { workingFolder, allowDirs, stateDir })
    : []),
];

function working(path: string): Found {
  if (!holdsHome(path)) return ok(`the working folder, ${path}`);
  return warning('none, since the working folder is a root or a home folder, or holds one', SET_DIRS);
}

function allowed(path: string): Found {
  if (!isFolder(path)) return error(`${path} is not there, or is no folder`, 'correct TELNYX_MCP_ALLOW_DIRS');
  if (!holdsHome(path)) return ok(path);
  return warning(`${path} is a root or a home folder, or holds one: any file of yours may be given secrets`, SET_DIRS);
}

const isFolder = (path: string): boolean => attempt(() => statSync(path).isDirectory()) === true;

function reachable(path: string, rules: FolderRules): Found[] {
  try {
    resolveAllowed(path, rules);
    return [];
  } catch (failed) {
    if (!(failed instanceof ToolError)) throw failed;
    return [error(failed.message, 'correct TELNYX_MCP_DELIVER_TO or TELNYX_MCP_ALLOW_DIRS')];
  }
}

/** Whether each command that secrets can be handed to could be started; none is. */
export const commands: Check = async ({ config }) => {
  const { commandsFile, deliverTo } = config;
  const names = commandsFile === undefined ? [] : namesIn(commandsFile);
  if (names === undefined) return [error('the commands file cannot be read as a JSON object', MEND_FILE)];
  const wanted = deliverTo.startsWith('command:') ? [deliverTo.slice('command:'.length)] : [];
  const problems = new Set<string>();
  for (const name of new Set([...names, ...wanted])) {
    try {
      const slot = await commandSink(name, config).reserve();
      await slot[Symbol.asyncDispose]();
    } catch (failed) {
      if (!(failed instanceof ToolError)) throw failed;
      problems.add(failed.message.replace(/ Nothing was created\.$/, ''));
    }
  }
  if (problems.size > 0) return [...problems].map((says) => error(says, MEND_FILE));
  return commandsFile === undefined ? [] : [ok(names.length > 0 ? names.join(', ') : 'the file names none')];
};

function namesIn(file: string): string[] | undefined {
  const object = attempt(() => JSON.parse(readFileSync(file, 'utf8')));
  return isRecord(object) ? Object.keys(object) : undefined;
}
