const CUT_TO = 0.9;
const BACK_AFTER_MS = 30_000;
const FEWEST = 0.5;
// Who is refused after a few requests learns little about the limit: somebody else uses the account too.
const FIRST_CUT_AT_LEAST = 10;
const SECOND_MS = 1000;
const LONG_WAIT_MS = 5000;
const LONGEST_LOOK_MS = 60_000;
const SHORTEST_LOOK_MS = 250;

/**
 * How many requests a second Telnyx seems to allow, told from its 429s alone: no bound until the first. A 429 lowers it at
 * once below what had just worked; from there it comes back along a cubic, as TCP does (RFC 9438): near the old rate for
 * long, beyond it slowly, then ever faster. A straight line back would be refused more often, or be too slow for longer.
 */
export class LearnedRate {
  #top = Number.POSITIVE_INFINITY;
  #risesFrom = Number.NEGATIVE_INFINITY;
  #cutAt = Number.NEGATIVE_INFINITY;
  #answered: number[] = [];

  /** Requests per second at `now`, Infinity when nothing was ever refused. */
  at(now: number): number {
    if (this.#top === Number.POSITIVE_INFINITY) return this.#top;
    const since = Math.max(0, now - this.#risesFrom) / BACK_AFTER_MS;
    return this.#top * (1 + (since < 1 ? 1 - CUT_TO : 1) * (since - 1) ** 3);
  }

  /** Counts a request that was not refused. */
  answered(now: number): void {
    this.#answered.push(now);
    while ((this.#answered[0] ?? now) < now - LONGEST_LOOK_MS) this.#answered.shift();
  }

  /** Takes in the 429 of a request sent at `sent`, which asks to wait that long. */
  refused(sent: number, now: number, wait: number): void {
    // What was under way when the rate was cut says nothing about the rate it was cut to.
    if (sent <= this.#cutAt) return;
    // While all waited nothing could work. A long wait is the rest of a long window: what went through in as long a time
    // is what the window holds.
    const asked = wait < LONG_WAIT_MS ? SECOND_MS : Math.min(LONGEST_LOOK_MS, wait);
    const look = Math.max(SHORTEST_LOOK_MS, Math.min(asked, now - this.#risesFrom));
    const worked = this.#answered.filter((at) => at > now - look).length;
    // Refused again before anything worked: the window was not over, which says nothing about its size.
    const known = worked === 0 && this.#top < Number.POSITIVE_INFINITY;
    const most = known ? this.#top : Math.max(worked / (look / SECOND_MS), FIRST_CUT_AT_LEAST);
    this.#top = Math.max(FEWEST, Math.min(this.at(now), most));
    this.#cutAt = now;
    this.#risesFrom = now + wait;
  }
}
