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
  warning?: string;
}

/** A destination proved usable, waiting for one secret. Dispose of it to leave nothing behind when none comes. */
export interface Slot extends AsyncDisposable {
  keep(handover: Handover): Promise<Delivery>;
}

/** A place secrets can go. `reserve` proves it before anything is created; throws ToolError when it is of no use. */
export interface Destination {
  /** In a few words, for plans and questions. */
  readonly label: string;
  /** True when it can take the secrets of many credentials, each beside the others. */
  readonly many?: true;
  reserve(): Promise<Slot>;
}

/** Facts and secrets as the person gets them: the one place a handover is spelled out. */
export function entryOf({ facts, secrets }: Handover): Record<string, string | null> {
  const revealed = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]);
  return { ...facts, ...Object.fromEntries(revealed) };
}

/** The code of a system error, fit to be shown. */
export function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && /^[A-Z_]+$/.test(String(error.code))
    ? String(error.code)
    : 'unknown reason';
}
