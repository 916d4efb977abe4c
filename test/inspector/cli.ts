import { spawn } from 'node:child_process';

/** What the Inspector printed of a result, as far as the checks look at it. */
interface Result {
  protocolVersion?: string;
  tools?: { name: string }[];
  prompts?: { name: string }[];
  contents?: { text?: string }[];
  content?: { text?: string }[];
  structuredContent?: { connections?: unknown[] };
  isError?: boolean;
}

export interface Answer {
  status: number | null;
  result: Result;
  stderr: string;
}

const WITHIN_MS = 30_000;

/** Runs the Inspector's CLI once, its own files kept in a folder that is thrown away. */
export function inspect(home: string, args: readonly string[]): Promise<Answer> {
  const child = spawn('mcp-inspector', ['--cli', '--format', 'json', '--quiet', ...args], {
    env: { ...process.env, HOME: home, USERPROFILE: home, MCP_INSPECTOR_SECRET_STORE: 'memory' },
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WITHIN_MS,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error('the command `mcp-inspector` is not on the path; see the npm script')));
    child.once('close', (status) => resolve({ status, result: resultIn(stdout), stderr }));
  });
}

function resultIn(stdout: string): Result {
  try {
    return (JSON.parse(stdout) as { result: Result }).result ?? {};
  } catch {
    return {};
  }
}
