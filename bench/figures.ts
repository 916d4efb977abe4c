/** One line of the table. */
export interface Row {
  what: string;
  ours: string;
  against: string;
  ratio: string;
  bar: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1);
  return (low + high) / 2;
}

/** Runs all contestants in turn, forwards and backwards by turns, so that a slow moment of the machine hits each of them. */
export async function interleave<Name extends string, Measured>(
  contestants: Record<Name, () => Promise<Measured>>,
  repetitions: number,
): Promise<Record<Name, Measured>[]> {
  const names = Object.keys(contestants) as Name[];
  const all: Record<Name, Measured>[] = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const measured: Partial<Record<Name, Measured>> = {};
    for (const name of repetition % 2 ? names.toReversed() : names) measured[name] = await contestants[name]();
    all.push(measured as Record<Name, Measured>);
  }
  return all;
}

interface Comparison {
  what: string;
  ours: readonly number[];
  against: string;
  /** In the order of `ours`: figures of the same index were measured side by side. */
  theirs: readonly number[];
  format: (value: number) => string;
  /** The most the median ratio may be. */
  bar?: number;
}

/** A row from paired figures. */
export function compare({ what, ours, against, theirs, format, bar }: Comparison): Row {
  const ratios = ours.map((figure, index) => figure / (theirs[index] ?? Number.NaN));
  const ratio = median(ratios);
  return {
    what,
    ours: format(median(ours)),
    against: `${against} ${format(median(theirs))}`,
    ratio: `${short(ratio)} (${short(Math.min(...ratios))}–${short(Math.max(...ratios))})`,
    bar: verdict(ratio, bar),
  };
}

export function verdict(ratio: number, bar: number | undefined): string {
  return bar === undefined ? '-' : `at most ${bar.toFixed(2)}: ${ratio <= bar ? 'met' : 'MISSED'}`;
}

export const short = (ratio: number): string => ratio.toFixed(ratio < 10 ? 2 : 0);

export const ms = (value: number): string => `${value.toFixed(value < 20 ? 2 : 0)} ms`;
export const mb = (value: number): string => `${value.toFixed(0)} MB`;

const TITLES: Row = { what: 'what', ours: 'ours', against: 'against', ratio: 'ratio (min–max)', bar: 'bar' };
const COLUMNS = ['what', 'ours', 'against', 'ratio', 'bar'] as const;

export function table(rows: readonly Row[]): string {
  return columns([TITLES, ...rows].map((row) => COLUMNS.map((column) => row[column])));
}

/** Lines of cells under each other, the first of them titles. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]) => cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ');
  const [titles = '', ...lines] = rows.map((row) => line(row).trimEnd());
  return [titles, widths.map((width) => '-'.repeat(width)).join('  '), ...lines].join('\n');
}
