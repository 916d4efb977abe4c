import { ToolError } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import type { Log } from '../core/log.ts';
import { alone, leasesOf } from './begin.ts';
import { type Evidence, endsSoon, hasConsumers, lookAt } from './evidence.ts';
import { retiresAt, type TelephonyRotation } from './item.ts';
import { type Job, onlyOf } from './job.ts';
import { run } from './run.ts';
import { lookOf, mayEndSoon, waiting } from './until-moved.ts';
import type { Work } from './work.ts';

// As many as the runner of fleets has under way.
const AT_ONCE = 16;

/** One look at all members of a job, as far as it is. */
interface Look {
  began: Date;
  /** How many there are to look at. */
  total: number;
  /** By the id of the old credential, in the order they were looked at. */
  evidence: ReadonlyMap<string, Evidence>;
  over: boolean;
}

/** The looks at who uses what, which are taken beside the calls of this process. */
export interface Looks {
  /** Looks at all members of a job, or joins the look that is under way. Resolves when that is over; changes nothing. */
  at(job: string): Promise<Look>;
  /**
   * Looks at a job that waits for everyone to move, records what was seen, and lets end within an hour what may. Resolves
   * when that is done; throws what keeps it from being done at all.
   */
  goOn(job: string): Promise<void>;
  /** The latest look at a job in this process. */
  latest(job: string): Look | undefined;
  /** Goes on with every job that waits for everyone to move; throws nothing. */
  round(): Promise<void>;
  close(): Promise<void>;
}

/** `work` gives what looking needs for as long as it takes, until the signal. */
export function createLooks(work: (signal: AbortSignal) => Promise<Work>, log: Log): Looks {
  const latest = new Map<string, Look>();
  const looking = new Map<string, Promise<Look>>();
  const goingOn = new Map<string, Promise<void>>();
  const warned = new Set<string>();
  const ending = new AbortController();
  const { signal } = ending;

  async function take(id: string): Promise<Look> {
    const means = await work(signal);
    const job = await means.jobs.job(id);
    const began = means.now();
    const members = job && !job.wrong ? [...job.items.values()] : [];
    const open = members.filter((item) => item.kind === 'telephony').filter((item) => hasConsumers(item, began));
    const evidence = new Map<string, Evidence>();
    const look = { began, total: open.length, evidence, over: false };
    latest.set(id, look);
    await atOnce(open, async (item) => {
      if (!signal.aborted) evidence.set(item.old.id, await lookAt(item, means, true));
    });
    look.over = true;
    return look;
  }

  const at = joined(looking, take);
  const goOn = joined(goingOn, async (id) => {
    const look = await at(id);
    if (signal.aborted) return;
    const means = await work(signal);
    const job = await read(id, means);
    if (job.wrong || waiting(job, means.now()).length === 0) return;
    await record(job, look, means);
    warn(job, look.evidence, means.now());
  });

  /** A person can do something about it only beforehand. */
  function warn(job: Job, evidence: ReadonlyMap<string, Evidence>, now: Date): void {
    for (const item of waiting(job, now)) {
      const { id, old } = item;
      const ends = retiresAt(item);
      if (!endsSoon(item, now) || evidence.get(old.id)?.consumers === 'moved' || warned.has(id)) continue;
      warned.add(id);
      log('warn', 'an old credential ends soon, and not all were seen to move', { rotation: id, ends: `${ends}` });
    }
  }

  function failed(error: unknown): void {
    const reason = error instanceof ToolError ? error.code : 'fault';
    if (!signal.aborted) log('warn', 'nobody looked who uses an old credential', { reason });
  }

  return {
    at,
    goOn,
    latest: (id) => latest.get(id),
    async round() {
      try {
        const { jobs, now } = await work(signal);
        for (const job of await jobs.open()) {
          if (!signal.aborted && !job.wrong && waiting(job, now()).length > 0) await goOn(job.id).catch(failed);
        }
      } catch (error) {
        failed(error);
      }
    },
    async close() {
      ending.abort();
      await Promise.allSettled([...looking.values(), ...goingOn.values()]);
    },
  };
}

/** The function for what nobody needs twice at the same time: whoever asks meanwhile gets the same. */
function joined<T>(underWay: Map<string, Promise<T>>, begin: (id: string) => Promise<T>) {
  return (id: string): Promise<T> => {
    const begun = underWay.get(id) ?? begin(id).finally(() => underWay.delete(id));
    underWay.set(id, begun);
    return begun;
  };
}

async function atOnce<T>(all: readonly T[], each: (one: T) => Promise<unknown>): Promise<void> {
  const rest = all.values();
  const worker = async (): Promise<void> => {
    for (const one of rest) await each(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Records what a look saw, and lets end what may; another time does as well when someone else is at the job. */
async function record(job: Job, { evidence, began }: Look, work: Work): Promise<void> {
  const { id } = job;
  const only = onlyOf(job);
  const turn = async (lease: Lease): Promise<void> => {
    const look = lookOf(evidence, await read(id, work), began);
    if (!look) return;
    await work.jobs.note(id, look, lease);
    const quiet = waiting(await read(id, work), work.now()).filter(mayEndSoon);
    const given = { mayDelete: false, lease };
    const end = async (item: TelephonyRotation): Promise<unknown> =>
      only
        ? run(item, work, given)
        : alone(
            work,
            [item.old.id],
            () => run(item, work, given),
            async () => undefined,
          );
    // The failure of one is recorded with it, and holds up no other.
    await atOnce(quiet, (item) =>
      end(item).catch((error: unknown) => {
        if (!(error instanceof ToolError)) throw error;
      }),
    );
  };
  await alone(work, only ? leasesOf(only) : [id], turn, async () => undefined);
}

async function read(id: string, { jobs }: Pick<Work, 'jobs'>): Promise<Job> {
  const job = await jobs.job(id);
  if (!job) throw new Error('a job that is gone');
  return job;
}
