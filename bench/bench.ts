import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from './figures.ts';
import { fleet } from './fleet.ts';
import { health } from './health.ts';
import { perCall } from './per-call.ts';
import { readAll } from './read-all.ts';
import { server } from './server.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-bench-'));
try {
  const rows = [
    ...(await readAll()),
    ...(await perCall(stateDir)),
    ...(await server(stateDir)),
    ...(await health(stateDir)),
    ...(await fleet(stateDir)),
  ];
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} cores

${table(rows)}

Figures are medians; ratios are ours to the other's in pairs measured side by side, their median and range.
Times and sizes are this machine's: only the ratios travel.`);
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}
