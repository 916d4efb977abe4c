import { setTimeout as sleep } from 'node:timers/promises';
import { once } from '../core/basics.ts';
import { type Asking, call, needsApproval, type Outcome, type Ways } from '../core/call.ts';
import { type Answer, createConsent, createSealed, type ShownPage } from '../core/consent.ts';
import { createCursors } from '../core/cursor.ts';
import { ToolError } from '../core/errors.ts';
import { createLog, type Log } from '../core/log.ts';
import { createRecent, type Recent } from '../core/recent.ts';
import { type Deps, shownText, type Tool } from '../core/tool.ts';
import { jobFrom } from '../jobs/job.ts';
import { type Account, accountOf, Jobs, keptKey, localActor } from '../jobs/jobs.ts';
import { openJournal } from '../jobs/journal-files.ts';
import { createLooks } from '../jobs/looks.ts';
import { createFleets } from '../jobs/runner.ts';
import { waiting } from '../jobs/until-moved.ts';
import { LOOK_EVERY_MS } from '../jobs/watch.ts';
import { createDestinations } from '../secrets/destinations.ts';
import { type Keychain, systemKeychain } from '../secrets/keychain.ts';
import type { Secret } from '../secrets/secret.ts';
import { claimStateFolder, fingerprint, openStateKey, type StateKey } from '../secrets/state-folder.ts';
import { openVault } from '../secrets/vault.ts';
import type { HttpLimits } from '../telnyx/http.ts';
import { Refusals } from '../telnyx/refusals.ts';
import type { Config } from './config.ts';
import { connect, startSandbox } from './connection.ts';
import { everything, type Offers, offered } from './offers.ts';

/** What an engine brings along to a call. */
export interface CallContext {
  signal: AbortSignal;
  /** Without a number it says that the call goes on. */
  progress(done?: number, total?: number): void;
  answer?: Answer | undefined;
  /** True when the client can bring a person to a page (URL elicitation). */
  showsPages: boolean;
}

export interface Session {
  readonly catalogue: readonly Tool[];
  readonly resources: Offers['resources'];
  readonly prompts: Offers['prompts'];
  readonly sandbox: boolean;
  readonly log: Log;
  /** What results were about, for completion. */
  readonly recent: Recent;
  call(tool: Tool, args: unknown, context: CallContext): Promise<Outcome>;
  /** Puts a question on a local page, for a client that cannot ask. Throws `CANNOT_ASK` without a browser. */
  askOnPage(tool: Tool, asked: Asking): Promise<Record<string, unknown>>;
  /** Keeps a result while its client shows a page; gives the sealed state by which `release` hands it out, once. */
  hold(result: Record<string, unknown>): string;
  release(state: string): Record<string, unknown> | undefined;
  /** Whether the state of an answer was sealed here; a forged one must be refused, not just ignored. */
  genuine(state: string): boolean;
  /** Whether a no came sooner than a person reads: then the client gave it by itself, and nobody was asked. */
  isClientsOwn(answer: Answer): boolean;
  /** Takes a question back: no answer to it counts any more. */
  forget(state: string): void;
  /** What a resource or a completion may use, for one request. */
  deps(context: Omit<CallContext, 'answer'>): Promise<Deps>;
  /** From now on looks every few minutes who uses what, where an old credential waits for everyone to move. */
  watch(): void;
  close(): Promise<void>;
}

type Show = (page: ShownPage) => void;

/** What tests replace: the clock, the time limits, the place of the log, and what is on offer. */
export interface Surroundings {
  offers?: Offers;
  now?: () => Date;
  /** Monotonic, in milliseconds: how long approvals and pages last. */
  clock?: () => number;
  limits?: HttpLimits;
  writeLog?: (line: string) => void;
  keychain?: () => Promise<Keychain>;
  /** Calls a function again and again, for as long as nobody calls what it gives. */
  timer?: (run: () => Promise<void>) => () => void;
  /** Opens the person's browser. */
  launch?: ((url: string, used: AbortSignal) => Promise<void>) | undefined;
}

/** Clients without anyone at them decline or cancel within 1 to 16 ms. */
const READS_WITHIN_MS = 300;

const LIMITS: HttpLimits = { requestMs: 15_000, callMs: 20_000, recoveryMs: 5_000 };

/** The composition root: a Config becomes calls. Nothing is connected, read or written until a call needs it. */
export function createSession(config: Config, around: Surroundings = {}): Session {
  const {
    now = () => new Date(),
    clock = () => performance.now(),
    limits = LIMITS,
    keychain = systemKeychain,
    timer = everyLook,
    writeLog = (line) => process.stderr.write(line),
  } = around;
  const { tools, resources, prompts } = offered(config, around.offers ?? everything);
  const log = createLog(config.logLevel, now, writeLog);
  const vault = openVault(config.stateDir);
  const journal = openJournal(config.stateDir, () => keptKey(key()), now);
  // Loaded when the first question or secret needs a page.
  const pages = once(async () => {
    const { openLocalPages } = await import('../approval/local-pages.ts');
    return openLocalPages({
      env: config.childEnv,
      account: accountInWords(config),
      vault,
      clock,
      launch: around.launch,
    });
  });
  const consent = createConsent(clock);
  const ways: Ways = {
    confirm: config.confirm,
    preamble: config.sandbox === undefined ? '' : '[Sandbox: nothing real is touched] ',
    consent,
    pages: async () => (await pages()).approvals,
  };
  const held = createSealed<Record<string, unknown>>(clock);
  const recent = createRecent();
  const key = once(() => keepKey(config.stateDir, log));
  const actor = once(localActor);
  const cursors = createCursors(key);
  const refusals = new Refusals();
  const sandbox = once(() => startSandbox(config, now));
  const telnyx = once(() => connect(config, limits, log, sandbox, keychain, now));

  let known: { apiKey: Secret; account: Account } | undefined;
  async function account(): Promise<Account> {
    const { host, apiKey } = await telnyx();
    const secret = await apiKey();
    if (known?.apiKey !== secret) known = { apiKey: secret, account: accountOf(host, secret, keptKey(key())) };
    return known.account;
  }

  async function deps({ signal, progress, showsPages }: Omit<CallContext, 'answer'>, show?: Show): Promise<Deps> {
    const started = performance.now();
    // Whatever is kept or looked for there comes after this.
    claimStateFolder(config.stateDir);
    const { open } = await telnyx();
    const http = open({ signal });
    const places = { ...config, mac: (text: string) => key().mac('place', text).toString('base64url') };
    const browser = async () => (await pages()).reserve(showsPages ? show : undefined);
    return {
      http,
      refusals,
      vault,
      destinations: (...place) => createDestinations(places, { vault, keychain, browser })(...place),
      uploads: async () => (await pages()).uploads,
      cursors,
      jobs: new Jobs(journal, account, actor, http),
      folders: config,
      fleets,
      looks,
      fingerprint: (secret) => fingerprint(key(), secret),
      now,
      pause: (ms) => sleep(ms, undefined, { signal }),
      timeLeft: () => limits.callMs - (performance.now() - started),
      progress,
    };
  }

  /** What work beside the calls needs: its requests wait for those of people. */
  async function background(signal: AbortSignal): Promise<Deps> {
    const means = await deps({ signal, progress: () => undefined, showsPages: false });
    const http = (await telnyx()).open({ signal, background: true });
    return { ...means, http, jobs: means.jobs.with(http), timeLeft: () => Number.POSITIVE_INFINITY };
  }
  const fleets = createFleets(background, log);
  const looks = createLooks(background, log);
  let stopWatching = (): void => undefined;

  return {
    catalogue: tools,
    resources,
    prompts,
    sandbox: config.sandbox !== undefined,
    log,
    recent,
    deps,
    async askOnPage(tool, { key, state, question }) {
      const waiting = await (await ways.pages()).ask({ key, state, question, title: tool.title }).catch((error) => {
        throw error instanceof ToolError ? error : cannotAsk();
      });
      return needsApproval(tool, waiting).result;
    },
    genuine: (state) => consent.genuine(state) || held.genuine(state),
    isClientsOwn: ({ action, state }) =>
      action !== 'accept' && (consent.age(state) ?? Number.POSITIVE_INFINITY) < READS_WITHIN_MS,
    forget: (state) => void consent.open(state),
    async call(tool, args, context) {
      let shown: ShownPage | undefined;
      const show: Show = (page) => {
        shown = { ...page, message: shownText(page.message) };
      };
      const finish = (outcome: Outcome): Outcome => {
        if (outcome.kind === 'ask')
          return { ...outcome, resume: async (answer) => finish(await outcome.resume(answer)) };
        recent.see(args, outcome.result);
        return shown ? { ...outcome, shown } : outcome;
      };
      return finish(await call(tool, args, context.answer, () => deps(context, show), ways));
    },
    hold: held.seal,
    release: held.open,
    watch() {
      // A server that may only read leaves it to others.
      if (!tools.some(({ name }) => name === 'continue_rotation')) return;
      stopWatching = timer(async () => {
        // Before it is known that something waits, nothing is connected and no key is asked for.
        const open = await journal.open().catch(() => []);
        if (open.some((one) => waiting(jobFrom(one) ?? NONE, now()).length > 0)) await looks.round();
      });
    },
    async close() {
      stopWatching();
      await Promise.all([fleets.close(), looks.close()]);
      if (pages.made()) await (await pages()).close();
      if (sandbox.made()) await (await sandbox())?.close();
    },
  };
}

const NONE = { items: new Map() };
// Soon after the start, since a client may start a server for one question.
const FIRST_LOOK_MS = 60_000;

/** Neither keeps a process alive that has nothing else to do. */
function everyLook(run: () => Promise<void>): () => void {
  const first = setTimeout(run, FIRST_LOOK_MS).unref();
  const each = setInterval(run, LOOK_EVERY_MS).unref();
  return () => {
    clearTimeout(first);
    clearInterval(each);
  };
}

const accountInWords = ({ sandbox, baseUrl }: Config): string =>
  sandbox === undefined ? `that of your API key, at ${new URL(baseUrl).host}` : 'a sandbox, nothing real';

function cannotAsk(): ToolError {
  return new ToolError(
    'CANNOT_ASK',
    'This needs a yes from a person, this client cannot ask one, and no page can be opened on this machine. Nothing was changed.',
    'Tell the person: it works in a client that supports MCP elicitation, or on a machine with a browser. An operator can turn questions off for sandboxes and CI with TELNYX_MCP_CONFIRM=never.',
  );
}

function keepKey(stateDir: string, log: Log): StateKey {
  const key = openStateKey(stateDir);
  if (!key.kept) log('warn', 'the state folder cannot keep a key: fingerprints are withheld', { folder: stateDir });
  return key;
}
