import type { Resource } from '../core/resource.ts';
import { project } from '../core/tool.ts';
import { reportHealth } from '../tools/health.ts';
import { type RotationView, rotationShape, viewJob } from '../tools/job-view.ts';
import { listJobs } from '../tools/rotations.ts';

const needs = ['get_rotation'];
const mimeType = 'application/json';

// As many as anyone reads.
const MOST = 50;

/** The rotations and fleets of the account, as get_rotation shows them. */
export const rotationResources: readonly Resource[] = [
  {
    uri: 'telnyx://rotations',
    name: 'rotations',
    title: 'Rotations',
    description:
      'Rotations of credentials, open ones first, then the latest: what was done, what is left, what to do next.',
    mimeType,
    needs,
    read: async (_, deps) =>
      JSON.stringify({ rotations: (await listJobs(0, MOST, deps)).rows.map(({ view }) => shown(view)) }),
  },
  {
    uri: 'telnyx://rotations/{id}',
    name: 'rotation',
    title: 'Rotation',
    description: 'One rotation of a credential: what was done, what is left, what to do next.',
    mimeType,
    needs,
    read: async ({ id = '' }, deps) => {
      const found = await deps.jobs.job(id);
      return found && JSON.stringify(shown(viewJob(found, deps)));
    },
    complete: {
      id: async (typed, deps) =>
        (await listJobs(0, MOST, deps)).rows.map(({ job }) => job.id).filter((id) => id.startsWith(typed)),
    },
  },
];

/** What is not declared is dropped, as in a tool's result. */
const shown = (view: RotationView) => project(rotationShape, view);

/** The health report of the whole account, as report_credential_health gives it without arguments. */
export const healthResource: Resource = {
  uri: 'telnyx://health',
  name: 'health',
  title: 'Credential health',
  description: 'What is wrong with all credentials, connections and rotations, worst first. Reads the whole account.',
  mimeType: 'application/json',
  needs: ['report_credential_health'],
  read: async (_, deps) => {
    const { input, output, run } = reportHealth;
    // What is not declared is dropped, as in the tool's result.
    return JSON.stringify(project(output, await run(input.parse({}), deps)));
  },
};
