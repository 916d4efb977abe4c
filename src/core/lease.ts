/** The right to work on something, alone among all calls, processes and machines, until it is disposed of. */
export interface Lease extends AsyncDisposable {
  /** Higher than that of any lease for the same thing before. */
  token: number;
  /** Throws `CONFLICT` when another has taken it over: this process was taken for dead. */
  check(): void;
}

/** Who has a lease that cannot be had; `until` is when it ends if its holder shows no more sign of life, ISO 8601 UTC. */
export interface Held {
  holder: string;
  until: string;
}
