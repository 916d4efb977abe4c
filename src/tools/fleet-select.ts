import { createHash } from 'node:crypto';
import { badInput } from '../errors.ts';
import { rotationFrom } from '../rotation/rotation.ts';
import { isOver, stateOf } from '../rotation/steps.ts';
import { type LeanTelephony, visitTelephony } from '../telnyx/lean-rows.ts';
import type { TelephonyFilters } from '../telnyx/telephony-credentials.ts';
import type { Deps } from '../tool.ts';

/** The credentials an order for many is about, soonest end first. */
export interface Selection {
  ids: string[];
  /** How many more would fit, but for the limit. */
  more: number;
  /** Stays the same as long as they are the same: a person agrees to these and no others. */
  digest: string;
}

/** What a credential must be besides what Telnyx filters by; lengths of time are in seconds from now. */
export interface Aged {
  expiringWithin?: number | undefined;
  olderThan?: number | undefined;
  expiredBefore?: Date | undefined;
}

// A call asks and acts on one reading: a second would take as long again, and might differ.
const made = new WeakMap<Deps, Promise<Selection>>();

/** What fits, read once for each call. Throws `BAD_INPUT` when nothing does. */
export function select(filters: TelephonyFilters, aged: Aged, limit: number, deps: Deps): Promise<Selection> {
  const selection = made.get(deps) ?? pick(filters, aged, limit, deps);
  made.set(deps, selection);
  return selection;
}

/** Reads the list and picks from it, leaving out what is being rotated already. */
async function pick(filters: TelephonyFilters, aged: Aged, limit: number, deps: Deps): Promise<Selection> {
  const now = deps.now();
  const fitting = new Map<string, LeanTelephony>();
  const visit = (row: LeanTelephony): void => {
    if (fits(row, aged, now)) fitting.set(row.id, row);
    else fitting.delete(row.id);
  };
  await visitTelephony(deps.http, filters, visit, { progress: deps.progress });
  const records = await deps.ledger.read();
  const isBusy = ({ id }: LeanTelephony): boolean =>
    records.ofCredential(id).some((rotation) => {
      const known = rotationFrom(records.of(rotation));
      return known !== undefined && !isOver(stateOf(known, now));
    });
  const sorted = [...fitting.values()]
    .filter((row) => filters.status === 'expired' || !isBusy(row))
    .sort((a, b) => end(a) - end(b) || (a.created ?? 0) - (b.created ?? 0) || a.id.localeCompare(b.id));
  if (sorted.length === 0) throw badInput('No credential fits.', 'Look with list_telephony_credentials.');
  const ids = sorted.slice(0, limit).map(({ id }) => id);
  const digest = createHash('sha256').update(ids.join()).digest('hex').slice(0, 8);
  return { ids, more: sorted.length - ids.length, digest };
}

// One that never expires can wait; larger than any date, yet a number to reckon with.
const end = ({ expires }: LeanTelephony): number => expires ?? Number.MAX_SAFE_INTEGER;

function fits(row: LeanTelephony, { expiringWithin, olderThan, expiredBefore }: Aged, now: Date): boolean {
  if (expiringWithin !== undefined && end(row) > now.getTime() + expiringWithin * 1000) return false;
  if (expiredBefore !== undefined && end(row) >= expiredBefore.getTime()) return false;
  return olderThan === undefined || (row.created !== null && row.created < now.getTime() - olderThan * 1000);
}
