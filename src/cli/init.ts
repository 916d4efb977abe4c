import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Writable } from 'node:stream';
import { CLIENT_NAMES, type Client, clientsOf, type Home } from '../clients/clients.ts';
import { chooseClients, confirmClients } from '../clients/dialog.ts';
import type { Change } from '../clients/edit.ts';
import { launchOf, type Plan, toInstall, toUninstall } from '../clients/entry.ts';
import { fileOf, isInstalled, planFor, type Step } from '../clients/plan.ts';
import { writeSettings } from '../clients/settings-file.ts';
import { type Config, ConfigError } from '../config.ts';
import { ToolError } from '../errors.ts';
import { version } from '../version.ts';
import { print, type Terminal } from './terminal.ts';

/** The machine that is set up. */
export interface Machine extends Home {
  /** The program that runs, links resolved. */
  main: string;
  /** Whether the keychain has an API key. */
  holdsKey(): Promise<boolean>;
  now(): Date;
}

const thisMachine = ({ childEnv }: Config): Machine => ({
  platform: process.platform,
  home: homedir(),
  env: childEnv,
  main: realpathSync(process.argv[1] ?? ''),
  holdsKey: async () => (await import('../api-key.ts')).keychainHoldsKey(),
  now: () => new Date(),
});

type Outcome = { changes: readonly Change[] } & Partial<Plan>;
type Ready = Step<Outcome>;

/**
 * Puts this server into the settings of the MCP clients found, or of the one that `--client` names; gives 0 when all is
 * in place, 1 when any was not written. Throws ConfigError when it is not told which client and cannot ask.
 */
export async function init(
  _args: readonly string[],
  config: Config,
  terminal: Terminal,
  machine: Machine = thisMachine(config),
): Promise<number> {
  const launch = launchOf(machine.main, version, machine.platform);
  const inKeychain = await machine.holdsKey();
  return change(config, terminal, machine, 'nothing to change', (settings, client) =>
    toInstall(settings, client, launch, inKeychain),
  );
}

/** Takes this server out of them again; everything else as `init`. */
export async function uninstall(
  _args: readonly string[],
  config: Config,
  terminal: Terminal,
  machine: Machine = thisMachine(config),
): Promise<number> {
  const launch = launchOf(machine.main, version, machine.platform);
  return change(config, terminal, machine, 'nothing of this server is in it', (settings, client) => ({
    changes: toUninstall(settings, client, launch),
  }));
}

async function change(
  config: Config,
  terminal: Terminal,
  machine: Machine,
  nothing: string,
  decide: (settings: unknown, client: Client) => Outcome,
): Promise<number> {
  const { stdin, stdout, stderr } = terminal;
  const isTerminal = Boolean(stdin.isTTY && (stdout as Writable & { isTTY?: boolean }).isTTY);
  const asks = isTerminal && !config.dryRun;
  const streams = { input: stdin, output: stdout };
  let clients = candidates(config, machine, isTerminal);
  if (clients.length === 0) {
    print(stderr, `No MCP client was found here.\nName one with --client: ${CLIENT_NAMES.join(', ')}.`);
    return 1;
  }
  if (asks && clients.length > 1) clients = await chooseClients(clients, streams);
  let failed = clients.length === 0;
  const fail = ({ title }: Pick<Client, 'title'>, path: string, error: unknown): void => {
    if (!(error instanceof ToolError)) throw error;
    failed = true;
    print(stderr, `${title}: ${path}\n${error.message}\n${error.next}`);
  };

  const ready: Ready[] = [];
  for (const client of clients) {
    try {
      const step = await planFor(client, (settings) => decide(settings, client));
      if (step.diff.length === 0) print(stdout, `${client.title}: ${step.path}: ${nothing}`);
      else {
        print(stdout, [client.title, `--- ${step.path}`, `+++ ${step.path}`, ...step.diff].join('\n'));
        if (client.caution) print(stdout, client.caution);
        ready.push(step);
      }
    } catch (error) {
      fail(client, fileOf(client), error);
    }
  }
  if (config.dryRun || ready.length === 0) return failed ? 1 : 0;

  const agreed = asks ? await confirmClients(ready, streams) : ready;
  if (agreed.length < ready.length) failed = true;
  for (const step of agreed) {
    try {
      const backup = await writeSettings(step.file, step.text, machine.now());
      print(stdout, `${step.title}: written${backup === undefined ? '' : `; what was there is in ${backup}`}`);
      print(stdout, nextSteps(step).join('\n'));
    } catch (error) {
      fail(step, step.path, error);
    }
  }
  return failed ? 1 : 0;
}

function candidates({ client: named, dryRun }: Config, machine: Machine, isTerminal: boolean): readonly Client[] {
  const clients = clientsOf(machine);
  if (named === undefined) {
    if (!isTerminal && !dryRun) {
      throw new ConfigError(`without a terminal, say which with --client: ${CLIENT_NAMES.join(', ')}`);
    }
    return clients.filter(isInstalled);
  }
  const found = clients.filter(({ name }) => name === named);
  if (found.length === 0) throw new ConfigError(`--client must be one of: ${CLIENT_NAMES.join(', ')}`);
  return found;
}

const LOGIN = 'telnyx-credentials-mcp login';

function nextSteps({ title, extra: { key, plainKey } }: Ready): string[] {
  const steps: Record<NonNullable<typeof key>, string> = {
    keychain: 'The key is taken from the keychain; none is in the file.',
    environment: `Set TELNYX_API_KEY in the environment that ${title} starts from, or keep the key in the keychain: ${LOGIN}.`,
    input: `${title} asks for the key when it first starts the server, and keeps it.`,
    none: `${title} can neither ask for the key nor read it from the environment: run ${LOGIN} before you use it.`,
    own: 'The key is found as the entry already said.',
  };
  return [
    ...(key ? [steps[key]] : []),
    ...(plainKey === 'left'
      ? [`A key stands in clear in this entry: run ${LOGIN}, then this again, which takes it out.`]
      : []),
    ...(plainKey === 'replaced'
      ? ['The entry had a key in clear, and so has the copy: delete the copy once all works.']
      : []),
    `Restart ${title}.`,
  ];
}
