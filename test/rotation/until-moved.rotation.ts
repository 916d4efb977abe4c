import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyJournal } from '../../src/jobs/journal-verify.ts';
import { Phone } from '../../src/sandbox/phones.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { dataOf, startApp, yes } from '../app.ts';
import { addMembers, CONNECTION } from '../fleet-account.ts';
import { startProcess } from '../process.ts';

const DIE_AT = new URL('./die-at.mjs', import.meta.url).href;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const AT_ONCE = 3;

interface View {
  id: string;
  left: string[];
  retires_at: string;
  successor: { sip_username: string };
}

/** A rotation whose users have moved, and whose quiet day is over by now: the next look ends it. */
async function almostOver(home: string): Promise<{ sandbox: Sandbox; id: string; stateDir: string }> {
  let past: number | undefined = Date.now() - 24 * HOUR - 20 * MINUTE;
  const now = () => new Date(past ?? Date.now());
  const sandbox = await startSandbox({ now });
  addMembers(sandbox, 1, now());
  Object.assign(sandbox.world.connections.get(CONNECTION) ?? {}, {
    ios_push_credential_id: null,
    android_push_credential_id: null,
  });
  const stateDir = join(home, 'state');
  await using app = await startApp({ account: sandbox, person: yes, now, config: { stateDir } });
  const args = { id: 'member-0', overlap: 'until_moved', at_most: '14d' };
  const { rotation } = dataOf<{ rotation: View }>(await app.call('rotate_telephony_credential', args));
  new Phone(sandbox.world, { ip: '198.51.100.7' }).register(rotation.successor.sip_username);
  for (let looks = 0; looks < 13; looks += 1) {
    await app.call('continue_rotation', { id: rotation.id });
    past += 115 * MINUTE;
  }
  past = undefined;
  return { sandbox, id: rotation.id, stateDir };
}

const endOf = ({ world }: Sandbox): number => Date.parse(`${world.telephony.get('member-0')?.expires_at}Z`);

type Place = { disk: number } | { when: 'before' | 'after' } | { count: string };

/** Has a server look once more and kills it on the way, then another one go on; gives what that shows. */
async function killedAt(place: Place): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'telnyx-mcp-moved-'));
  const { sandbox, id, stateDir } = await almostOver(home);
  try {
    const env = {
      TELNYX_API_KEY: sandbox.apiKey,
      TELNYX_BASE_URL: sandbox.baseUrl,
      TELNYX_MCP_STATE_DIR: stateDir,
      ...('disk' in place && { DIE_AFTER: String(place.disk) }),
      ...('count' in place && { COUNT_INTO: place.count }),
    };
    {
      await using server = await startProcess({ imports: [DIE_AT], env });
      const kill = () => server.child.kill('SIGKILL');
      if ('when' in place) sandbox.fault({ method: 'PATCH', hang: place.when, when: kill });
      await server.call('continue_rotation', { id }).catch(() => undefined);
      sandbox.clearFaults();
    }
    if ('count' in place) return;
    await using app = await startApp({ account: sandbox, person: yes, config: { stateDir } });
    await app.call('continue_rotation', { id });
    const [view] = dataOf<{ rotations: View[] }>(await app.call('get_rotation', { id })).rotations;
    expect(view?.left).toEqual(['delete the old one']);
    expect(endOf(sandbox)).toBe(Date.parse(`${view?.retires_at}`));
    expect(endOf(sandbox)).toBeLessThanOrEqual(Date.now() + HOUR + 1000);
    expect(endOf(sandbox)).toBeGreaterThan(Date.now());
    expect(verifyJournal(stateDir).findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  } finally {
    await sandbox.close();
    rmSync(home, { recursive: true, force: true });
  }
}

test('a server killed anywhere in the look that ends an old credential leaves a rotation that goes on', async () => {
  const home = mkdtempSync(join(tmpdir(), 'telnyx-mcp-moved-'));
  const count = join(home, 'count');
  await killedAt({ count });
  const disk = Number(readFileSync(count, 'utf8'));
  rmSync(home, { recursive: true, force: true });
  process.stdout.write(`the last look: ${disk} things done to the disk\n`);
  expect(disk).toBeGreaterThan(5);
  const places: Place[] = [
    ...Array.from({ length: disk }, (_, index) => ({ disk: index + 1 })),
    { when: 'before' },
    { when: 'after' },
  ];
  const one = async (): Promise<void> => {
    for (let place = places.shift(); place; place = places.shift()) {
      const at = JSON.stringify(place);
      await killedAt(place).catch((error: unknown) => {
        throw new Error(`killed at ${at}: ${error}`, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
});
