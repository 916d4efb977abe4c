// Drives the built server with the CLI of the MCP Inspector, over stdio, in both protocol generations. Needs Node 24, and
// the command `mcp-inspector` on the path.
import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prompts } from '../../src/prompts/index.ts';
import { catalogue } from '../../src/tools/index.ts';
import { type Answer, inspect } from './cli.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const ERAS = { legacy: '2025-11-25', modern: '2026-07-28' } as const;
// The Inspector's status for a result that says isError.
const TOOL_ERROR = 5;

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-inspector-'));
const config = join(folder, 'config.json');
const server = { type: 'stdio', command: process.execPath, args: [MAIN, '--sandbox', '--state-dir', folder] };
writeFileSync(
  config,
  JSON.stringify({
    mcpServers: Object.fromEntries(Object.keys(ERAS).map((era) => [era, { ...server, protocolEra: era }])),
  }),
);

let passed = 0;
let failed = 0;
async function check(era: string, what: string, args: string[], expect: (answer: Answer) => void): Promise<void> {
  const answer = await inspect(folder, ['--config', config, '--server', era, ...args]);
  try {
    expect(answer);
    passed += 1;
    console.log(`${era}  passed  ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`${era}  failed  ${what}\n${error instanceof Error ? error.message : error}\n${answer.stderr}`);
  }
}

const call = (tool: string, args: object): string[] => [
  ...['--method', 'tools/call', '--tool-name', tool],
  ...['--tool-args-json', JSON.stringify(args)],
];

try {
  for (const [era, version] of Object.entries(ERAS)) {
    await check(era, `opens at protocol ${version}`, ['--method', 'initialize'], ({ status, result }) => {
      equal(status, 0);
      equal(result.protocolVersion, version);
    });
    // Strict: the Inspector's own rules for schemas that every client can take.
    await check(era, 'lists the catalogue', ['--method', 'tools/list', '--strict'], ({ status, result }) => {
      equal(status, 0);
      deepEqual(
        result.tools?.map(({ name }) => name),
        catalogue.map(({ name }) => name),
      );
    });
    await check(era, 'lists the prompts', ['--method', 'prompts/list'], ({ status, result }) => {
      equal(status, 0);
      deepEqual(
        result.prompts?.map(({ name }) => name),
        prompts.map(({ name }) => name),
      );
    });
    const rotations = ['--method', 'resources/read', '--uri', 'telnyx://rotations'];
    await check(era, 'reads a resource', rotations, ({ status, result }) => {
      equal(status, 0);
      deepEqual(
        result.contents?.map(({ text }) => text),
        ['{"rotations":[]}'],
      );
    });
    await check(era, 'calls a tool', call('list_connections', { limit: 1 }), ({ status, result }) => {
      equal(status, 0);
      equal(result.isError, undefined);
      equal(result.structuredContent?.connections?.length, 1);
      match(result.content?.[0]?.text ?? '', /^connections \(1\)/);
    });
    await check(era, 'reports an unknown id', call('get_telephony_credential', { id: 'unknown' }), (answer) => {
      equal(answer.status, TOOL_ERROR);
      equal(answer.result.isError, true);
      match(answer.result.content?.[0]?.text ?? '', /^error: \{"code":"NOT_FOUND"/);
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
