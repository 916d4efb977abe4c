import { join } from 'node:path';
import { another, type Contestant, ourselves, reasonOf, yardsticks } from './contestants.ts';
import { compare, interleave, mb, ms, type Row, short } from './figures.ts';
import { initialize, listTools, memoryKind, memoryOf, type Process, ping } from './processes.ts';

const STARTS = 15;
const PATIENCE_MS = 60_000;

/** What a user's first minute takes: what is installed, and how a start compares with those of others, by their packages. */
export async function start(folder: string, specs: readonly string[], args: readonly string[]): Promise<Row[]> {
  const ours = ourselves(folder);
  const { bare, sdk } = yardsticks(folder);
  const others = specs.map((spec, index) => another(join(folder, `other-${index}`), spec, args));
  const absent: { name: string; trouble: string }[] = [];
  const installed: Contestant[] = [];
  const started: Contestant[] = [];
  for (const other of [bare, sdk, ...others]) {
    if ('trouble' in other) {
      absent.push(other);
      continue;
    }
    installed.push(other);
    // Whoever cannot start must not end the run of the others.
    await measure(other).then(
      () => started.push(other),
      (error) => absent.push({ name: other.name, trouble: reasonOf(error) }),
    );
  }

  const contestants = Object.fromEntries([ours, ...started].map((one) => [one.name, () => measure(one)]));
  await interleave(contestants, 1);
  const runs = await interleave(contestants, STARTS);
  const paired = (what: string, figure: keyof Start, format: (value: number) => string, bar?: number): Row[] =>
    started.map(({ name }) =>
      compare({
        what,
        ours: runs.map((run) => run[ours.name]?.[figure] ?? Number.NaN),
        against: name,
        theirs: runs.map((run) => run[name]?.[figure] ?? Number.NaN),
        format,
        ...(bar !== undefined && name === bare.name && { bar }),
      }),
    );
  const counted = (what: string, figure: 'packages' | 'bytes', format: (value: number) => string): Row[] =>
    installed.map((one) => ({
      what,
      ours: format(ours[figure]),
      against: `${one.name} ${format(one[figure])}`,
      ratio: one[figure] > 0 ? short(ours[figure] / one[figure]) : '-',
      bar: '-',
    }));
  return [
    ...paired('start until initialize is answered', 'initialized', ms, 2),
    ...paired('start until tools/list is answered', 'listed', ms),
    ...paired(`memory after the handshake (${memoryKind})`, 'memory', mb, 1.5),
    ...counted('packages installed', 'packages', String),
    ...counted('size installed', 'bytes', (bytes) => `${(bytes / 1e6).toFixed(1)} MB`),
    ...absent.map(({ name, trouble }) => ({
      what: 'start',
      ours: '-',
      against: `${name}: cannot be started: ${trouble}`,
      ratio: '-',
      bar: '-',
    })),
  ];
}

interface Start {
  initialized: number;
  listed: number;
  memory: number;
}

/** Starts it twice: against the clock, and to see what it holds once it has answered something and before it does anything. */
async function measure(contestant: Contestant): Promise<Start> {
  const began = performance.now();
  const times = await withinPatience(contestant, async (server) => {
    await initialize(server);
    const initialized = performance.now() - began;
    await listTools(server);
    return { initialized, listed: performance.now() - began };
  });
  const memory = await withinPatience(contestant, async (server) => {
    await initialize(server);
    await ping(server);
    return memoryOf(server);
  });
  return { ...times, memory };
}

async function withinPatience<T>(contestant: Contestant, use: (server: Process) => Promise<T>): Promise<T> {
  await using server = contestant.launch();
  const limit = setTimeout(() => server.kill(), PATIENCE_MS);
  try {
    return await use(server);
  } finally {
    clearTimeout(limit);
  }
}
