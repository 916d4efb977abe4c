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

/** A number with its word, in the plural where that is right. */
export const count = (number: number, [one, many]: readonly [string, string]): string =>
  `${number} ${number === 1 ? one : many}`;
