import { allRotations } from '../rotation/begin.ts';
import type { Rotation } from '../rotation/rotation.ts';
import { isOver, stateOf } from '../rotation/steps.ts';
import type { Deps, Resource } from '../tool.ts';
import { reportHealth } from '../tools/health.ts';
import { rotationShape, viewRotation } from '../tools/rotation-view.ts';

const needs = ['get_rotation'];
const mimeType = 'application/json';

/** The rotations of this machine's ledger, as get_rotation shows them. */
export const rotationResources: readonly Resource[] = [
  {
    uri: 'telnyx://rotations',
    name: 'rotations',
    title: 'Rotations',
    description: 'All rotations of credentials, open ones first: what was done, what is left, what to do next.',
    mimeType,
    needs,
    read: async (_, deps) => JSON.stringify({ rotations: (await openFirst(deps)).map((one) => view(one, deps)) }),
  },
  {
    uri: 'telnyx://rotations/{id}',
    name: 'rotation',
    title: 'Rotation',
    description: 'One rotation of a credential: what was done, what is left, what to do next.',
    mimeType,
    needs,
    read: async ({ id }, deps) => {
      const found = (await allRotations(deps.ledger)).find((rotation) => rotation.id === id);
      return found && JSON.stringify(view(found, deps));
    },
    complete: {
      id: async (typed, deps) => (await openFirst(deps)).map(({ id }) => id).filter((id) => id.startsWith(typed)),
    },
  },
];

async function openFirst({ ledger, now }: Deps): Promise<Rotation[]> {
  const over = (rotation: Rotation): number => Number(isOver(stateOf(rotation, now())));
  return (await allRotations(ledger)).sort((a, b) => over(a) - over(b));
}

/** What is not declared is dropped, as in a tool's result. */
const view = (rotation: Rotation, deps: Deps) => rotationShape.parse(viewRotation(rotation, deps));

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
    return JSON.stringify(output.parse(await run(input.parse({}), deps)));
  },
};
