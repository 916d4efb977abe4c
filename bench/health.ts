import { MAIN } from './built.ts';
import { compare, interleave, mb, ms, type Row, verdict } from './figures.ts';
import { type Account, ask, initialize, launch, launchSandbox, memoryOf, type Process } from './processes.ts';

const CREDENTIALS = 50_000;
const MANY = 500_000;
const REPETITIONS = 7;
const PAGE = 250;
const AT_ONCE = 6;
const DAY = 86_400_000;
const MOST_MB = 200;
const MOST_GROWTH_MB = 400;
const MOST_MS = 20_000;

interface Report {
  complete: boolean;
  findings: { finding: string; count: number }[];
}

/** The health report of a large account, against nothing but the transfer of its pages. */
export async function health(stateDir: string): Promise<Row[]> {
  await using sandbox = await launchSandbox(CREDENTIALS, 0);
  await using server = launchOurs(sandbox, stateDir);
  await initialize(server);
  // The first is checked against the rows as they come; what it took of memory is what a report takes.
  check(await report(server), await pages(sandbox), CREDENTIALS);
  const memory = memoryOf(server);
  const contestants = { ours: () => timed(() => report(server)), plain: () => timed(() => pages(sandbox)) };
  await interleave(contestants, 1);
  const runs = await interleave(contestants, REPETITIONS);
  const what = `health report of ${CREDENTIALS} credentials`;
  const times = compare({
    what,
    ours: runs.map(({ ours }) => ours),
    against: `fetch of the pages, ${AT_ONCE} at once`,
    theirs: runs.map(({ plain }) => plain),
    format: ms,
    bar: 1.5,
  });
  const bounded = limited(`${what}: peak memory`, memory, MOST_MB);
  // It takes a minute, and a gigabyte for the sandbox.
  return [times, bounded, ...(process.env.BENCH_LARGE === '1' ? await large(stateDir) : [])];
}

/** What half a million rows add to the memory of a server that has read a few. */
async function large(stateDir: string): Promise<Row[]> {
  await using sandbox = await launchSandbox(MANY, 0);
  await using server = launchOurs(sandbox, stateDir);
  await initialize(server);
  await ask(server, 'tools/call', { name: 'list_telephony_credentials', arguments: {} });
  const before = memoryOf(server);
  const started = performance.now();
  const { complete, findings } = await report(server);
  const took = performance.now() - started;
  const seen = findings.find(({ finding }) => finding === 'telephony_totals')?.count ?? 0;
  const what = `health report of ${MANY} credentials`;
  return [
    limited(`${what}: memory it adds`, memoryOf(server) - before, MOST_GROWTH_MB),
    {
      what: `${what}${complete ? '' : `, ${seen} of them seen`}`,
      ours: ms(took),
      against: `the time of a call, ${MOST_MS} ms`,
      ratio: (took / MOST_MS).toFixed(2),
      bar: verdict(took / MOST_MS, 1),
    },
  ];
}

const launchOurs = ({ baseUrl, apiKey }: Account, stateDir: string): Process =>
  launch(MAIN, [], {
    TELNYX_BASE_URL: baseUrl,
    TELNYX_API_KEY: apiKey,
    TELNYX_MCP_STATE_DIR: stateDir,
  });

function limited(what: string, memory: number, most: number): Row {
  return {
    what,
    ours: mb(memory),
    against: `the most there may be, ${mb(most)}`,
    ratio: (memory / most).toFixed(2),
    bar: verdict(memory / most, 1),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function report(server: Process): Promise<Report> {
  const result = await ask(server, 'tools/call', { name: 'report_credential_health', arguments: {} });
  const { structuredContent } = result as { structuredContent?: Report };
  if (!structuredContent) throw new Error(`no report: ${JSON.stringify(result)}`);
  return structuredContent;
}

interface Credential {
  id: string;
  expired: boolean;
  expires_at: string;
  created_at: string;
}

// What a report reads beside the telephony credentials: a page of each.
const OTHERS = ['mobile_push_credentials', ...['credential', 'fqdn', 'ip', 'uac'].map((kind) => `${kind}_connections`)];

/** Every page that a report reads, as fast as it gets without checking anything; gives the telephony credentials. */
async function pages({ baseUrl, apiKey }: Account): Promise<Credential[]> {
  const rows: Credential[] = [];
  const get = async (list: string, page: number): Promise<{ data: Credential[]; meta: { total_pages: number } }> => {
    const query = new URLSearchParams({ 'page[number]': `${page}`, 'page[size]': `${PAGE}` });
    const answer = await fetch(`${baseUrl}/${list}?${query}`, { headers: { authorization: `Bearer ${apiKey}` } });
    return JSON.parse(await answer.text());
  };
  const take = async (page: number): Promise<number> => {
    const { data, meta } = await get('telephony_credentials', page);
    rows.push(...data);
    return meta.total_pages;
  };
  let next = 1;
  const last = await take(next++);
  const others = [...OTHERS];
  const reader = async (): Promise<void> => {
    for (let list = others.pop(); list !== undefined; list = others.pop()) await get(list, 1);
    while (next <= last) await take(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return rows;
}

/** Throws when a number of the report is not that of the rows. */
function check({ complete, findings }: Report, rows: Credential[], expected: number): void {
  const now = Date.now();
  const living = rows.filter(({ expired }) => !expired);
  const never = living.filter((row) => Number(row.expires_at.slice(0, 4)) - Number(row.created_at.slice(0, 4)) === 22);
  const soon = living.filter((row) => Date.parse(`${row.expires_at}Z`) <= now + 30 * DAY);
  const old = living.filter((row) => Date.parse(`${row.created_at}Z`) <= now - 180 * DAY);
  const right: Record<string, number> = {
    telephony_totals: expected,
    telephony_expired: rows.length - living.length,
    telephony_expiring: soon.length,
    telephony_never_expiring: never.length,
    telephony_older: old.length,
    telephony_same_name: 0,
  };
  const told = (wanted: string): number => findings.find(({ finding }) => finding === wanted)?.count ?? 0;
  for (const [name, count] of Object.entries(right)) {
    if (told(name) !== count) throw new Error(`${name} is ${told(name)} in the report, and ${count} in the account`);
  }
  if (!complete) throw new Error('the report is not complete');
}
