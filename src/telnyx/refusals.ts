import { ToolError } from '../core/errors.ts';

/** What came of asking for something that may not be to be had: `unknown` says why in a sentence, and never means no. */
export type Known<T> = { known: T; unknown?: undefined } | { known?: undefined; unknown: string };

/** Operations that an account or a key may be refused, as they are called in a sentence. */
export type Optional = 'the registration status' | 'call records' | 'audit events' | 'outbound voice profiles';

// A server error or an answer that got lost says nothing of the next time.
const REFUSED = [400, 403, 404, 410];
/** These are about the call, not about what it asked for. */
const THROWN = ['AUTHENTICATION', 'CONFIGURATION', 'CANCELLED'];

/** Whether an error is about the call, or a mistake of ours: nothing makes that into something unknown. */
export const isOfTheCall = (error: unknown): boolean => !(error instanceof ToolError) || THROWN.includes(error.code);

/** What a request gives, or that it is unknown: `what` says in a sentence what was asked for. Throws what is about the call. */
export async function orUnknown<T>(what: string, request: Promise<T>): Promise<Known<T>> {
  try {
    return { known: await request };
  } catch (error) {
    if (!(error instanceof ToolError) || isOfTheCall(error)) throw error;
    return { unknown: `Telnyx did not tell ${what}: ${error.message}` };
  }
}

/** The operations that were refused as such in this session: of a fleet of thousands nobody asks again for each. */
export class Refusals {
  readonly #refused = new Map<Optional, string>();
  readonly #there = new Set<Optional>();

  /**
   * Asks by `request`, unless the operation was refused before. A 404 is of the operation, unless `exists` tells that it is
   * of what was asked about alone (undefined when it cannot tell), which is asked until it can. Throws what is about the
   * call: a key that is not accepted, a cancellation.
   */
  async ask<T>(
    operation: Optional,
    request: () => Promise<Known<T>>,
    exists: () => Promise<boolean | undefined> = async () => false,
  ): Promise<Known<T>> {
    const before = this.#refused.get(operation);
    if (before !== undefined) return { unknown: before };
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof ToolError) || isOfTheCall(error)) throw error;
      const { httpStatus: status = 0 } = error.details;
      if (!REFUSED.includes(status)) return { unknown: `Telnyx did not tell ${operation}: ${error.message}` };
      if (status === 404 && (await this.#isThere(operation, exists)))
        return { unknown: `Telnyx has none of ${operation} for it (404).` };
      const why = `Telnyx refuses ${operation} to this account or key (${status}).`;
      this.#refused.set(operation, why);
      return { unknown: why };
    }
  }
  /** Whether it is not known to be gone. */
  async #isThere(operation: Optional, exists: () => Promise<boolean | undefined>): Promise<boolean> {
    const isThere = this.#there.has(operation) || (await exists());
    if (isThere) this.#there.add(operation);
    return isThere !== false;
  }
}
