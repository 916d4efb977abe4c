import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Which files a file imports, types included: `src/…` for ours, the name of a package or module of Node else. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** The rooms of `src`, and what each may import from: imports go one way, from the door to the ground. */
const ROOMS: Record<string, readonly string[]> = {
  main: ['host', 'front'],
  front: ['host', 'core', 'tools', 'jobs', 'telnyx', 'secrets', 'approval', 'clients', 'doctor'],
  host: ['core', 'tools', 'jobs', 'telnyx', 'secrets', 'approval', 'prompts', 'resources', 'sandbox'],
  prompts: ['core'],
  resources: ['core', 'tools'],
  tools: ['core', 'health', 'jobs', 'telnyx', 'secrets', 'material', 'approval'],
  health: ['core', 'jobs', 'telnyx', 'material'],
  doctor: ['core', 'host', 'jobs', 'telnyx', 'secrets', 'approval'],
  clients: ['core', 'secrets'],
  // A tool names what it may use; these are types but for what a call is made of.
  core: ['jobs', 'telnyx', 'secrets', 'approval'],
  jobs: ['core', 'telnyx', 'secrets', 'material'],
  approval: ['core', 'secrets'],
  telnyx: ['core', 'secrets'],
  material: ['core', 'secrets'],
  secrets: ['core'],
  sandbox: [],
};

/** Who may open connections or listen, run programs, or speak MCP. */
const GUARDED: [what: RegExp, message: string, who: RegExp][] = [
  [
    /^node:(https?|net|tls|dns(\/promises)?|dgram|http2)$/,
    'opens connections',
    /^src\/(telnyx\/client|doctor\/api|approval\/pages\/\w+|sandbox\/\w+)\.ts$/,
  ],
  [/^node:child_process$/, 'runs programs', /^src\/(secrets|approval\/pages|doctor|front\/cli)\/\w[\w-]*\.ts$/],
  [/^@modelcontextprotocol\//, 'speaks MCP', /^src\/front\/mcp\//],
  [/^got$/, 'speaks to Telnyx', /^src\/telnyx\/client\.ts$/],
];

const IMPORT = /^\s*(?:import|export)\s(?:[^;'"`]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** Reads the imports of all files in `src`. */
export function readGraph(root: string): Graph {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => `src/${name.replaceAll('\\', '/')}`);
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]));
}

/** What a file of that text imports. */
export const importsOf = (file: string, text: string): string[] =>
  [...text.matchAll(IMPORT)].map(([, one, other]) => {
    const name = one ?? other ?? '';
    return name.startsWith('.') ? join(dirname(file), name) : name;
  });

const roomOf = (file: string): string => file.split('/')[1]?.replace(/\.ts$/, '') ?? '';

/** What goes the wrong way in a graph, a line for each. */
export function complaints(graph: Graph): string[] {
  return [...astray(graph), ...guarded(graph), ...circles(graph)];
}

function* astray(graph: Graph): Generator<string> {
  for (const [file, imports] of graph) {
    for (const name of imports.filter((one) => one.startsWith('src/'))) {
      const [from, to] = [roomOf(file), roomOf(name)];
      if (!graph.has(name)) yield `${file} imports ${name}, which is not there`;
      else if (from !== to && !ROOMS[from]?.includes(to))
        yield `${file} imports ${name}: ${from} knows nothing of ${to}`;
    }
  }
}

function* guarded(graph: Graph): Generator<string> {
  for (const [file, imports] of graph) {
    for (const name of imports) {
      for (const [what, message, who] of GUARDED) {
        if (what.test(name) && !who.test(file)) yield `${file} imports ${name}: it is not one that ${message}`;
      }
    }
  }
}

/** The first circle from each file, if it is on one. */
function* circles(graph: Graph): Generator<string> {
  const done = new Set<string>();
  const way: string[] = [];
  function* walk(file: string): Generator<string> {
    const at = way.indexOf(file);
    if (at >= 0) yield `a circle: ${[...way.slice(at), file].join(' → ')}`;
    if (at >= 0 || done.has(file)) return;
    way.push(file);
    for (const name of graph.get(file) ?? []) if (graph.has(name)) yield* walk(name);
    way.pop();
    done.add(file);
  }
  for (const file of graph.keys()) yield* walk(file);
}
