import type { Slot } from '../secrets/destination.ts';
import type { Destinations } from '../secrets/destinations.ts';
import type { Secret } from '../secrets/secret.ts';
import type { Vault } from '../secrets/vault.ts';
import type { Http } from '../telnyx/http.ts';
import type { PushMaterial } from '../telnyx/push-credentials.ts';
import type { Refusals } from '../telnyx/refusals.ts';
import type { TelephonyCredential } from '../telnyx/telephony-credentials.ts';
import type { Facts, OldTelephony } from './events.ts';
import type { Item, StepRecord } from './item.ts';
import type { Jobs } from './jobs.ts';

/** What rotating needs, for one call. */
export interface Work {
  http: Http;
  /** What may not be to be had of Telnyx, and was refused before. */
  refusals: Refusals;
  jobs: Jobs;
  destinations: Destinations;
  vault: Vault;
  fingerprint(secret: Secret | null): string | null;
  now(): Date;
  pause(ms: number): Promise<void>;
  /** Milliseconds until the call should have answered. */
  timeLeft(): number;
}

/** What passes from step to step in memory, and is gone after a crash: no step may depend on it. */
export interface Hands {
  slot?: Slot;
  created?: TelephonyCredential;
  /** The old credential as it was seen this very moment. */
  old?: TelephonyCredential | undefined;
  /** The old credential as a person was told of it, who agreed to its end just now. */
  agreed?: OldTelephony | undefined;
  /** The alias of a new push credential was seen to be free this very moment. */
  free?: boolean | undefined;
  /** The material of a new push credential; undefined when it cannot be had any more. */
  material?(): Promise<PushMaterial | undefined>;
}

export interface Doing<I extends Item> {
  item: I;
  work: Work;
  hands: Hands;
  /** What is recorded of this step so far. */
  record: StepRecord | undefined;
  /** The connection, in a step that is done once for each. */
  of: string | undefined;
  /** Records that the outside is about to be changed. Called right before, and awaited. */
  intend(facts?: Facts): Promise<void>;
}

/** Does a step, or finds it done; gives what came of it, or `later` when it needs more time than the call has. */
export type Handler<I extends Item> = (doing: Doing<I>) => Promise<Facts | 'later'>;

/** Enough of a call's time for one more request and what may follow it. */
export const ENOUGH_MS = 6000;
