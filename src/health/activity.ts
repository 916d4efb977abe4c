import { type Sighting, sightingOf } from '../jobs/evidence.ts';
import type { Work } from '../jobs/work.ts';
import type { LeanTelephony } from '../telnyx/lean-rows.ts';
import type { Add } from './kinds.ts';
import { type ListReading, NO_TIME } from './reading.ts';
import { type Moments, minute, short } from './settings.ts';
import { isOld, isOver } from './telephony.ts';
import { unknowns } from './unknown.ts';

/** What is kept of a credential that may be unused. */
export interface Candidate extends Pick<LeanTelephony, 'id' | 'name' | 'sip_username'> {
  created: number;
}

const SOME_UNSEEN = 'Not all credentials could be read.';

/**
 * Looks for living credentials that nobody uses: of those made until `moments.old`, the `limit` oldest. It keeps no more of
 * them than that, however many rows it sees.
 */
export function activityFindings(moments: Moments, limit: number, add: Add) {
  const { now, old, calls } = moments;
  let kept: Candidate[] = [];
  let candidates = 0;
  let looked = 0;
  const unknown = unknowns(['credential', 'credentials']);

  const oldest = (): readonly Candidate[] => {
    kept = kept.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1)).slice(0, limit);
    return kept;
  };

  return {
    see(row: LeanTelephony): void {
      if (isOver(row, now) || !isOld(row, old)) return;
      const { id, name, sip_username, created } = row;
      candidates += 1;
      kept.push({ id, name: short(name), sip_username, created });
      if (kept.length >= 2 * limit) oldest();
    },

    /** Those to look at, once all rows were seen. */
    oldest,

    /** Asks Telnyx about one. Throws nothing but a cancellation. */
    look: ({ sip_username }: Candidate, work: Work): Promise<Sighting> => sightingOf(sip_username, calls, work),

    found({ id, name, created }: Candidate, { seen, says }: Sighting): void {
      looked += 1;
      if (seen === null) unknown.add(says);
      else if (!seen) add('telephony_unused', created, id, () => ({ id, name, created_at: minute(created) }));
    },

    /** Says in the list how far it came; `whole` tells that all credentials were seen. */
    finish(list: ListReading, whole: boolean): void {
      const isWhole = looked === Math.min(candidates, limit);
      const whys = [
        ...(isWhole ? [] : [NO_TIME]),
        ...(whole ? [] : [SOME_UNSEEN]),
        ...(candidates > limit
          ? [`Only the ${limit} oldest are looked at: more with limit, or by connection_id.`]
          : []),
        ...unknown.say(),
      ];
      list.rows = looked;
      list.of = candidates;
      list.complete = whys.length === 0;
      list.why = whys.join(' ');
    },
  };
}
