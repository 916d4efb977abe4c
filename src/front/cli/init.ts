import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { CLIENT_NAMES, type Client, clientsOf, type Home } from '../../clients/clients.ts';
import type { Change } from '../../clients/edit.ts';
import { launchOf, type Plan, toInstall, toUninstall } from '../../clients/entry.ts';
import { fileOf, isInstalled, planFor, type Step } from '../../clients/plan.ts';
import { writeSettings } from '../../clients/settings-file.ts';
import { ToolError } from '../../core/errors.ts';
import { type Config, ConfigError } from '../../host/config.ts';
import { version } from '../../host/version.ts';
import { print, type Terminal } from './terminal.ts';

interface Streams {
  input: Readable;
  output: Writable;
}

interface Choice {
  name: string;
  title: string;
}

/** Asks which of some clients to go on with; gives those that were ticked, none when the person leaves. */
export async function chooseClients<T extends Choice>(clients: readonly T[], streams: Streams): Promise<readonly T[]> {
  const { isCancel, multiselect } = await import('@clack/prompts');
  const chosen = await multiselect({
    ...streams,
    message: 'Which clients?',
    options: clients.map(({ name, title }) => ({ value: name, label: title })),
    initialValues: clients.map(({ name }) => name),
    required: false,
  });
  return isCancel(chosen) ? [] : clients.filter(({ name }) => chosen.includes(name));
}

/** Asks for a yes to the changes shown, at once or to each; gives the clients that got one. */
export async function confirmClients<T extends Choice>(clients: readonly T[], streams: Streams): Promise<readonly T[]> {
  const { confirm, isCancel, select } = await import('@clack/prompts');
  if (clients.length > 1) {
    const answer = await select({
      ...streams,
      message: 'Write these changes?',
      options: [
        { value: 'all', label: 'All of them' },
        { value: 'each', label: 'Ask for each' },
        { value: 'none', label: 'None' },
      ],
    });
    if (isCancel(answer) || answer === 'none') return [];
    if (answer === 'all') return clients;
  }
  const agreed: T[] = [];
  for (const client of clients) {
    const yes = await confirm({ ...streams, message: `Write the change of ${client.title}?`, initialValue: false });
    if (isCancel(yes)) return agreed;
    if (yes) agreed.push(client);
  }
  return agreed;
}

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
  holdsKey: async () => (await import('../../host/api-key.ts')).keychainHoldsKey(),
  now: () => new Date(),
});

type Outcome = { changes: readonly Change[] } & Partial<Plan>;
type Ready = Step<Outcome>;

type Decide = (settings: unknown, client: Client) => Outcome;

const command =
  (nothing: string, deciding: (machine: Machine) => Promise<Decide>) =>
  async (_args: readonly string[], config: Config, terminal: Terminal, machine = thisMachine(config)) =>
    change(config, terminal, machine, nothing, await deciding(machine));

/**
 * Puts this server into the settings of the MCP clients found, or of the one that `--client` names; gives 0 when all is
 * in place, 1 when any was not written. Throws ConfigError when it is not told which client and cannot ask.
 */
export const init = command('nothing to change', async (machine) => {
  const launch = launchOf(machine.main, version, machine.platform);
  const inKeychain = await machine.holdsKey();
  return (settings, client) => toInstall(settings, client, launch, inKeychain);
});

/** Takes this server out of them again; everything else as `init`. */
export const uninstall = command('nothing of this server is in it', async (machine) => {
  const launch = launchOf(machine.main, version, machine.platform);
  return (settings, client) => ({ changes: toUninstall(settings, client, launch) });
});

async function change(
  config: Config,
  terminal: Terminal,
  machine: Machine,
  nothing: string,
  decide: Decide,
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
