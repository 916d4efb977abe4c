import { setTimeout as sleep } from 'node:timers/promises';
import { Phone } from '../src/sandbox/phones.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { MAIN } from './built.ts';
import { median, ms, type Row } from './figures.ts';
import { ask, initialize, launch, type Process } from './processes.ts';

const PER_SECOND = 50;
const LATENCY_MS = 20;
// The fleet of 2,000 takes four minutes.
const MEMBERS = process.env.BENCH_LARGE ? 2000 : 200;
const IDLE_READS = 15;
const CONNECTION = '9990001112223334445';

interface Fleet {
  rotation: {
    id: string;
    state: string;
    progress: { total: number; done: number; failed: number };
    counts?: { moved: number; not_yet: number; unknown: number; to_look_at: number };
  };
}

interface Load {
  seconds: number;
  allowed: number;
  refused: number;
  /** How long reads took meanwhile, in milliseconds. */
  reads: number[];
}

/** What a job costs the account, and a person's reads meanwhile: `goesOn` is called until it says that the job is over. */
async function during(sandbox: Sandbox, server: Process, goesOn: () => Promise<boolean>): Promise<Load> {
  const before = { allowed: sandbox.allowed, refused: sandbox.refused };
  const started = performance.now();
  const reads: number[] = [];
  while (await goesOn()) {
    reads.push(await timedRead(server));
    await sleep(400);
  }
  const seconds = (performance.now() - started) / 1000;
  return { seconds, allowed: sandbox.allowed - before.allowed, refused: sandbox.refused - before.refused, reads };
}

function rowsOf(what: string, { seconds, allowed, refused, reads }: Load, idle: number[]): Row[] {
  const used = allowed / seconds / PER_SECOND;
  const share = refused / (allowed + refused);
  const slower = median(reads) / median(idle);
  const rate = `${(allowed / seconds).toFixed(1)}/s`;
  return [
    row(`${what}: rate used`, rate, `allowed ${PER_SECOND}/s`, used, used >= 0.9, 'at least 0.90'),
    row(`${what}: answered 429`, `${refused}`, `of ${allowed + refused}`, share, share <= 0.01, 'at most 0.01'),
    row('read meanwhile, median', ms(median(reads)), `idle ${ms(median(idle))}`, slower, slower < 3, 'under 3'),
  ];
}

/** A fleet under a limit of 50 requests a second: how much of it is used, and how a person's reads fare meanwhile. */
export async function fleet(stateDir: string): Promise<Row[]> {
  await using sandbox = await startSandbox({ latencyMs: LATENCY_MS, rateLimit: { perSecond: PER_SECOND } });
  addMembers(sandbox);
  await using server = launch(MAIN, ['--state-dir', `${stateDir}/fleet`, '--confirm', 'never'], {
    TELNYX_API_KEY: sandbox.apiKey,
    TELNYX_BASE_URL: sandbox.baseUrl,
  });
  await initialize(server);
  server.send({ jsonrpc: '2.0', method: 'notifications/initialized' });

  const idle: number[] = [];
  for (let count = 0; count < IDLE_READS; count += 1) {
    idle.push(await timedRead(server));
    await sleep(100);
  }
  let rotation: Fleet['rotation'] | undefined;
  const rotating = await during(sandbox, server, async () => {
    if (rotation) [rotation] = (await call<{ rotations: Fleet['rotation'][] }>(server, 'get_rotation', {})).rotations;
    else {
      const order = { connection_id: CONNECTION, limit: MEMBERS, overlap: '1h' };
      ({ rotation } = await call<Fleet>(server, 'rotate_telephony_credentials', order));
    }
    return rotation?.state === 'in_progress';
  });
  const successors = [...sandbox.world.telephony.values()].filter(
    ({ id, resource_id }) => resource_id.endsWith(CONNECTION) && !id.startsWith('member-'),
  );
  if (
    rotation?.state !== 'done' ||
    successors.length !== MEMBERS ||
    new Set(successors.map(({ name }) => name)).size !== MEMBERS
  ) {
    throw new Error(`the fleet ended as ${rotation?.state}, with ${successors.length} successors of ${MEMBERS}`);
  }

  // Of every other member the phone has moved; of all the others nobody is seen.
  for (const { sip_username } of successors.slice(0, MEMBERS / 2))
    new Phone(sandbox.world, { ip: '198.51.100.7' }).register(sip_username);
  const { id } = rotation;
  const looking = await during(sandbox, server, async () => {
    [rotation] = (await call<{ rotations: Fleet['rotation'][] }>(server, 'get_rotation', { id })).rotations;
    return rotation?.counts?.to_look_at !== 0;
  });
  const { moved, not_yet } = rotation?.counts ?? {};
  if (moved !== MEMBERS / 2 || not_yet !== MEMBERS / 2) throw new Error(`${moved} moved, and ${not_yet} not yet`);
  return [
    ...rowsOf(`rotate ${MEMBERS} at ${PER_SECOND} requests/s`, rotating, idle),
    ...rowsOf(`who has moved of ${MEMBERS} at ${PER_SECOND} requests/s`, looking, idle),
  ];
}

const row = (what: string, ours: string, against: string, ratio: number, met: boolean, bar: string): Row => ({
  what,
  ours,
  against,
  ratio: ratio.toFixed(3),
  bar: `${bar}: ${met ? 'met' : 'MISSED'}`,
});

function addMembers({ world }: Sandbox): void {
  const [template] = [...world.telephony.values()];
  const free = [...world.connections.values()].find(({ kind }) => kind === 'credential');
  if (!template || !free) throw new Error('an empty account');
  world.connections.set(CONNECTION, { ...free, id: CONNECTION, connection_name: 'Fleet' });
  const dates = { created_at: '2026-01-01T00:00:00', expires_at: '2048-01-02T00:00:00', expired: false };
  for (let index = 0; index < MEMBERS; index += 1) {
    const id = `member-${index}`;
    world.telephony.set(id, { ...template, ...dates, id, name: id, resource_id: `connection:${CONNECTION}` });
  }
}

async function timedRead(server: Process): Promise<number> {
  const started = performance.now();
  await call(server, 'get_telephony_credential', { id: 'member-0' });
  return performance.now() - started;
}

async function call<T>(server: Process, name: string, args: object): Promise<T> {
  const { structuredContent, isError, content } = (await ask(server, 'tools/call', { name, arguments: args })) as {
    structuredContent: T;
    isError?: boolean;
    content: unknown;
  };
  if (isError) throw new Error(JSON.stringify(content));
  return structuredContent;
}
