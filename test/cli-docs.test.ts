import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, expect, test } from 'vitest';
import { voipCertificate } from '../src/sandbox/certificate.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { MAIN } from './process.ts';

const HERE = new URL('../', import.meta.url);
// The two lines that begin with npm ci are what CI begins with.
const PAGES = [
  'README.md',
  ...readdirSync(new URL('docs/', HERE))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    // Tells why, and has nothing to do.
    .filter((name) => name !== 'docs/decisions.md'),
];
const root = mkdtempSync(join(tmpdir(), 'telnyx-mcp-docs-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

// A report tells by its status what it found; there may be no keychain here to log in to, nor all a doctor looks for.
const FINE: Record<string, number[]> = { report: [0, 1, 2], login: [0, 1], doctor: [0, 1] };

type Data = Record<string, unknown> & { status?: string; rotation?: { id: string } };

/** A reader's machine: a folder of theirs, the program on their PATH, an account at the sandbox, and a client that says yes. */
class Reader implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #folder = mkdtempSync(join(root, 'reader-'));
  readonly #env: Record<string, string>;
  readonly #client = new Client({ name: 'docs', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  /** What the placeholders of the pages stand for. */
  readonly #means: Record<string, string>;

  private constructor(sandbox: Sandbox, means: Record<string, string>) {
    this.#sandbox = sandbox;
    this.#means = means;
    const bin = join(root, 'bin');
    mkdirSync(bin, { recursive: true });
    // What is on the PATH of who has installed the package, and npx for who has not.
    for (const [name, drop] of [
      ['telnyx-credentials-mcp', ''],
      ['npx', 'shift 2; '],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${drop}exec "${process.execPath}" "${MAIN}" "$@"\n`);
      chmodSync(join(bin, name), 0o755);
    }
    this.#env = {
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      HOME: this.#folder,
      TELNYX_API_KEY: sandbox.apiKey,
      TELNYX_BASE_URL: sandbox.baseUrl,
      TELNYX_MCP_STATE_DIR: join(this.#folder, 'state'),
      TELNYX_MCP_ALLOW_DIRS: this.#folder,
    };
  }

  static async start(): Promise<Reader> {
    const sandbox = await startSandbox();
    const reader = new Reader(sandbox, await placeholders(sandbox));
    reader.#client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      const { phrase } = 'requestedSchema' in params ? params.requestedSchema.properties : {};
      const typed = phrase?.description?.replace(/^Type: /, '');
      return { action: 'accept', content: typed === undefined ? { confirm: true } : { phrase: typed } };
    });
    await reader.#client.connect(
      new StdioClientTransport({ command: process.execPath, args: [MAIN], env: reader.#env, cwd: reader.#folder }),
    );
    return reader;
  }

  /** Calls what a line such as `tool {"an": "argument"}` says, through a client. */
  async call(line: string): Promise<void> {
    const [, name = '', args = '{}'] = /^(\w+) (\{.*\})$/.exec(this.#filled(line)) ?? [];
    const result = await this.#client.callTool({ name, arguments: JSON.parse(args) as Record<string, unknown> });
    const data = result.structuredContent as Data | undefined;
    expect(result.isError, `${line}\n${JSON.stringify(result.content)}`).toBeFalsy();
    if (data?.status) expect(['done', 'planned', 'in_progress', 'usable'], line).toContain(data.status);
    if (data?.rotation) this.#means.rotation = this.#means.fleet = data.rotation.id;
  }

  /** Runs a line in a shell, where nobody is asked; gives its exit status. */
  async shell(line: string): Promise<void> {
    const env = { ...this.#env, TELNYX_MCP_CONFIRM: 'never' };
    const child = spawn('sh', ['-c', this.#filled(line)], {
      cwd: this.#folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [status]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, 'exit') as Promise<[number]>,
    ]);
    const [, name = ''] = /mcp (\w+)/.exec(line) ?? [];
    expect(FINE[name] ?? [0], `${line}\n${stdout}${stderr}`).toContain(status);
    const id = /"rotation": \{\s*"id": "(\w+)"/.exec(stdout)?.[1];
    if (id) this.#means.rotation = id;
  }

  #filled(line: string): string {
    return line.replace(/<(\w+)>/g, (_, name: string) => {
      const value = this.#means[name];
      expect(value, `<${name}> of ${line}`).toBeDefined();
      return value ?? '';
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    await this.#sandbox.close();
  }
}

async function placeholders(sandbox: Sandbox): Promise<Record<string, string>> {
  const { certificate, privateKey } = await voipCertificate({
    bundleId: 'com.acme.dialer',
    teamId: 'A7K2M9Q4TX',
    organization: 'Acme Field Services, Inc.',
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 300 * 86_400_000),
  });
  const written = (name: string, text: string): string => {
    const path = join(root, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const { telephony, connections } = sandbox.world;
  await sandbox.world.ready;
  const id = (name: string) => [...telephony.values()].find((row) => row.name === name)?.id ?? '';
  const used = [...connections.values()].find((row) => row.ios_push_credential_id !== null);
  const dialled = [...connections.values()].find((row) => row.connection_name === 'Mobile app');
  return {
    id: id('courier-van-12'),
    other: id('courier-van-11'),
    connection: dialled?.id ?? '',
    push: used?.ios_push_credential_id ?? '',
    certificate: written('voip.pem', certificate),
    key: written('voip-key.pem', privateKey),
  };
}

/** The lines of a page's fenced blocks of that language. */
function blocks(text: string): { language: string; lines: string[] }[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', body = '']) => ({
    language,
    lines: body.split('\n').filter((line) => line !== ''),
  }));
}

test.concurrent.each(PAGES)('%s does as it says', async (name) => {
  const page = blocks(readFileSync(new URL(name, HERE), 'utf8'));
  expect(page.filter(({ language }) => ['call', 'sh'].includes(language)).length).toBeGreaterThan(1);
  await using reader = await Reader.start();
  for (const { language, lines } of page) {
    for (const line of lines) {
      if (language === 'call') await reader.call(line);
      if (language === 'sh') await reader.shell(line);
    }
  }
});
