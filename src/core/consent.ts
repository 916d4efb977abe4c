import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { WorldChanged } from './errors.ts';
import { quoted } from './text.ts';

/** What a person is asked before something happens, in plain words, about the thing as it is now. */
export interface Question {
  text: string;
  /** A phrase to type instead of a tick, for what is in use or many. */
  phrase?: string;
}

/** What came back from a person, by whichever way they were asked. `accept` alone is no yes: the form must say so too. */
export interface Answer {
  /** The sealed state that came with the question. */
  state: string;
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, unknown> | undefined;
}

/**
 * The form that puts a question to a person: one tick, or one phrase to type (MCP form elicitation). The tick says that it
 * is not there, since some clients begin at the first value of a boolean, where one Enter would be a yes.
 */
export function formFor({ text, phrase }: Question) {
  const field =
    phrase === undefined
      ? { confirm: { type: 'boolean' as const, title: 'Yes, do it', description: 'Tick to go ahead', default: false } }
      : { phrase: { type: 'string' as const, title: 'To go ahead', description: `Type: ${phrase}` } };
  return {
    message: text,
    requestedSchema: { type: 'object' as const, properties: field, required: Object.keys(field) },
  };
}

/** Whether the form was filled in with a true yes to this very question. */
export function saysYes({ phrase }: Question, { action, content }: Answer): boolean {
  if (action !== 'accept') return false;
  return phrase === undefined ? content?.confirm === true : content?.phrase === phrase;
}

/** A page that the client itself shows a person (MCP URL elicitation): the message and the page bear the same code. */
export interface ShownPage {
  url: string;
  message: string;
}

const LASTS_MS = 10 * 60_000;
const MOST = 500;

/**
 * Things that wait in this process for a state to come back, which travels through the client and says nothing of them.
 * Each is handed out once, within ten minutes by a clock that nobody can set; what is gone never comes back.
 */
export interface Sealed<T> {
  seal(thing: T): string;
  /** Whether a state was sealed by this process, however old it is. */
  genuine(state: string): boolean;
  /** Milliseconds since a state was sealed; undefined when nothing waits for it. */
  age(state: string): number | undefined;
  /** What a state was sealed for; undefined when it is forged, too old or was opened before. */
  open(state: string): T | undefined;
}

/** `clock` is monotonic, in milliseconds. */
export function createSealed<T>(clock: () => number): Sealed<T> {
  const key = randomBytes(32);
  const waiting = new Map<string, { thing: T; at: number }>();
  const sealOf = (nonce: string): string => `${nonce}.${createHmac('sha256', key).update(nonce).digest('base64url')}`;
  const age = (state: string): number | undefined => {
    const { at } = waiting.get(state) ?? {};
    return at === undefined || clock() - at >= LASTS_MS ? undefined : clock() - at;
  };
  return {
    age,
    seal(thing) {
      for (const old of waiting.keys()) if (age(old) === undefined || waiting.size >= MOST) waiting.delete(old);
      const state = sealOf(randomBytes(16).toString('base64url'));
      waiting.set(state, { thing, at: clock() });
      return state;
    },
    genuine(state) {
      const [given, expected] = [Buffer.from(state), Buffer.from(sealOf(state.split('.')[0] ?? ''))];
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
    open(state) {
      const { thing } = (age(state) !== undefined && waiting.get(state)) || {};
      waiting.delete(state);
      return thing;
    },
  };
}

/** The ids and values that a change rests on, as they were just read; no secret. */
export type Binding = Record<string, unknown>;

/** A question that waits for a person, and what a yes to it is a yes to. */
export interface Agreed {
  /** The digest of tool and arguments. */
  call: string;
  /** The digest of tool, arguments and binding. */
  bound: string;
  question: Question;
}

/** The questions of this process: those that wait, and what each call was last asked about. */
export interface Consent extends Sealed<Agreed> {
  /** What a call was last asked about, of which `binding` takes the place. */
  last(call: string, binding: Binding): Binding | undefined;
  /** A call was done: the next one like it is another. */
  done(call: string): void;
}

const MOST_CALLS = 50;

/** `clock` is monotonic, in milliseconds. */
export function createConsent(clock: () => number): Consent {
  const last = new Map<string, Binding>();
  return {
    ...createSealed<Agreed>(clock),
    last(call, binding) {
      const before = last.get(call);
      last.delete(call);
      last.set(call, binding);
      for (const old of last.keys()) if (last.size > MOST_CALLS) last.delete(old);
      return before;
    },
    done: (call) => void last.delete(call),
  };
}

/** The digest of anything that is JSON: of a call by tool and arguments, of a proposal by its binding as well. */
export const digest = (...values: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(values)).digest('base64url');

const MOST_DIFFERENCES = 5;
/** A binding names what it holds only the digest of so: that it is another is all there is to tell a person. */
const DIGEST = 'digest_of_';

/** What of a binding is different by now, each in words for a person; at most a few. */
export function differences(before: unknown, now: unknown): string[] {
  const all = [...differing(before, now, '')];
  const more = all.length - MOST_DIFFERENCES;
  return more > 0 ? [...all.slice(0, MOST_DIFFERENCES), `${more} more`] : all;
}

function* differing(before: unknown, now: unknown, name: string): Generator<string> {
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  if (!isObject(before) || !isObject(now)) {
    const [digested, what] = name.startsWith(DIGEST) ? [true, name.slice(DIGEST.length)] : [false, name];
    yield `${what.replaceAll('_', ' ')} ${digested ? 'changed' : `was ${shown(before)}, is ${shown(now)}`}`;
    return;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const inner = Array.isArray(now) ? `${name} ${Number(key) + 1}` : key;
    yield* differing(before[key], now[key], inner);
  }
}

/** The error of what is not as it was when it was proposed to deal with it. */
export const changedSince = (what: string, changed: readonly string[]): WorldChanged =>
  new WorldChanged(`${what} changed meanwhile: ${changed.join('; ')}. Nothing was done to it.`);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (isObject(value) && typeof value.name === 'string') return quoted(value.name, 80);
  return typeof value === 'string' ? quoted(value, 80) : quoted(JSON.stringify(value), 80).slice(1, -1);
}
