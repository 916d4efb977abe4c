import type { findApiKey } from '../host/api-key.ts';
import type { Config } from '../host/config.ts';
import type { Keychain } from '../secrets/keychain.ts';

/** How far a request came. */
export type Stage = 'name' | 'connection' | 'encryption' | 'answer';

/** An answer with its time and ours, or where the request ended and why. */
export type Reached =
  | { host: string; status: number; date: number; now: number }
  | { host: string; stage: Stage; why: string };

/** What a check found, and what to do about it. */
export interface Found {
  status: 'ok' | 'warning' | 'error';
  says: string;
  next?: string;
}

/** What the checks look at; what several of them need is found once. */
export interface Around {
  config: Config;
  keychain(): Promise<Keychain>;
  /** Rejects with a ToolError when there is none. */
  key(): ReturnType<typeof findApiKey>;
  /** Undefined in the sandbox, which is inside the process. */
  reached(): Promise<Reached | undefined>;
}

/** Looks at one thing and changes nothing; finds nothing where there is nothing to look at. May throw. */
export type Check = (around: Around) => Found[] | Promise<Found[]>;

export const ok = (says: string): Found => ({ status: 'ok', says });
export const warning = (says: string, next: string): Found => ({ status: 'warning', says, next });
export const error = (says: string, next: string): Found => ({ status: 'error', says, next });
