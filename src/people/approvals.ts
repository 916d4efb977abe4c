import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LASTS_MS = 10 * 60_000;

/**
 * Sealed states of questions that wait for a person. A state travels through the client, so it proves itself: HMAC over
 * the call, the question and the expiry, under a key of this process. It is answered once.
 */
export interface Approvals {
  /** Seals a question of a call; both are given as digests. */
  seal(call: string, question: string): string;
  /** Whether a state was sealed by this process, whatever it was for and however old it is. */
  genuine(state: string): boolean;
  /**
   * The digest of the question a state was sealed with, or undefined when it is forged, of another call, older than ten
   * minutes or used before. A state that is good is used up by this.
   */
  redeem(state: string, call: string): string | undefined;
}

export function createApprovals(now: () => Date): Approvals {
  const key = randomBytes(32);
  const used = new Map<string, number>();
  const mac = (body: string): Buffer => createHmac('sha256', key).update(body).digest();

  function genuine(state: string): boolean {
    const end = Math.max(0, state.lastIndexOf('.'));
    const [given, expected] = [Buffer.from(state.slice(end + 1), 'base64url'), mac(state.slice(0, end))];
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  return {
    genuine,
    seal(call, question) {
      const body = [randomBytes(16).toString('base64url'), now().getTime() + LASTS_MS, call, question].join('.');
      return `${body}.${mac(body).toString('base64url')}`;
    },
    redeem(state, call) {
      const [nonce = '', until = '', ofCall, question] = state.split('.');
      if (!genuine(state) || ofCall !== call) return undefined;
      for (const [old, end] of used) if (end <= now().getTime()) used.delete(old);
      if (used.has(nonce) || Number(until) <= now().getTime()) return undefined;
      used.set(nonce, Number(until));
      return question;
    },
  };
}
