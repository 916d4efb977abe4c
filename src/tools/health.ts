import { z } from 'zod';
import { defineRead } from '../core/tool.ts';
import { healthReport } from '../health/report.ts';
import { SECTIONS } from '../health/settings.ts';
import { cursor, duration, id, limit, secondsOf } from './fields.ts';

const example = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string()), z.null()]));

/** The report as it leaves: what is not declared is dropped. */
export const healthShape = z.object({
  at: z.string(),
  complete: z.boolean(),
  note: z.string().optional(),
  read: z.array(
    z.object({
      list: z.string(),
      rows: z.number(),
      of: z.number().optional(),
      complete: z.boolean(),
      why: z.string().optional(),
    }),
  ),
  findings: z.array(
    z.object({
      finding: z.string(),
      severity: z.string(),
      count: z.number(),
      says: z.string(),
      examples: z.array(example),
      next: z.object({ tool: z.string(), arguments: z.record(z.string(), z.unknown()) }).optional(),
      cursor: z.string().optional(),
    }),
  ),
});

/** What a report is asked for; without anything it is about all of the account. */
const healthInput = z.object({
  connection_id: id.optional(),
  expiring_within: duration.default('30d'),
  older_than: duration.default('180d'),
  sections: z.array(z.enum(SECTIONS)).optional().describe('Default: all but activity'),
  limit: limit.unwrap().default(100).describe('How many activity is asked of'),
  cursor,
});

export const reportHealth = defineRead({
  name: 'report_credential_health',
  title: 'Report credential health',
  description:
    'What is wrong with all credentials, connections and rotations, worst first: exact counts, examples, and the call that deals with it. The section activity finds what nobody uses, asking about each credential. The cursor of a finding, with the same arguments, gives more of it.',
  toolset: 'telephony',
  input: healthInput,
  output: healthShape,
  run: (args, deps) => {
    const seconds = { expiringWithin: secondsOf(args.expiring_within), olderThan: secondsOf(args.older_than) };
    return healthReport(args, seconds, deps);
  },
});
