import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

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
