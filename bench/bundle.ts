import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from './built.ts';
import { columns } from './figures.ts';
import { ask, initialize, launch, launchSandbox, listTools, type Process, ping } from './processes.ts';

const SMALL = 10_000;
const LOADED = new URL('../../test/loaded-modules.mjs', import.meta.url).href;
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
// What rolldown puts in by itself, it marks like this.
const HELPERS = /^\0/;
const kb = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

interface Chunk {
  file: string;
  bytes: number;
  /** What each package, or folder of ours, has of it, before it was minified. */
  weights: Record<string, number>;
}

/** What the bundle is made of, and when each part of it is loaded; two tables to print. */
export async function bundle(folder: string): Promise<string> {
  const built = JSON.parse(readFileSync('.build/bundle.json', 'utf8')) as Record<string, Omit<Chunk, 'file'>>;
  const chunks = Object.entries(built).map(([file, chunk]) => ({ file, ...chunk }));
  return `${columns(byPackage(chunks))}\n\n${columns(byLoading(chunks, await loading(folder)))}`;
}

/** The bytes of a chunk, shared out by what each had of it. */
function shares({ bytes, weights }: Chunk): [name: string, bytes: number][] {
  const whole = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  return Object.entries(weights).map(([name, weight]) => [
    HELPERS.test(name) ? "the bundler's helpers" : name,
    (bytes * weight) / whole,
  ]);
}

function byPackage(chunks: readonly Chunk[]): string[][] {
  const packages = new Map<string, number>();
  for (const [name, bytes] of chunks.flatMap(shares)) {
    const owner = /^src(\/|$)/.test(name) ? 'ours' : name;
    packages.set(owner, (packages.get(owner) ?? 0) + bytes);
  }
  const whole = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
  const row = (name: string, bytes: number) => [name, kb(bytes), `${((100 * bytes) / whole).toFixed(1)} %`];
  const sorted = [...packages].sort(([, a], [, b]) => b - a);
  return [
    ['of the bundle, minified', 'size', 'share'],
    ...sorted.map(([name, bytes]) => row(name, bytes)),
    row('all of it', whole),
  ];
}

function byLoading(chunks: readonly Chunk[], phases: ReadonlyMap<string, string>): string[][] {
  const rows = [['loaded', 'chunk', 'size', 'most of it']];
  for (const phase of [...new Set(phases.values()), 'when needed']) {
    const loaded = chunks.filter(({ file }) => (phases.get(file) ?? 'when needed') === phase);
    loaded.sort((a, b) => b.bytes - a.bytes);
    const all = loaded.reduce((sum, { bytes }) => sum + bytes, 0);
    rows.push([phase, `in all ${loaded.length}`, kb(all), '']);
    for (const chunk of loaded.filter(({ bytes }) => bytes >= SMALL)) {
      const most = shares(chunk).sort(([, a], [, b]) => b - a);
      const names = most.slice(0, 3).map(([name]) => name);
      rows.push(['', chunk.file.replace(/-[\w-]{8}\.js$/, ''), kb(chunk.bytes), names.join(', ')]);
    }
  }
  return rows;
}

/** At which moment of a session each chunk is loaded, those that are not left out. */
async function loading(folder: string): Promise<Map<string, string>> {
  await using sandbox = await launchSandbox(10, 0);
  const env = {
    NODE_OPTIONS: `--import=${LOADED}`,
    TELNYX_API_KEY: sandbox.apiKey,
    TELNYX_BASE_URL: sandbox.baseUrl,
    TELNYX_MCP_STATE_DIR: join(folder, 'loading'),
  };
  const phases = new Map<string, string>();
  const watch = async (name: string, play: (server: Process, reached: (phase: string) => void) => Promise<void>) => {
    const log = join(folder, name);
    const stderr = openSync(log, 'w');
    await using server = launch(MAIN, [], env, stderr);
    closeSync(stderr);
    await play(server, (phase) => {
      for (const [, file = ''] of readFileSync(log, 'utf8').matchAll(/\/dist\/([\w-]+\.js)/g)) {
        if (!phases.has(file)) phases.set(file, phase);
      }
    });
  };
  await watch('handshake', async (server, reached) => {
    await initialize(server);
    await ping(server);
    reached('until a ping is answered');
    await listTools(server);
    reached('at tools/list');
    await ask(server, 'tools/call', { name: 'list_telephony_credentials', arguments: {} });
    reached('at the first call');
  });
  await watch('stateless', async (server, reached) => {
    const meta = { [VERSION_KEY]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
    await ask(server, 'tools/list', {
      _meta: { ...meta, 'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '0' } },
    });
    reached('by clients of 2026-07-28, instead');
  });
  return phases;
}
