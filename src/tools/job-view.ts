import type { Deps } from '../core/tool.ts';
import { isOver } from '../jobs/item.ts';
import { type Job, onlyOf } from '../jobs/job.ts';
import { WHAT_TO_DO } from '../jobs/journal.ts';
import { viewFleet } from './fleet-view.ts';
import { type RotationView, viewRotation } from './rotation-view.ts';

/** A rotation or fleet as an agent sees it. */
export function viewJob(job: Job, deps: Pick<Deps, 'now' | 'fleets'>): RotationView {
  const rotation = onlyOf(job);
  return rotation ? viewRotation(rotation, deps) : viewFleet(job, deps);
}

/** The jobs of the account, those that are not over first, then the latest; `next` is the place to go on from. */
export async function listJobs(from: number, limit: number, deps: Pick<Deps, 'jobs' | 'now' | 'fleets'>) {
  const open = (await deps.jobs.open()).map((job) => ({ at: job.beganAt, view: viewJob(job, deps) }));
  const over = ({ view }: (typeof open)[number]): number => Number(isOver(view.state));
  const views = open.sort((a, b) => over(a) - over(b) || b.at.localeCompare(a.at)).map(({ view }) => view);
  const all = [...(await hidden(deps)), ...views];
  const rows = all.slice(from, from + limit);
  const { jobs, next } = await deps.jobs.finished(Math.max(0, from - all.length), limit - rows.length);
  const left = from + rows.length < all.length;
  return {
    rows: [...rows, ...jobs.map((job) => viewJob(job, deps))],
    next: left ? from + rows.length : next === undefined ? undefined : all.length + next,
  };
}

/** Those of which not even the beginning can be read. */
async function hidden({ jobs }: Pick<Deps, 'jobs'>): Promise<RotationView[]> {
  const damaged = await jobs.damaged();
  return damaged
    .filter(({ hidden }) => hidden)
    .map(({ id, wrong: { says, problem } }) => {
      const what = { warnings: [says], next: WHAT_TO_DO[problem] };
      return { id, kind: 'unknown', state: 'damaged', done: [], left: [], ...what };
    });
}
