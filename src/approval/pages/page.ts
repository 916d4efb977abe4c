import { randomInt } from 'node:crypto';
import type { View } from './document.ts';

export type Reply = { status: number; view: View } | { status: number; json: object } | 'gone';

/** One submission to a page, with the right to use it up. */
interface Visit {
  /** Goes into each form: a submission without it is refused. */
  readonly token: string;
  /** Uses the page up. False when it was used, closed or has expired meanwhile: then nothing may be done. */
  claim(outcome: 'answered' | 'closed'): boolean;
}

/** A one-time page. The host calls `submit` only for a genuine submission; `show` must change and tell nothing. */
export interface Page {
  /** Shown on the page, and wherever the person was told of it, so that they see that both belong together. */
  readonly code: string;
  readonly lastsMs: number;
  readonly bodyLimit: number;
  readonly accepts: 'form' | 'json';
  show(token: string): View;
  submit(fields: unknown, visit: Visit): Promise<Reply>;
}

export type Ending = 'answered' | 'expired' | 'closed';

export interface OpenedPage {
  /** For URL elicitation and tests alone: never logged, never in a result. */
  readonly url: string;
  /** By the monotonic clock of its host, in milliseconds. */
  readonly expiresAt: number;
  /** Resolves once, after a person's answer has been answered in turn. */
  readonly done: Promise<Ending>;
  close(): void;
}

export const MINUTE_MS = 60_000;
export const FORM_LIMIT = 4096;

// Without letters and digits that are read for one another.
const ALPHABET = 'ACDEFHJKLMNPQRTUVWXY347';

/** A short code for a page and for the place that announces it; it proves nothing, a person compares it. */
export const newCode = (): string => Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
