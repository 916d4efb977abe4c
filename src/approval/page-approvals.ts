import { randomUUID } from 'node:crypto';
import type { Answer, Question } from '../core/consent.ts';
import { approvalPage } from './pages/approval.ts';
import type { PageHost } from './pages/host.ts';
import { newCode } from './pages/page.ts';

export interface Waiting {
  approval_id: string;
  code: string;
  secondsLeft: number;
}

interface Asked {
  /** What is asked and for which call: the same again is the same page. */
  key: string;
  title: string;
  question: Question;
  state: string;
}

/** Questions on local pages, for clients that cannot ask: the agent gets an id at once and calls again with it. */
export interface PageApprovals {
  /** Opens a page for a question; the page already open for the same one, if there is. Rejects without a browser. */
  ask(asked: Asked): Promise<Waiting>;
  /** What the person said, once; `Waiting` while they have not; undefined for an id that is unknown, used or too old. */
  answerTo(approvalId: string): Promise<Waiting | Answer | undefined>;
}

interface Entry {
  key: string;
  code: string;
  until: number;
  answer: Answer | undefined;
}

/** `clock` is monotonic, in milliseconds. */
export function createPageApprovals(host: PageHost, account: string, clock: () => number): PageApprovals {
  const entries = new Map<string, Entry>();
  const opening = new Map<string, Promise<Waiting>>();

  const waiting = (id: string, { code, until }: Entry): Waiting => ({
    approval_id: id,
    code,
    secondsLeft: Math.max(0, Math.ceil((until - clock()) / 1000)),
  });

  const open = async ({ key, title, question, state }: Asked): Promise<Waiting> => {
    const id = randomUUID();
    const content = question.phrase === undefined ? { confirm: true } : { phrase: question.phrase };
    const entry: Entry = { key, code: newCode(), until: 0, answer: undefined };
    const decide = (action: 'accept' | 'decline'): void => {
      entry.answer = { state, action, ...(action === 'accept' && { content }) };
    };
    const page = await host.open(approvalPage({ title, account, ...question }, decide, entry.code));
    entry.until = page.expiresAt;
    entries.set(id, entry);
    void page.done.then((ending) => ending !== 'answered' && entries.delete(id));
    return waiting(id, entry);
  };

  return {
    async ask(asked) {
      for (const [id, entry] of entries) if (entry.key === asked.key) return waiting(id, entry);
      // Calls that come at once have one page, too.
      const page = opening.get(asked.key) ?? open(asked).finally(() => opening.delete(asked.key));
      opening.set(asked.key, page);
      return page;
    },
    async answerTo(id) {
      const entry = entries.get(id);
      if (!entry) return undefined;
      if (!entry.answer) return waiting(id, entry);
      entries.delete(id);
      return entry.answer;
    },
  };
}
