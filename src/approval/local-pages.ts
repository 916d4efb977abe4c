import { randomUUID } from 'node:crypto';
import type { Answer, Question, ShownPage } from '../core/consent.ts';
import { misconfigured } from '../core/errors.ts';
import type { Handover, Slot } from '../secrets/destination.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Copy, Vault } from '../secrets/vault.ts';
import { approvalPage } from './pages/approval.ts';
import { createLauncher, hasBrowser } from './pages/browser.ts';
import { createPageHost, type PageHost } from './pages/host.ts';
import { MINUTE_MS, newCode, type Page } from './pages/page.ts';
import { revealPage } from './pages/reveal.ts';
import { type Recognised, type UploadedFile, uploadPage } from './pages/upload.ts';

interface Around {
  env: Record<string, string>;
  /** The account, as a person knows it. */
  account: string;
  vault: Vault;
  /** Monotonic, in milliseconds. */
  clock(): number;
  /** Opens a browser; the system's unless told. */
  launch?: ((url: string, used: AbortSignal) => Promise<void>) | undefined;
}

/**
 * Pages on the loopback interface: questions to a person whose client cannot ask, files they drop, and secrets they want to
 * see. Nothing listens until the first one opens.
 */
export function openLocalPages({ env, account, vault, clock, launch }: Around) {
  const machine = { platform: process.platform, env };
  const host = createPageHost({ clock, launch: launch ?? createLauncher(machine) });
  return {
    approvals: createPageApprovals(host, account, clock),
    uploads: createPageUploads(host, clock),
    /**
     * A one-time page for a secret. Until a browser says that it has it, a copy is in the vault; after that nowhere here. `show` is how
     * this call's client brings a person to a page, if it can.
     */
    async reserve(show: ((page: ShownPage) => void) | undefined): Promise<Slot> {
      if (show || launch || hasBrowser(machine)) return slotOf(host, show, await vault.reserveCopy());
      throw misconfigured(
        'No page can be opened on this machine: it has no display. Nothing was created.',
        'Deliver to the vault or to a file instead.',
      );
    },
    close: () => host.close(),
  };
}

/** What an agent is told of a page that waits for a person: it calls again with the id. */
export interface Waiting {
  readonly id: string;
  readonly code: string;
  readonly secondsLeft: number;
}

// As long as a page is open, and as a yes counts.
const KEPT_MS = 10 * MINUTE_MS;

/** Opens pages, and keeps what comes of each in memory, for ten minutes. `clock` is monotonic, in milliseconds. */
function keptPages<T>(host: PageHost, clock: () => number) {
  // Apart from what is told: what came may be a key, and what is told goes to the model.
  const kept = new Map<string, { waiting: Waiting; came?: T }>();
  return {
    /** A page, with what came of it so far; undefined for an id that is unknown or too old, or when it ended unanswered. */
    look(id: string): { waiting: Waiting; came?: T } | undefined {
      for (const [old, { waiting }] of kept) if (waiting.secondsLeft === 0) kept.delete(old);
      return kept.get(id);
    },
    forget: (id: string) => kept.delete(id),
    /** Rejects without a browser. */
    async open(make: (code: string, keep: (came: T) => void) => Page): Promise<Waiting> {
      let until = 0;
      const id = randomUUID();
      const waiting: Waiting = {
        ...{ id, code: newCode() },
        get secondsLeft() {
          return Math.max(0, Math.ceil((until - clock()) / 1000));
        },
      };
      const page: { waiting: Waiting; came?: T } = { waiting };
      const keep = (came: T): void => {
        page.came = came;
        until = clock() + KEPT_MS;
        // Also when nobody ever asks for it.
        setTimeout(() => kept.delete(id), KEPT_MS).unref();
      };
      const { expiresAt, done } = await host.open(make(waiting.code, keep));
      until = expiresAt;
      kept.set(id, page);
      void done.then((ending) => ending !== 'answered' && kept.delete(id));
      return waiting;
    },
  };
}

interface Asked {
  /** What is asked and for which call: the same again is the same page. */
  key: string;
  title: string;
  question: Question;
  state: string;
}

/** Questions on local pages, for clients that cannot ask: the agent gets an id at once and calls again with it. */
export type PageApprovals = ReturnType<typeof createPageApprovals>;

function createPageApprovals(host: PageHost, account: string, clock: () => number) {
  const pages = keptPages<Answer>(host, clock);
  /** The page of each question, by its key. */
  const asked = new Map<string, string>();
  const opening = new Map<string, Promise<Waiting>>();

  const open = ({ key, title, question, state }: Asked): Promise<Waiting> => {
    const content = question.phrase === undefined ? { confirm: true } : { phrase: question.phrase };
    const page = pages.open((code, keep) => {
      const decide = (action: 'accept' | 'decline'): void =>
        keep({ state, action, ...(action === 'accept' && { content }) });
      return approvalPage({ title, account, ...question }, decide, code);
    });
    return page.then((waiting) => {
      asked.set(key, waiting.id);
      return waiting;
    });
  };

  return {
    /** Opens a page for a question; the page already open for the same one, if there is. Rejects without a browser. */
    async ask(question: Asked): Promise<Waiting> {
      const { key } = question;
      for (const [known, id] of asked) if (!pages.look(id)) asked.delete(known);
      const before = pages.look(asked.get(key) ?? '');
      if (before) return before.waiting;
      // Calls that come at once have one page, too.
      const page = opening.get(key) ?? open(question).finally(() => opening.delete(key));
      opening.set(key, page);
      return page;
    },
    /** What the person said, once; `Waiting` while they have not; undefined for an id that is unknown, used or too old. */
    async answerTo(approvalId: string): Promise<Waiting | Answer | undefined> {
      const found = pages.look(approvalId);
      if (found?.came) pages.forget(approvalId);
      return found?.came ?? found?.waiting;
    },
  };
}

/** Files a person handed over at a page, with the passphrase of one of them if it has one. */
interface Uploaded {
  files: UploadedFile[];
  passphrase: Secret | undefined;
}

/** Pages where a person drops files. What comes of one is kept for ten minutes, in memory only. */
export type PageUploads = ReturnType<typeof createPageUploads>;

function createPageUploads(host: PageHost, clock: () => number) {
  const pages = keptPages<Uploaded>(host, clock);
  return {
    /** Opens a page; rejects without a browser. */
    open: (title: string, recognise: (files: UploadedFile[]) => Promise<Recognised[]>) =>
      pages.open((code, keep) =>
        uploadPage({ title, recognise }, (files, passphrase) => keep({ files, passphrase }), code),
      ),
    /** The files, while they are kept; `Waiting` until they are there; undefined for an id that is unknown or too old. */
    take(uploadId: string): Waiting | Uploaded | undefined {
      const found = pages.look(uploadId);
      return found?.came ?? found?.waiting;
    },
  };
}

/** The names a person reads for what is handed over. */
const NAMES: Record<string, string> = {
  sip_password: 'SIP password',
  login_token: 'Login token',
  push_private_key: 'Private key',
};

const slotOf = (host: PageHost, show: ((page: ShownPage) => void) | undefined, spare: Copy): Slot => ({
  async keep(handover) {
    const kept = await spare.keep(handover);
    const code = newCode();
    const reveal = revealPage({ title: titleOf(handover), fields: fieldsOf(handover) }, code);
    try {
      const page = await (show ? host.offer(reveal) : host.open(reveal));
      show?.({ url: page.url, message: `Open this page to see ${titleOf(handover)}. It must show the code ${code}.` });
      void page.done.then((ending) => (ending === 'answered' ? spare.forget() : undefined));
      const place = `a page with the code ${code}, for 5 minutes; if it is not opened by then, ${kept.place} keeps it`;
      return { destination: 'browser', place };
    } catch {
      return { ...kept, warning: 'No page could be opened, so it is in the vault.' };
    }
  },
  [Symbol.asyncDispose]: () => spare[Symbol.asyncDispose](),
});

const titleOf = ({ facts, name }: Handover): string => `the secret of ${facts.name ?? facts.alias ?? name}`;

function fieldsOf({ facts, secrets }: Handover): Record<string, Secret | string> {
  const named = Object.entries(secrets).map(([key, secret]) => [NAMES[key] ?? key, secret] as const);
  return { ...(facts.sip_username && { 'SIP username': facts.sip_username }), ...Object.fromEntries(named) };
}
