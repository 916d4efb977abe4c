import { ToolError, WorldChanged } from '../core/errors.ts';
import { quoted } from '../core/text.ts';
import { reason } from './files.ts';
import type { Secret } from './secret.ts';

/** A secret on its way out: a name of word characters and hyphens, facts anyone may see, and the secrets themselves. */
export interface Handover {
  name: string;
  facts: Record<string, string | null>;
  secrets: Record<string, Secret>;
}

/** Where a secret came to rest, in words for an agent: never what it is. */
export interface Delivery {
  destination: string;
  place: string | null;
  /** True when nobody has read it back from there. */
  unproven?: true;
  warning?: string;
}

/** A destination proved usable, waiting for one secret. Dispose of it to leave nothing behind when none comes. */
export interface Slot extends AsyncDisposable {
  /**
   * Puts the secret there and reads it back; throws when it cannot be, or when it would take the place of another value
   * than was agreed to.
   */
  keep(handover: Handover): Promise<Delivery>;
}

/** Values that are in a place under the names of a handover. */
interface Present {
  /** As they are called there. */
  names: string[];
  /** Of their values: it is for the agreement that these may be replaced, and no others. */
  digest: string;
}

/**
 * A place secrets can go. `reserve` proves it before anything is created; throws ToolError when it is of no use, and
 * `CONFLICT` when it leads elsewhere by now.
 */
export interface Destination {
  /** The `deliver_to` that leads here whatever the settings and the working folder, with every symlink resolved. */
  readonly to: string;
  /** In a few words, for plans and questions. */
  readonly label: string;
  /** True when it can take the secrets of many credentials, each beside the others. */
  readonly many?: true;
  /** Which values by the names of a handover are there already, and would be replaced; undefined when none is. */
  present?(names: readonly string[]): Promise<Present | undefined>;
  /** `over` is the digest of what may be replaced. */
  reserve(over?: string): Promise<Slot>;
}

/** A place cannot take a secret; its message says why in the words of a part of a sentence, and nothing of what it holds. */
export class Unfit extends Error {}

/** Why a secret could not be handed over, fit to be shown. */
export function whyNot(error: unknown): string {
  return error instanceof Unfit || error instanceof ToolError
    ? error.message
    : `it cannot be written (${reason(error)})`;
}

/** The error of a place that is not where a person was told it is. */
export const leadsElsewhere = (to: string, now: string): WorldChanged =>
  new WorldChanged(`What was ${quoted(to, 1000)} leads to ${quoted(now, 1000)} by now. Nothing was created.`);

/** Facts and secrets as the person gets them: the one place a handover is spelled out. */
export function entryOf({ facts, secrets }: Handover): Record<string, string | null> {
  const revealed = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]);
  return { ...facts, ...Object.fromEntries(revealed) };
}
