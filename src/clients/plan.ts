import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { misconfigured, type ToolError } from '../core/errors.ts';
import type { Client } from './clients.ts';
import { diffOf } from './diff.ts';
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
