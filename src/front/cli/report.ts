import type { z } from 'zod';
import { count } from '../../core/text.ts';
import type { Config } from '../../host/config.ts';
import { UNMADE } from '../../host/exit-status.ts';
import { forPerson } from '../../telnyx/dates.ts';
import { healthShape } from '../../tools/health.ts';
import { withTools } from './call-tool.ts';
import { print, type Terminal } from './terminal.ts';

type Report = z.output<typeof healthShape>;
type Finding = Report['findings'][number];

// Nobody waits for a timer's job as a client waits for an answer: half a million credentials take about a minute.
const LIMITS = { requestMs: 15_000, callMs: 10 * 60_000, recoveryMs: 5000 };
const EXAMPLES = 3;
const WORDS = { error: ['error', 'errors'], warning: ['warning', 'warnings'] } as const;

/**
 * Prints what is wrong with the account; gives 0 when nothing is, 1 with warnings, 2 with errors, and 3 when not
 * everything could be read. Throws ToolError.
 */
export function report(_args: readonly string[], config: Config, terminal: Terminal): Promise<number> {
  return withTools(
    config,
    terminal,
    async (call) => {
      const made = healthShape.parse(await call('report_credential_health', {}));
      print(terminal.stdout, config.json ? JSON.stringify(made, null, 2) : readable(made));
      return statusOf(made);
    },
    LIMITS,
  );
}

function statusOf({ complete, findings }: Report): number {
  const has = (wanted: string): boolean => findings.some(({ severity }) => severity === wanted);
  if (!complete) return UNMADE;
  return has('error') ? 2 : has('warning') ? 1 : 0;
}

/** The report as a person reads it, the worst first; examples only of what is wrong. */
function readable({ at, read, findings }: Report): string {
  const of = (wanted: 'error' | 'warning'): string =>
    count(findings.filter(({ severity }) => severity === wanted).length, WORDS[wanted]);
  const lists = read.map(({ list, rows }) => `${list} ${rows}`).join(', ');
  const width = Math.max(0, ...findings.map((finding) => `${finding.count}`.length));
  return [
    `${forPerson(at)}: ${of('error')}, ${of('warning')} (${lists})`,
    ...read.flatMap(({ list, rows, of = '?', complete, why }) => {
      if (complete && !why) return [];
      return [`${complete ? 'note' : `incomplete, ${rows} of ${of}`}: ${list}: ${why}`];
    }),
    ...findings.flatMap((finding) => lines(finding, width)),
  ].join('\n');
}

function lines({ severity, count, says, examples }: Finding, width: number): string[] {
  const title = `${(severity === 'error' ? 'ERROR' : severity).padEnd(7)}  ${`${count}`.padStart(width)}  ${says}`;
  if (severity === 'info') return [title];
  const shown = examples
    .slice(0, EXAMPLES)
    .map((example) =>
      Object.entries(example).flatMap(([key, value]) =>
        typeof value === 'number' ? `${key} ${value}` : (value ?? '-'),
      ),
    );
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((cells) => cells[column]?.length ?? 0)));
  const indent = ' '.repeat(7 + 2 + width + 2);
  return [
    title,
    ...shown.map(
      (cells) =>
        indent +
        cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
    ),
    ...(count > shown.length ? [`${indent}and ${count - shown.length} more`] : []),
  ];
}
