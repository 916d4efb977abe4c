import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { complaints, importsOf, readGraph } from './import-graph.ts';

const graph = readGraph(fileURLToPath(new URL('..', import.meta.url)));

test('imports go one way, and in no circle', () => {
  expect(graph.size).toBeGreaterThan(100);
  expect(complaints(graph)).toEqual([]);
});

const breaks: [title: string, file: string, line: string, complaint: RegExp][] = [
  [
    'what knows clients looks at what doctor knows',
    'src/clients/plan.ts',
    "import { ok } from '../doctor/check.ts';",
    /clients knows nothing of doctor/,
  ],
  [
    'Telnyx is told of tools',
    'src/telnyx/list.ts',
    "import type { Tool } from '../tools/index.ts';",
    /telnyx knows nothing of tools/,
  ],
  [
    'the sandbox learns of ours',
    'src/sandbox/world.ts',
    "import { oneLine } from '../core/text.ts';",
    /sandbox knows nothing of core/,
  ],
  [
    'a room is loaded later that must not be known',
    'src/jobs/run.ts',
    "const later = () => import('../front/program.ts');",
    /jobs knows nothing of front/,
  ],
  [
    'material that was uploaded opens connections',
    'src/material/kind.ts',
    "import { request } from 'node:http';",
    /not one that opens connections/,
  ],
  [
    'a tool runs programs',
    'src/tools/index.ts',
    "import { spawn } from 'node:child_process';",
    /not one that runs programs/,
  ],
  [
    'a tool speaks MCP',
    'src/tools/index.ts',
    "import type { Tool } from '@modelcontextprotocol/sdk/types.js';",
    /not one that speaks MCP/,
  ],
  [
    'types go in a circle',
    'src/core/errors.ts',
    "import type { Tool } from './tool.ts';",
    /a circle: .*core\/errors\.ts → src\/core\/tool\.ts/,
  ],
  [
    'what is passed on goes in a circle',
    'src/jobs/journal.ts',
    "export { openJournal } from './journal-files.ts';",
    /a circle: /,
  ],
  ['a file is not there', 'src/jobs/run.ts', "import {\n  a,\n  b,\n} from './gone.ts';", /which is not there/],
];
test.each(breaks)('it is seen when %s', (_, file, line, complaint) => {
  expect(graph.has(file)).toBe(true);
  const broken = new Map(graph).set(file, [...(graph.get(file) ?? []), ...importsOf(file, line)]);
  expect(complaints(broken).join('\n')).toMatch(complaint);
});
