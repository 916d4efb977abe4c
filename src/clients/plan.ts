import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createScanner } from 'jsonc-parser';
import { misconfigured, type ToolError } from '../core/errors.ts';
import type { Client } from './clients.ts';
import { type Change, changed, readJson } from './edit.ts';
import { readSettings, type SettingsFile } from './settings-file.ts';

export interface Step<Extra> {
  name: string;
  title: string;
  /** The path as the person knows it. */
  path: string;
  file: SettingsFile;
  text: string;
  /** Nothing to write when empty. */
  diff: readonly string[];
  extra: Extra;
}

/** Whether anything of the client is on this machine. */
export const isInstalled = ({ signs }: Client): boolean => signs.some((sign) => existsSync(sign));

/** The settings file of a client: the first whose folder is there, else the last. */
export function fileOf({ files }: Client): string {
  return files.find((file) => existsSync(dirname(file))) ?? files.at(-1) ?? '';
}

/**
 * Takes a client and what is to change in its settings; gives the new text and its diff, having written nothing.
 * Throws ToolError, which quotes nothing, for a file that cannot be read or changed.
 */
export async function planFor<Extra extends { changes: readonly Change[] }>(
  client: Client,
  decide: (settings: unknown) => Extra,
): Promise<Step<Extra>> {
  const path = fileOf(client);
  const file = await readSettings(path);
  const blank = file.text.trim() === '';
  const extra = decide(blank ? {} : parsed(file.text));
  const ours = new Set(extra.changes.flatMap(({ path, value }) => [...path.map(String), ...stringsIn(value)]));
  let text = blank && extra.changes.length > 0 ? '{}\n' : file.text;
  const diff: string[] = [];
  for (const change of extra.changes) {
    const before = diff.length === 0 ? file.text : text;
    try {
      text = changed(text, change);
    } catch {
      throw broken('says the same thing twice, so that it is not clear what to change');
    }
    diff.push(...diffOf(before, text, ours));
  }
  return { name: client.name, title: client.title, path, file, text, diff, extra };
}

function parsed(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    throw broken('is not JSON');
  }
}

const broken = (what: string): ToolError =>
  misconfigured(`This file ${what}. It was left as it is.`, 'Mend it, or move it away, and run this again.');

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...stringsIn(inner)]);
}

const WIDEST = 160;

/** Of what stands in a file without being ours, what may be shown: our package, and flags without their values. */
const HARMLESS = /^(telnyx-credentials-mcp(@[\w.-]+)?|--[a-z-]+)$/;

/**
 * Takes a text before and after one change, and every string that this change may write; gives the lines that come and
 * go, without lines around them. A string, number or comment that is not ours is shown as …, for other servers' keys
 * stand in these files.
 */
function diffOf(before: string, after: string, ours: ReadonlySet<string>): string[] {
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
