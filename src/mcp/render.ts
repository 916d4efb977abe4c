type Row = Record<string, unknown>;

/** A result as short text: `key: value` lines, and lists as one line per row under the names of their columns. */
export function render(result: Row): string {
  return Object.entries(result)
    .map(([key, value]) => (isRows(value) ? table(key, value) : `${key}: ${cell(value)}`))
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

function isRows(value: unknown): value is Row[] {
  return Array.isArray(value) && value.every((row) => typeof row === 'object' && row !== null);
}
