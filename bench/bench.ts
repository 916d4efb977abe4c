import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { type Row, table } from './figures.ts';
import { fleet } from './fleet.ts';
import { health } from './health.ts';
import { journal } from './journal.ts';
import { modules } from './modules.ts';
import { perCall } from './per-call.ts';
import { readAll } from './read-all.ts';
import { server } from './server.ts';
import { start } from './start.ts';

// npm run bench [-- <part>… <tarball or package>… [-- <arguments of those servers>]]: without a part, all of them.
const [words, args] = atDashes(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-bench-'));
const PARTS = ['start', 'read-all', 'per-call', 'server', 'health', 'fleet', 'journal', 'modules', 'bundle'];
const named = words.filter((word) => PARTS.includes(word));
const others = words.filter((word) => !PARTS.includes(word));
const asked = (part: string): boolean => named.length === 0 || named.includes(part);
const parts: Record<string, () => Promise<Row[]>> = {
  start: () => start(folder, others, args),
  'read-all': readAll,
  'per-call': () => perCall(folder),
  server: () => server(folder),
  health: () => health(folder),
  fleet: () => fleet(folder),
  journal: () => journal(folder),
  modules: () => modules(folder),
};
try {
  const rows: Row[] = [];
  for (const [part, measure] of Object.entries(parts)) if (asked(part)) rows.push(...(await measure()));
  if (rows.length > 0) {
    console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} cores

${table(rows)}

Figures are medians; ratios are ours to the other's in pairs measured side by side, their median and range.
Times and sizes are this machine's: only the ratios travel.`);
  }
  if (asked('bundle')) console.log(`\n${await bundle(folder)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function atDashes(all: string[]): [before: string[], after: string[]] {
  const dashes = all.indexOf('--');
  return dashes < 0 ? [all, []] : [all.slice(0, dashes), all.slice(dashes + 1)];
}
