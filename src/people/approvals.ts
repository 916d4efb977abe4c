import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LASTS_MS = 10 * 60_000;

/**
 * Sealed states of questions that wait for a person. A state travels through the client, so it proves itself: HMAC over
 * the call, the question and the expiry, under a key of this process. It is answered once.
 */
export interface Approvals {
  /** Seals a question of a call; both are given as digests. */
  seal(call: string, question: string): string;
  /**
   * The digest of the question a state was sealed with, or undefined when it is forged, of another call, older than ten
   * minutes or used before. A state that is genuine is used up by this.
   */
  redeem(state: string, call: string): string | undefined;
}

export function createApprovals(now: () => Date): Approvals {
  const key = randomBytes(32);
  const used = new Map<string, number>();
  const mac = (call: string, body: string): Buffer => createHmac('sha256', key).update(`${call}\0${body}`).digest();
  return {
    seal(call, question) {
      const body = [randomBytes(16).toString('base64url'), now().getTime() + LASTS_MS, question].join('.');
      return `${body}.${mac(call, body).toString('base64url')}`;
    },
    redeem(state, call) {
      const [nonce = '', until = '', question = '', seal = ''] = state.split('.');
      const given = Buffer.from(seal, 'base64url');
      const expected = mac(call, [nonce, until, question].join('.'));
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
      for (const [old, end] of used) if (end <= now().getTime()) used.delete(old);
      if (used.has(nonce) || Number(until) <= now().getTime()) return undefined;
      used.set(nonce, Number(until));
      return question;
    },
  };
}
