import { createScanner } from 'jsonc-parser';

const WIDEST = 160;

/** Of what stands in a file without being ours, what may be shown: our package, and flags without their values. */
const HARMLESS = /^(telnyx-credentials-mcp(@[\w.-]+)?|--[a-z-]+)$/;

/**
 * Takes a text before and after one change, and every string that this change may write; gives the lines that come and
 * go, without lines around them. A string, number or comment that is not ours is shown as …, for other servers' keys
 * stand in these files.
 */
export function diffOf(before: string, after: string, ours: ReadonlySet<string>): string[] {
  const [old, now] = [before, after].map(linesOf) as [string[], string[]];
  const [oldShown, nowShown] = [before, after].map((text) => linesOf(masked(text, ours))) as [string[], string[]];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let same = 0;
  while (same < Math.min(old.length, now.length) - start && old.at(-1 - same) === now.at(-1 - same)) same += 1;
  const removed = oldShown.slice(start, old.length - same);
  const added = nowShown.slice(start, now.length - same);
  const [gone = '', come = ''] = removed.length === 1 && added.length === 1 ? [removed[0], added[0]] : [];
  const shared = gone.length > WIDEST || come.length > WIDEST ? sharedStart(gone, come) : 0;
  return [
    `@@ -${span(start, removed)} +${span(start, added)} @@`,
    ...removed.map((line) => `-${cut(line, shared)}`),
    ...added.map((line) => `+${cut(line, shared)}`),
  ];
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

// Counted from 1, and from the line before where there are none: as every diff has it.
const span = (start: number, { length }: readonly string[]): string =>
  `${length === 0 ? start : start + 1}${length === 1 ? '' : `,${length}`}`;

function sharedStart(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return Math.max(0, at - 20);
}

function cut(line: string, from: number): string {
  const shown = line.slice(from, from + WIDEST * 2);
  const text = `${from > 0 ? '…' : ''}${shown}${from + shown.length < line.length ? '…' : ''}`;
  return text.replaceAll('\t', '  ');
}

function masked(text: string, ours: ReadonlySet<string>): string {
  const scanner = createScanner(text, false);
  let shown = '';
  for (;;) {
    scanner.scan();
    const length = scanner.getTokenLength();
    if (length === 0) return shown;
    const token = text.slice(scanner.getTokenOffset(), scanner.getTokenOffset() + length);
    if (/^[{}[\],:\s]/.test(token) || /^(true|false|null)$/.test(token)) shown += token;
    else if (token.startsWith('//')) shown += '// …';
    else if (token.startsWith('/*')) shown += `/* … */${'\n'.repeat(token.split('\n').length - 1)}`;
    else if (!token.startsWith('"')) shown += '…';
    else shown += ours.has(scanner.getTokenValue()) || HARMLESS.test(scanner.getTokenValue()) ? token : '"…"';
  }
}
