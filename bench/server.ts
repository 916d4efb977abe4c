import { builtFile } from './built.ts';
import { compare, interleave, mb, ms, type Row, verdict } from './figures.ts';
import {
  type Account,
  ask,
  initialize,
  launch,
  launchSandbox,
  listTools,
  memoryKind,
  memoryOf,
  type Process,
} from './processes.ts';

const STARTS = 15;
const READS = 3;
const CREDENTIALS = 5000;
const LIMIT = 500;
const MOST_LISTING_BYTES = 25_000;

const launchOurs = ({ baseUrl, apiKey }: Account, stateDir: string): Process =>
  launch(builtFile('main.js'), [], {
    TELNYX_BASE_URL: baseUrl,
    TELNYX_API_KEY: apiKey,
    TELNYX_MCP_STATE_DIR: stateDir,
  });
const launchBare = (): Process => launch(new URL('./bare.js', import.meta.url));

/** The server as a process: how soon it answers, what it weighs, how much it says about itself. */
export async function server(stateDir: string): Promise<Row[]> {
  await using sandbox = await launchSandbox(CREDENTIALS, 0);
  const starting = { ours: () => start(() => launchOurs(sandbox, stateDir)), bare: () => start(launchBare) };
  await interleave(starting, 1);
  const starts = await interleave(starting, STARTS);
  const reads = await interleave(
    { ours: () => read(() => launchOurs(sandbox, stateDir)), bare: () => start(launchBare) },
    READS,
  );

  const paired = (what: string, figure: 'initialized' | 'listed' | 'memory', format: (value: number) => string): Row =>
    compare({
      what,
      ours: starts.map(({ ours }) => ours[figure]),
      against: 'bare node',
      theirs: starts.map(({ bare }) => bare[figure]),
      format,
    });
  return [
    paired('start until initialize is answered', 'initialized', ms),
    paired('start until tools/list is answered', 'listed', ms),
    paired(`memory after tools/list (${memoryKind})`, 'memory', mb),
    compare({
      what: `memory after listing ${CREDENTIALS} credentials by ${LIMIT}`,
      ours: reads.map(({ ours }) => ours.memory),
      against: 'bare node',
      theirs: reads.map(({ bare }) => bare.memory),
      format: mb,
    }),
    listingRow(starts[0]?.ours.listing),
  ];
}

interface Start {
  initialized: number;
  listed: number;
  memory: number;
  listing: unknown;
}

async function start(launchOne: () => Process): Promise<Start> {
  const began = performance.now();
  await using process = launchOne();
  await initialize(process);
  const initialized = performance.now() - began;
  const listing = await listTools(process);
  return { initialized, listed: performance.now() - began, memory: memoryOf(process), listing };
}

interface Listed {
  structuredContent?: { telephony_credentials: { id: string }[]; next_cursor?: string };
}

async function read(launchOne: () => Process): Promise<{ memory: number }> {
  await using process = launchOne();
  await initialize(process);
  await listTools(process);
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const args = { limit: LIMIT, ...(cursor !== undefined && { cursor }) };
    const result = await ask(process, 'tools/call', { name: 'list_telephony_credentials', arguments: args });
    const page = (result as Listed).structuredContent;
    for (const { id } of page?.telephony_credentials ?? []) ids.add(id);
    cursor = page?.next_cursor;
  } while (cursor !== undefined);
  if (ids.size !== CREDENTIALS) throw new Error(`the server listed ${ids.size} of ${CREDENTIALS} credentials`);
  return { memory: memoryOf(process) };
}

function listingRow(listing: unknown): Row {
  const bytes = Buffer.byteLength(JSON.stringify(listing));
  const share = bytes / MOST_LISTING_BYTES;
  return {
    what: 'tools/list result',
    ours: `${bytes} bytes`,
    against: `the budget, ${MOST_LISTING_BYTES} bytes`,
    ratio: share.toFixed(2),
    bar: verdict(share, 1),
  };
}
