import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyJournal } from '../../src/jobs/journal-verify.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { dataOf, type Started, startApp, yes } from '../app.ts';
import { appleMaterial } from '../material.ts';
import { type ServerProcess, startProcess } from '../process.ts';

const DIE_AT = new URL('./die-at.mjs', import.meta.url).href;
const AT_ONCE = 3;

const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-crash-'));
const files = { certificate_file: join(folder, 'voip.pem'), private_key_file: join(folder, 'voip.key') };
beforeAll(async () => {
  const { certificate, key } = await appleMaterial();
  writeFileSync(files.certificate_file, certificate);
  writeFileSync(files.private_key_file, key);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface View {
  id: string;
  state: string;
  successor?: { id: string };
  retires_at: string | null;
  secret?: { destination: string; place: string };
}

/** One account with one state folder, and server processes that come and go. */
class Scene implements AsyncDisposable {
  readonly home = mkdtempSync(join(folder, 'scene-'));
  readonly env = join(this.home, '.env');
  readonly sandbox: Sandbox;
  readonly oldId: string;
  readonly rotate: Call;
  readonly before: unknown;

  constructor(sandbox: Sandbox, kind: Kind) {
    this.sandbox = sandbox;
    const { world } = sandbox;
    const telephony = [...world.telephony.values()].find((row) => !world.isExpired(row) && row.expires_at > '2040');
    const push = [...world.push.values()].find((row) => row.alias === 'acme-dialer-ios');
    this.oldId = `${(kind === 'push' ? push : telephony)?.id}`;
    const overlap = kind === 'leak' ? '0' : '30m';
    const delivered = { overlap, tag: 'team-a', deliver_to: `file:${this.env}` };
    const name = kind === 'push' ? 'rotate_mobile_push_credential' : 'rotate_telephony_credential';
    this.rotate = { name, args: { id: this.oldId, ...(kind === 'push' ? files : delivered) } };
    this.before = this.account();
  }

  account() {
    const { telephony, push, connections } = this.sandbox.world;
    return {
      telephony: [...telephony.values()].map(({ id, expires_at }) => [id, expires_at.slice(0, 19)]).sort(),
      push: [...push.keys()].sort(),
      connections: [...connections.values()].map((row) => [row.id, row.ios_push_credential_id]).sort(),
    };
  }

  server(env: Record<string, string> = {}): Promise<ServerProcess> {
    return startProcess({
      imports: [DIE_AT],
      elicit: (params) => {
        const { properties } = (params as { requestedSchema: { properties: Record<string, { description: string }> } })
          .requestedSchema;
        const { phrase } = properties;
        const content = phrase ? { phrase: phrase.description.replace('Type: ', '') } : { confirm: true };
        return { action: 'accept', content };
      },
      env: {
        TELNYX_API_KEY: this.sandbox.apiKey,
        TELNYX_BASE_URL: this.sandbox.baseUrl,
        TELNYX_MCP_STATE_DIR: join(this.home, 'state'),
        TELNYX_MCP_ALLOW_DIRS: this.home,
        ...env,
      },
    });
  }

  /** Has a server do one thing and kills it on the way: after so many things done to the disk, or at a request. */
  async killed(
    { name, args }: Call,
    at: { disk: number } | { full: number } | { request: number; when: 'before' | 'after' },
  ): Promise<void> {
    await using server = await this.server(
      'disk' in at ? { DIE_AFTER: String(at.disk) } : 'full' in at ? { FULL_FROM: String(at.full) } : {},
    );
    if ('request' in at) {
      let seen = 0;
      const due = ({ method }: { method: string }) => {
        if (method === 'GET' || seen++ !== at.request) return false;
        server.child.kill('SIGKILL');
        return true;
      };
      this.sandbox.fault({ hang: at.when, when: due });
    }
    await server.call(name, args).catch(() => undefined);
    this.sandbox.clearFaults();
  }

  /** How many requests of a call change the account and how many things it does to the disk, when nobody kills it. */
  async costOf({ name, args }: Call): Promise<{ requests: number; disk: number }> {
    const before = this.sandbox.requests.length;
    const count = join(this.home, 'count');
    await using server = await this.server({ COUNT_INTO: count });
    const { isError, content } = await server.call(name, args);
    if (isError) throw new Error(JSON.stringify(content));
    const requests = this.sandbox.requests.slice(before).filter(({ method }) => method !== 'GET').length;
    return { requests, disk: Number(readFileSync(count, 'utf8')) };
  }

  /** Another process, this one, on the same account and state folder. */
  next(): Promise<Started> {
    const config = { stateDir: join(this.home, 'state'), allowDirs: [this.home] };
    return startApp({ account: this.sandbox, person: yes, config });
  }

  async rotation(app: Started): Promise<View | undefined> {
    return dataOf<{ rotations: View[] }>(await app.call('get_rotation')).rotations[0];
  }

  /** Goes on, as an agent would, until the rotation is at rest. */
  async settle(begin: Call): Promise<View> {
    await using server = await this.next();
    for (let round = 0; round < 8; round += 1) {
      const view = await this.rotation(server);
      const going = view && ['in_progress', 'rolling_back'].includes(view.state);
      if (going) await server.call('continue_rotation', { id: view.id });
      else if (!view || (begin.name === 'roll_back_rotation' && view.state !== 'rolled_back'))
        await server.call(begin.name, { ...begin.args, ...(view && { id: view.id }) });
      else return view;
    }
    throw new Error(`never at rest: ${JSON.stringify(await this.rotation(server))}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

interface Call {
  name: string;
  args: object;
}

type Kind = 'telephony' | 'leak' | 'push';

async function scene(kind: Kind): Promise<Scene> {
  const sandbox = await startSandbox();
  await sandbox.world.ready;
  return new Scene(sandbox, kind);
}

async function costOf(kind: Kind, call: (scene: Scene) => Promise<Call>) {
  await using app = await scene(kind);
  return await app.costOf(await call(app));
}

/** Runs `body` for every place a call can be killed at, some at once. */
async function atEveryPlace(
  kind: Kind,
  call: (scene: Scene) => Promise<Call>,
  body: (scene: Scene, kill: () => Promise<void>) => Promise<void>,
) {
  const cost = await costOf(kind, call);
  process.stdout.write(`${kind}: ${cost.requests} requests, ${cost.disk} things done to the disk\n`);
  const places = [
    ...Array.from({ length: cost.disk }, (_, index) => ({ disk: index + 1 })),
    ...Array.from({ length: cost.requests }, (_, request) => [
      { request, when: 'before' as const },
      { request, when: 'after' as const },
    ]).flat(),
  ];
  await each(kind, call, places, body);
}

/** Runs `body` for each of some troubles that a call can have. */
async function each(
  kind: Kind,
  call: (scene: Scene) => Promise<Call>,
  places: Parameters<Scene['killed']>[1][],
  body: (scene: Scene, kill: () => Promise<void>) => Promise<void>,
) {
  const one = async (): Promise<void> => {
    for (let place = places.shift(); place; place = places.shift()) {
      const at = place;
      await using app = await scene(kind);
      const killed = await call(app);
      await body(app, () => app.killed(killed, at)).catch((error: unknown) => {
        throw new Error(`in trouble at ${JSON.stringify(at)}: ${error}`, { cause: error });
      });
      const { findings } = verifyJournal(join(app.home, 'state'));
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

function expectRotated({ sandbox: { world }, oldId, env }: Scene, kind: Kind, view: View): void {
  const successor = `${view.successor?.id}`;
  if (kind === 'push') {
    const made = [...world.push.values()].filter(({ alias }) => alias.startsWith('acme-dialer-ios-2'));
    expect(made.map(({ id }) => id)).toEqual([successor]);
    const users = [...world.connections.values()].map((row) => row.ios_push_credential_id);
    expect(users.filter((id) => id === successor)).toHaveLength(2);
    expect(users).not.toContain(oldId);
    expect(world.push.has(oldId)).toBe(true);
    return;
  }
  const made = [...world.telephony.values()].filter(({ tag }) => tag === 'team-a' || tag?.startsWith('mcp_rotation'));
  expect(made.map(({ id, tag }) => [id, tag])).toEqual([[successor, 'team-a']]);
  expect(readFileSync(env, 'utf8')).toContain(`TELNYX_SIP_PASSWORD=${made[0]?.sip_password}`);
  const old = world.telephony.get(oldId);
  if (kind === 'leak') expect(old).toBeUndefined();
  else expect(`${old?.expires_at}`.slice(0, 19)).toBe(view.retires_at?.slice(0, 19));
}

test.each(['telephony', 'leak', 'push'] as const)(
  'a server killed anywhere in a rotation (%s) leaves one that goes on',
  async (kind) => {
    await atEveryPlace(
      kind,
      async (app) => app.rotate,
      async (app, kill) => {
        await kill();
        expectRotated(app, kind, await app.settle(app.rotate));
      },
    );
  },
);

test.each(['leak', 'push'] as const)(
  'a disk that is full from anywhere in a rotation (%s) on leaves one that goes on when there is room',
  async (kind) => {
    const begin = async (app: Scene) => app.rotate;
    const { disk } = await costOf(kind, begin);
    const places = Array.from({ length: disk }, (_, index) => ({ full: index + 1 }));
    await each(kind, begin, places, async (app, fill) => {
      await fill();
      const view = await app.settle(app.rotate);
      // It may have gone to the vault, which had kept room for it.
      if (kind === 'leak' && view.secret?.destination === 'vault') copyFileSync(`${view.secret.place}`, app.env);
      const { sip_password } = app.sandbox.world.telephony.get(`${view.successor?.id}`) ?? {};
      if (kind === 'leak') expect(readFileSync(app.env, 'utf8')).toContain(sip_password);
      else expectRotated(app, kind, view);
    });
  },
);

test.each(['telephony', 'push'] as const)(
  'a server killed anywhere in a rollback (%s) leaves one that ends where it all began',
  async (kind) => {
    await atEveryPlace(
      kind,
      async (app) => {
        const { id } = await app.settle(app.rotate);
        return { name: 'roll_back_rotation', args: { id } };
      },
      async (app, kill) => {
        const before = app.before;
        await kill();
        const view = await app.settle({ name: 'roll_back_rotation', args: {} });
        expect(view.state).toBe('rolled_back');
        expect(app.account()).toEqual(before);
      },
    );
  },
);
