import { ToolError, unexpected, whereOf } from '../../core/errors.ts';
import type { Log } from '../../host/log.ts';

type Row = Record<string, unknown>;

/** A result as short text: `key: value` lines, objects indented, lists as a line per row under their columns' names. */
export function render(result: Row): string {
  return Object.entries(result)
    .map(([key, value]) => {
      if (isRows(value)) return table(key, value);
      return isRow(value) ? `${key}:\n${render(value).replace(/^/gm, '  ')}` : `${key}: ${cell(value)}`;
    })
    .join('\n');
}

function table(key: string, rows: Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(' | '));
  return [`${key} (${rows.length})`, ...(rows.length > 0 ? [columns.join(' | ')] : []), ...lines].join('\n');
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value ?? null) ?? '');
}

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);
const isRows = (value: unknown): value is Row[] => Array.isArray(value) && value.every(isRow);

/** A done call as an MCP result: the structure, and a text that is enough without it. */
export function resultOf(result: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: render(result) }], structuredContent: result };
}

/**
 * A failed call as an MCP result an agent can act on. Its text is no JSON as a whole: Gemini CLI takes text that is for
 * structured content, holds it against the output schema, and its model reads of missing properties and not of the error.
 */
export function errorResult(error: unknown, log: Log) {
  const text = `error: ${JSON.stringify(asToolError(error, log))}`;
  return { content: [{ type: 'text' as const, text }], isError: true };
}

/** The error as it may be shown. Of one that is not ours nothing is, since it could hold anything: the log says where. */
export function asToolError(error: unknown, log: Log): ToolError {
  if (error instanceof ToolError) return error;
  log('error', 'internal error', { at: whereOf(error) });
  return unexpected('Something inside this server failed.', 'Tell the person: its log (stderr) says where.');
}
