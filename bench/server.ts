import { MAIN } from './built.ts';
import { compare, interleave, mb, type Row, verdict } from './figures.ts';
import {
  type Account,
  ask,
  initialize,
  launch,
  launchSandbox,
  listTools,
  memoryOf,
  type Process,
} from './processes.ts';

const READS = 3;
const CREDENTIALS = 5000;
const LIMIT = 500;
const MOST_LISTING_BYTES = 27_000;

const launchOurs = ({ baseUrl, apiKey }: Account, stateDir: string): Process =>
  launch(MAIN, [], {
    TELNYX_BASE_URL: baseUrl,
    TELNYX_API_KEY: apiKey,
    TELNYX_MCP_STATE_DIR: stateDir,
  });

/** The server at work on a large account: what it weighs then, and how much it says about itself. */
export async function server(stateDir: string): Promise<Row[]> {
  await using sandbox = await launchSandbox(CREDENTIALS, 0);
  const reads = await interleave({ ours: () => read(() => launchOurs(sandbox, stateDir)), bare: idle }, READS);
  return [
    compare({
      what: `memory after listing ${CREDENTIALS} credentials by ${LIMIT}`,
      ours: reads.map(({ ours }) => ours.memory),
      against: 'bare node',
      theirs: reads.map(({ bare }) => bare.memory),
      format: mb,
    }),
    listingRow(reads[0]?.ours.listing),
  ];
}

async function idle(): Promise<{ memory: number; listing: unknown }> {
  await using bare = launch(new URL('./bare.js', import.meta.url));
  await initialize(bare);
  const listing = await listTools(bare);
  return { memory: memoryOf(bare), listing };
}

interface Listed {
  structuredContent?: { telephony_credentials: { id: string }[]; next_cursor?: string };
}

async function read(launchOne: () => Process): Promise<{ memory: number; listing: unknown }> {
  await using process = launchOne();
  await initialize(process);
  const listing = await listTools(process);
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
  return { memory: memoryOf(process), listing };
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
