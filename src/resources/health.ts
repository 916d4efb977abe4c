import type { Resource } from '../resource.ts';
import { reportHealth } from '../tools/health.ts';

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
