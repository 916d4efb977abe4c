import { render } from '../core/text.ts';
import type { Deps } from '../core/tool.ts';
import { rangesBack } from '../telnyx/call-records.ts';
import { examine } from './examine.ts';
import { type Add, type FindingName, KINDS } from './kinds.ts';
import { DEFAULT_SECTIONS, type Moments, SECTIONS, type Section, type Settings } from './settings.ts';
import { type Place, START, Tally } from './tally.ts';

interface Asked extends Settings {
  sections?: readonly Section[] | undefined;
  cursor?: string | undefined;
}

const EXAMPLES = 10;
const EXAMPLES_OF_ONE = 50;
/** A result is read whole by whoever asked for it, so that it must fit, whatever the account holds. */
const MOST_BYTES = 7800;
const INCOMPLETE =
  'Not everything was read: the numbers are of what was seen. Ask for one connection_id, or have the person run "telnyx-credentials-mcp report", which has more time.';
/** The command does not look at activity. */
const PARTLY = 'Not everything is known: the numbers are of what was told.';
/** No report takes longer: what records tell of must not shift from one credential to the next. */
const LONGEST_MS = 3_600_000;
const NAMES = Object.keys(KINDS) as FindingName[];

/**
 * What is wrong with an account, at a glance; with a cursor, more of one finding. Lengths of time are seconds in
 * `seconds`. Throws `BAD_INPUT` for a cursor that was not given for these arguments, and ToolError when nothing could
 * be read.
 */
export async function healthReport(
  { sections = DEFAULT_SECTIONS, cursor, ...settings }: Asked,
  seconds: { expiringWithin: number; olderThan: number },
  deps: Deps,
) {
  const one = cursor === undefined ? undefined : openCursor(cursor, settings, deps);
  const now = deps.now();
  const old = now.getTime() - seconds.olderThan * 1000;
  const moments = {
    now: now.getTime(),
    soon: now.getTime() + seconds.expiringWithin * 1000,
    old,
    calls: rangesBack(old, now.getTime() + LONGEST_MS).from,
  };
  const tallies = new Map(
    (one ? [one.finding] : NAMES).map((name) => [
      name,
      one ? new Tally(EXAMPLES_OF_ONE, one.after) : new Tally(EXAMPLES),
    ]),
  );
  const add: Add = (finding, ...what) => tallies.get(finding)?.add(...what);
  const wanted = one ? sectionsOf(one.finding) : sections;
  const { connection_id: connectionId, limit } = settings;
  const read = await examine({ sections: wanted, connectionId, limit, moments }, add, deps);
  const partly = read.filter((list) => !list.complete);

  return fitted(one ? EXAMPLES_OF_ONE : EXAMPLES, (most) => ({
    at: now.toISOString(),
    complete: partly.length === 0,
    ...(partly.length > 0 && { note: partly.some(({ list }) => list !== 'activity') ? INCOMPLETE : PARTLY }),
    read,
    findings: [...tallies].flatMap(([name, tally]) =>
      tally.count > 0 ? [found(name, tally, most, settings, moments, deps)] : [],
    ),
  }));
}

/** The findings that need more than the section of their name, or another: the totals name connections. */
const NEEDS: Partial<Record<FindingName, Section[]>> = {
  telephony_totals: ['telephony', 'connections'],
  telephony_unused: ['activity'],
};

/** What must be read for more of a finding. */
function sectionsOf(finding: FindingName): readonly Section[] {
  const needs = NEEDS[finding];
  if (needs) return needs;
  return SECTIONS.filter((section) => section.startsWith(finding.split('_')[0] ?? ''));
}

/** The report with as many examples of each finding as fit; the cursors lead to the rest. */
function fitted<R extends Record<string, unknown>>(most: number, make: (examples: number) => R): R {
  for (let examples = most; examples > 0; examples -= 1) {
    const report = make(examples);
    const bytes = Math.max(Buffer.byteLength(JSON.stringify(report)), Buffer.byteLength(render({ ...report })));
    if (bytes <= MOST_BYTES) return report;
  }
  return make(0);
}

function found(name: FindingName, tally: Tally, most: number, settings: Settings, moments: Moments, deps: Deps) {
  const { severity, says, next } = { next: undefined, ...KINDS[name] };
  const { examples, stopped } = tally.first(most);
  const [first] = examples;
  const proposed = first && next?.(tally.count, first, settings);
  return {
    finding: name,
    severity,
    count: tally.count,
    says: says(settings, moments),
    examples,
    ...(proposed && { next: proposed }),
    ...(stopped && { cursor: sealCursor(name, stopped, settings, deps) }),
  };
}

const bound = (name: string, id: string, { connection_id, expiring_within, older_than, limit }: Settings): string =>
  JSON.stringify(['health', name, id, connection_id, expiring_within, older_than, limit]);

/** Names the last example shown, not how many were: what comes and goes in the account moves none of the others. */
function sealCursor(name: FindingName, { key, id }: Place, settings: Settings, { cursors }: Deps): string {
  return `${name}.${id}.${cursors.seal(bound(name, id, settings), key)}`;
}

function openCursor(cursor: string, settings: Settings, { cursors }: Deps): { finding: FindingName; after: Place } {
  const [, name = '', id = START.id, sealed = ''] = /^([a-z_]+)\.([\w-]+)\.(.*)$/.exec(cursor) ?? [];
  const key = cursors.open(bound(name, id, settings), sealed);
  const finding = NAMES.find((known) => known === name);
  if (!finding) throw new Error('a cursor for a finding that is none');
  return { finding, after: { key, id } };
}
