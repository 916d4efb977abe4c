import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../core/lease.ts';
import { Unfit } from './destination.ts';
import { reason } from './files.ts';
import { LeaseFiles } from './lease-files.ts';

const WAITS_MS = 10_000;

/** What file systems say that know no hard links, such as exFAT, and so no lease. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** The right to write to a file now. */
export type Turn = Pick<Lease, 'check'>;

/** The last turn at each file in this process. */
const turns = new Map<string, Promise<unknown>>();

/**
 * Does some work on a file while no other writer of ours does: one after another in this process, and by a lease beside the
 * file among processes, whatever state folders they have. The turn is to be checked right before the file changes. Throws
 * `Unfit` when another process holds it for too long. Where none can be had, the last look at the file has to do.
 */
export function inTurn<T>(target: string, work: (turn: Turn) => Promise<T>): Promise<T> {
  const turn = (turns.get(target) ?? Promise.resolve()).then(() => whileLeased(target, work));
  const over = turn
    .catch(() => undefined)
    .then(() => {
      if (turns.get(target) === over) turns.delete(target);
    });
  turns.set(target, over);
  return turn;
}

async function whileLeased<T>(target: string, work: (turn: Turn) => Promise<T>): Promise<T> {
  // A lease would make its folder anew.
  await stat(dirname(target));
  const leases = new LeaseFiles(dirname(target));
  // By its name in the folder: that may be mounted at another path elsewhere, or be one to which .ENV is .env.
  const file = createHash('sha256').update(basename(target).toLowerCase()).digest('hex').slice(0, 16);
  const name = `telnyx-credentials-turn-${file}`;
  const until = performance.now() + WAITS_MS;
  for (;;) {
    const lease = leaseFrom(() => leases.take(name));
    if (!lease) return await work({ check: () => undefined });
    if ('check' in lease) {
      await using held = lease;
      return await work({
        check() {
          try {
            held.check();
          } catch {
            // Its own words are about a rotation.
            throw new Unfit('another process has taken over meanwhile');
          }
        },
      });
    }
    if (performance.now() > until) throw new Unfit(`${lease.holder} is writing to it`);
    await sleep(5 + Math.random() * 20);
  }
}

/** Undefined where there can be no lease. */
function leaseFrom<T>(take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    if (NO_LINKS.includes(reason(error))) return undefined;
    throw error;
  }
}
