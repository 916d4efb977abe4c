import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One thing the suite looked at in a scenario. */
export interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
}

/** The frozen sets of server scenarios, by protocol revision. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

const WITHIN_MS = 120_000;

/** The names of the server scenarios of this version of the suite, whichever set they belong to. */
export async function everyScenario(): Promise<string[]> {
  return namesIn(await conformance('list', '--server'), /^ +- (\S+) \[/gm);
}

/** The names of the server scenarios of a revision's set, those that are run but not scored among them. */
export async function scenariosOf(revision: Revision): Promise<string[]> {
  const text = await conformance('list', '--requirements', revision);
  const [, required = '', unscored = ''] = text.split(/^Server scenarios.*$|^Run and reported.*$/m);
  const [server = ''] = required.split(/^Client scenarios.*$/m);
  return [...namesIn(server, /^ +- (\S+)$/gm), ...namesIn(unscored, /^ +- (\S+) \[server\]$/gm)];
}

/** Runs a revision's set; gives the checks of each scenario, none for one that did not come to an end. */
export async function runScenarios(url: string, revision: Revision): Promise<Map<string, Check[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-conformance-'));
  try {
    await conformance('server', '--url', url, '--requirements', revision, '--output-dir', folder);
    return new Map(readdirSync(folder).map((name) => [scenarioOf(name), checksIn(join(folder, name, 'checks.json'))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const scenarioOf = (folder: string): string => folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');

function checksIn(file: string): Check[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Check[]) : [];
}

function namesIn(text: string, pattern: RegExp): string[] {
  const names = [...text.matchAll(pattern)].map(([, name = '']) => name);
  if (names.length === 0) throw new Error('the suite lists its scenarios in a way this runner cannot read');
  return names;
}

/** Runs the suite's command, which must be on the path; its exit status repeats what the results say. */
function conformance(...args: string[]): Promise<string> {
  const child = spawn('conformance', args, {
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: WITHIN_MS,
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error('the command `conformance` is not on the path; see the npm script')));
    child.once('close', (_status, signal) =>
      signal ? reject(new Error(`the suite ended by ${signal}`)) : resolve(text),
    );
  });
}
