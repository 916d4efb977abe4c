import Telnyx from 'telnyx';
import { Secret } from '../src/secrets/secret.ts';
import { createClient } from '../src/telnyx/client.ts';
import { getAll } from '../src/telnyx/list.ts';
import { telephonyRow } from '../src/telnyx/telephony-credentials.ts';
import { compare, interleave, ms, type Row } from './figures.ts';
import { type Account, launchSandbox } from './processes.ts';

const CREDENTIALS = 5000;
const LATENCY_MS = 100;
const REPETITIONS = 5;
const PAGE = 250;
const AT_ONCE = 6;

/** Reading a whole account of 5,000 credentials, where every answer takes 100 ms. */
export async function readAll(): Promise<Row[]> {
  await using sandbox = await launchSandbox(CREDENTIALS, LATENCY_MS);
  const contestants = {
    ours: () => timed(() => throughOurs(sandbox)),
    sdk: () => timed(() => throughSdk(sandbox)),
    plain: () => timed(() => throughFetch(sandbox)),
  };
  await interleave(contestants, 1);
  const runs = await interleave(contestants, REPETITIONS);
  const ours = runs.map((run) => run.ours);
  const what = `read ${CREDENTIALS} credentials, ${LATENCY_MS} ms per answer`;
  return [
    compare({ what, ours, against: 'telnyx SDK pager', theirs: runs.map(({ sdk }) => sdk), format: ms, bar: 0.33 }),
    compare({ what, ours, against: `fetch, ${AT_ONCE} at once`, theirs: runs.map(({ plain }) => plain), format: ms }),
  ];
}

async function timed(read: () => Promise<string[]>): Promise<number> {
  const started = performance.now();
  const ids = await read();
  const took = performance.now() - started;
  if (ids.length !== CREDENTIALS || new Set(ids).size !== CREDENTIALS) {
    throw new Error(`${new Set(ids).size} different ids in ${ids.length} rows, where there are ${CREDENTIALS}`);
  }
  return took;
}

async function throughOurs({ baseUrl, apiKey }: Account): Promise<string[]> {
  const limits = { requestMs: 15_000, callMs: 20_000, recoveryMs: 5000 };
  const client = createClient({ baseUrl, apiKey: new Secret(apiKey), version: 'bench', limits, log: () => undefined });
  const http = client({ signal: new AbortController().signal });
  const { rows } = await getAll(http, { path: 'telephony_credentials', row: telephonyRow });
  return rows.map(({ id }) => id);
}

async function throughSdk({ baseUrl, apiKey }: Account): Promise<string[]> {
  const client = new Telnyx({ apiKey, baseURL: baseUrl });
  const ids: string[] = [];
  for await (const { id } of client.telephonyCredentials.list({ 'page[size]': PAGE })) if (id) ids.push(id);
  return ids;
}

interface Page {
  data: { id: string }[];
  meta: { total_pages: number };
}

/** As fast as it gets without checking anything. */
async function throughFetch({ baseUrl, apiKey }: Account): Promise<string[]> {
  const ids: string[] = [];
  const take = async (page: number): Promise<number> => {
    const query = new URLSearchParams({ 'page[number]': `${page}`, 'page[size]': `${PAGE}` });
    const answer = await fetch(`${baseUrl}/telephony_credentials?${query}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const { data, meta } = JSON.parse(await answer.text()) as Page;
    ids.push(...data.map(({ id }) => id));
    return meta.total_pages;
  };
  let next = 1;
  const last = await take(next++);
  const reader = async (): Promise<void> => {
    while (next <= last) await take(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return ids;
}
