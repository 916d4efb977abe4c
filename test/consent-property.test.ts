import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, type Outcome, type Ways } from '../src/core/call.ts';
import type { Answer } from '../src/core/consent.ts';
import { ToolError } from '../src/core/errors.ts';
import type { ChangeTool, Deps, Proposal } from '../src/core/tool.ts';
import { createFleets } from '../src/jobs/runner.ts';
import { catalogue } from '../src/tools/index.ts';
import {
  deleting,
  deletingPush,
  type Grant,
  type Json,
  Looks,
  retiring,
  rotating,
  rotatingPush,
  undoing,
  updating,
} from './consent-oracle.ts';
import { type Material, makeMaterial } from './rotation-material.ts';
import type { Process, Write } from './rotation-model.ts';
import { PushUniverse } from './rotation-push-model.ts';
import { withoutWaiting } from './rotation-waiting.ts';

// Random calls, worlds that change before any reading, answers of every kind and replays: nothing reaches the account
// that was not in a binding somebody said yes to. FC_RUNS, FC_SEED and FC_PATH as in rotation-property.test.ts.

const { FC_RUNS, FC_SEED, FC_PATH } = process.env;
const RUNS = Number(FC_RUNS ?? 250);
const SEED = Number(FC_SEED ?? 20261126);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let material: Material;
let current: PushUniverse | undefined;
let wait: () => void;
beforeAll(() => {
  material = makeMaterial();
  wait = withoutWaiting(() => current);
});
afterAll(() => {
  wait();
  material.remove();
});

const CREDENTIALS = { forever: 8035, ninety: 90, soon: 1, spent: -1 };

/** An account with credentials of both kinds, and what was agreed to in it. */
class Account extends PushUniverse {
  readonly looks = new Looks(this);
  grants: Grant[] = [];
  /** What rotations were begun for, by their id: what their yes carries on. */
  readonly begun = new Map<string, Json>();

  constructor() {
    super(material);
    const created = new Date(this.time - 30 * DAY).toISOString().slice(0, 19);
    for (const [id, days] of Object.entries(CREDENTIALS)) {
      const expires = days > 8000 ? created.replace('2026', '2048') : this.inDays(days);
      this.world.telephony.set(id, {
        ...{ id, record_type: 'credential', name: id, resource_id: 'connection:web', user_id: 'user' },
        ...{ sip_username: `sip-${id}`, sip_password: `password-${id}`, expired: false },
        ...{ expires_at: expires, created_at: created, updated_at: created },
      });
    }
    this.watch = (write) =>
      this.demand(
        // Each of them takes note of what it allows.
        this.grants.filter((grant) => grant.allows(write)).length > 0,
        `${write.method} ${write.path} ${JSON.stringify(write.body).slice(0, 200)} was in no binding that was agreed to`,
      );
  }

  inDays = (days: number): string => new Date(this.time + days * DAY + 333_000).toISOString().slice(0, 19);
}

/** Something that someone else does to the account. */
interface Change {
  toString(): string;
  happen(account: Account): void;
}
const change = (text: string, happen: (account: Account) => void): Change => ({ toString: () => text, happen });

const who = fc.constantFrom(...Object.keys(CREDENTIALS), 'successor');
const telephonyOf = ({ world, rotations }: Account, name: string) => {
  const successor = rotations
    .call(current as Account)
    .flatMap(({ steps }) => steps.get('create')?.done?.facts.id ?? [])[0];
  return world.telephony.get(name === 'successor' ? (successor ?? '') : name);
};
const changes: fc.Arbitrary<Change> = fc.oneof(
  who.map((id) =>
    change(`${id} is moved`, (account) => {
      const row = telephonyOf(account, id);
      if (row) row.resource_id = row.resource_id === 'connection:web' ? 'connection:app' : 'connection:web';
    }),
  ),
  fc.tuple(who, fc.constantFrom(0.01, 5, 400)).map(([id, days]) =>
    change(`${id} ends in ${days}d`, (account) => {
      const row = telephonyOf(account, id);
      if (row) row.expires_at = account.inDays(days);
    }),
  ),
  who.map((id) =>
    change(`${id} is renamed`, (account) => Object.assign(telephonyOf(account, id) ?? {}, { name: 'x' })),
  ),
  who.map((id) =>
    change(`${id} is gone`, (account) => account.world.telephony.delete(telephonyOf(account, id)?.id ?? '')),
  ),
  fc.tuple(fc.constantFrom('web', 'app', 'trunk', 'sbc'), fc.constantFrom('ios', 'spare', 'none')).map(([id, to]) =>
    change(`${id} points to ${to}`, (account) => {
      const row = account.world.connections.get(id);
      if (row) row.ios_push_credential_id = to === 'none' ? null : account.find(to);
    }),
  ),
  fc.constant(change('the files are exchanged', () => material.replace())),
  fc
    .constantFrom('ios', 'spare')
    .map((alias) => change(`${alias} is gone`, (account) => account.world.push.delete(account.find(alias)))),
  fc.constant(change('its alias is taken', (account) => account.add(account.find('nobody'), 'renewed', true, 0))),
);

const TOOLS = {
  delete_telephony_credential: (n: string) => ({ id: n }),
  update_telephony_credential: (n: string, account: Account) => ({
    id: n,
    connection_id: 'app',
    name: 'new',
    expires_at: `${account.inDays(3)}Z`,
  }),
  rename: (n: string) => ({ id: n, name: 'renamed', tag: 'team' }),
  rotate_telephony_credential: (n: string) => ({ id: n, overlap: '30m', tag: 'team' }),
  leak: (n: string) => ({ id: n, overlap: '0' }),
  rotate_telephony_credentials: () => ({ connection_id: 'web', overlap: '0', canary: 0 }),
  overlapping: () => ({ older_than: '1d', overlap: '24h' }),
  delete_expired_telephony_credentials: () => ({}),
  delete_mobile_push_credential: (_: string, account: Account) => ({ id: account.find('spare') }),
  rotate_mobile_push_credential: (_: string, account: Account) => ({
    id: account.find('ios'),
    alias: 'renewed',
    ...material.paths('ios', 1),
  }),
  hand_off_secret: (n: string) => ({ id: n, kind: 'telephony' }),
  continue_rotation: (_: string, account: Account) => ({ id: [...account.memory.entries.keys()].at(-1) ?? 'none' }),
  roll_back_rotation: (_: string, account: Account) => ({ id: [...account.memory.entries.keys()].at(-1) ?? 'none' }),
};
const ALIASES: Record<string, string> = {
  rename: 'update_telephony_credential',
  leak: 'rotate_telephony_credential',
  overlapping: 'rotate_telephony_credentials',
};
type Name = keyof typeof TOOLS;

const ON_ROTATIONS = ['continue_rotation', 'roll_back_rotation'] as const;

interface Play {
  tool: Name;
  on: string;
  /** Whether it resumes, or calls again. */
  inside: boolean;
  says: ('yes' | 'no' | 'wrong' | 'nothing' | 'late')[];
  /** Before which reading, counted over the whole call, someone else does what; below 0 before which answer. */
  changes: [before: number, change: Change][];
  replays: ('again' | 'resume' | 'forged' | 'elsewhere')[];
  passes: number;
}
const play: fc.Arbitrary<Play> = fc.record({
  tool: fc.constantFrom(...(Object.keys(TOOLS) as Name[]), ...ON_ROTATIONS, ...ON_ROTATIONS),
  on: fc.constantFrom(...Object.keys(CREDENTIALS)),
  inside: fc.boolean(),
  says: fc.array(fc.constantFrom('yes', 'yes', 'yes', 'yes', 'no', 'wrong', 'nothing', 'late'), {
    minLength: 1,
    maxLength: 3,
  }),
  changes: fc.array(fc.tuple(fc.oneof(fc.constant(-1), fc.integer({ min: -2, max: 14 })), changes), { maxLength: 2 }),
  replays: fc.array(fc.constantFrom('again', 'resume', 'forged', 'elsewhere'), { maxLength: 2 }),
  passes: fc.constantFrom(0, 0, 5, 31, 1500),
});

/** One server at an account: its calls, with what a person said to which binding. */
class Server {
  readonly account: Account;
  readonly process: Process;
  readonly ways: Ways;
  /** Bindings that were said yes to and not yet acted on, and the one that was asked about last. */
  readonly agreed = new Set<string>();
  asked = '';
  readonly fleets = createFleets(
    async () => this.deps(Number.POSITIVE_INFINITY),
    () => undefined,
  );

  constructor(account: Account) {
    this.account = account;
    [this.process] = account.processes;
    const pages = () => Promise.reject(new Error('no pages here'));
    this.ways = { confirm: 'ask', preamble: '', consent: this.process.consent, pages };
  }

  deps(left?: number): Deps {
    const { fleets } = this;
    return { ...this.process.deps(), fleets, ...(left !== undefined && { timeLeft: () => left }) };
  }

  call = (tool: ChangeTool, args: object, answer?: Answer): Promise<Outcome> =>
    call(tool, args, answer, async () => this.deps(), this.ways);

  /** The tool, whose proposals and runs are watched. */
  watch(tool: ChangeTool): ChangeTool {
    return {
      ...tool,
      propose: async (args, deps) => {
        const proposal = await tool.propose(args, deps);
        if ('instead' in proposal || !proposal.question) return proposal;
        const { question } = proposal;
        const told = () => {
          this.asked = JSON.stringify(proposal.binding);
          return question();
        };
        return { ...proposal, question: told };
      },
      run: async (proposal, deps) => {
        const yes = this.agreed.delete(JSON.stringify(proposal.binding));
        this.account.demand(!proposal.question || yes, `${tool.name} runs what nobody said yes to`);
        this.account.grants.push(...this.grantsOf(tool.name, proposal, yes));
        const result = await tool.run(proposal, deps);
        const { id } = (result.rotation ?? {}) as { id?: string };
        if (id !== undefined && !this.account.begun.has(id)) this.account.begun.set(id, proposal.binding);
        return result;
      },
    };
  }

  grantsOf(name: string, proposal: Proposal & { members?: Json[]; ids?: string[] }, yes: boolean): Grant[] {
    const { account } = this;
    const { looks } = account;
    const bound: Json = proposal.binding;
    switch (name) {
      case 'delete_telephony_credential':
        return [deleting(bound.old, looks)];
      case 'update_telephony_credential':
        return [updating(bound.old, JSON.parse(JSON.stringify(bound.wanted)), looks, yes)];
      case 'rotate_telephony_credential':
        return rotating(account, looks, bound.old, bound.wish, bound.life_in_seconds);
      case 'delete_mobile_push_credential':
        return [deletingPush(bound.id, bound.users, looks)];
      case 'rotate_mobile_push_credential':
        return [rotatingPush(account, looks, bound.old, bound.wish)];
      case 'rotate_telephony_credentials':
        return (proposal.members ?? []).flatMap((member) => this.ofMember(member, bound.wish));
      case 'delete_expired_telephony_credentials':
        return (proposal.members ?? []).map((member) => {
          const gone = deleting(asOld(member), looks);
          return { ...gone, allows: (write) => gone.allows(write) && looks.isExpired(member.id) };
        });
      case 'continue_rotation':
      case 'roll_back_rotation':
        return this.goingOn(bound, proposal.ids ?? [], yes);
      default:
        return [];
    }
  }

  /** A member's name and life are read at its turn: what was agreed to is who, where, and what becomes of it. */
  ofMember(member: Json, wish: Json): Grant[] {
    const { account } = this;
    const record = account.world.telephony.get(member.id);
    const ends = member.expires === null ? undefined : (member.expires - Date.parse(`${record?.created_at}Z`)) / 1000;
    const old = asOld(member);
    // What its list did not tell is not agreed to either: it is as its own row says then.
    const known = ({ body, ...write }: Write): Write => {
      const { expires_at, ...rest } = body;
      return { ...write, body: { ...rest, name: old.name, ...(member.expires !== null && { expires_at }) } };
    };
    return rotating(account, account.looks, old, wish, ends).map((grant) => ({
      ...grant,
      allows: (write) => grant.allows(write.method === 'POST' && 'tag' in write.body ? known(write) : write),
    }));
  }

  goingOn(
    { rotation: id, fleet, way, back, deletes, old, accepts, stands }: Json,
    ids: string[],
    yes: boolean,
  ): Grant[] {
    const { account } = this;
    const { looks } = account;
    if (fleet !== undefined) {
      const one = (member: string): Grant[] => {
        const rotation = account.rotations().find(({ old: known }) => known.id === member);
        const successor = rotation?.steps.get('create')?.done?.facts.id;
        return way === 'back' && rotation && successor ? [undoing(looks, rotation.old, successor)] : [];
      };
      return yes || way === 'on' ? ids.flatMap(one) : [];
    }
    const rotation = account.rotations().find((known) => known.id === id);
    if (!rotation) return [];
    if (back) return yes ? [undoing(looks, rotation.old, stands.successor)] : [];
    const ends: Grant[] = deletes && yes && old ? [deleting(old, looks)] : [];
    const gone: Grant[] = deletes && yes && rotation.kind === 'push' ? [deletingPush(rotation.old.id, [], looks)] : [];
    const overlap = rotation.kind === 'telephony' ? rotation.wish.overlap : 0;
    return [...ends, ...gone, ...(accepts && yes ? [retiring(account, looks, old, overlap)] : [])];
  }

  async settled(): Promise<void> {
    const running = () => [...this.account.memory.entries.keys()].some((id) => this.fleets.isRunning(id));
    for (let turns = 0; running() && turns < 20_000; turns += 1) await Promise.resolve();
  }
}

const asOld = ({ id, connection_id, expires }: Json) => {
  const ends = expires === null ? undefined : new Date(expires).toISOString();
  return { id, name: null, connection_id, expires_at: ends, stored_expiry: null };
};

async function perform(server: Server, { tool: name, on, inside, says, changes: due, replays }: Play): Promise<void> {
  const { account, process } = server;
  const found = catalogue.find((tool) => tool.name === (ALIASES[name] ?? name));
  if (found?.effect === 'read' || !found) throw new Error(`no tool ${name}`);
  const tool = server.watch(found);
  const args = TOOLS[name](on, account);
  let readings = 0;
  process.begin([]);
  process.onRead = async (path) => {
    for (const [before, { happen }] of due) if (before === readings) happen(account);
    readings += 1;
    account.looks.see(path);
  };
  const given: { answer: Answer; resume(answer: Answer): Promise<Outcome> }[] = [];
  let outcome = await server.call(tool, args);
  for (const said of says) {
    if (outcome.kind === 'result') break;
    const { state, question, resume } = outcome;
    if (said === 'nothing') break;
    if (said === 'late') account.pass(11 * MINUTE);
    const yes = said === 'yes' || said === 'late';
    const content =
      question.phrase === undefined
        ? { confirm: said !== 'wrong' }
        : { phrase: said === 'wrong' ? 'yes' : question.phrase };
    const answer: Answer = { state, action: said === 'no' ? 'decline' : 'accept', content };
    // Late counts as little as no.
    if (said === 'yes') server.agreed.add(server.asked);
    for (const [before, { happen }] of due) if (before === -given.length - 1) happen(account);
    account.looks.forget();
    given.push({ answer, resume });
    outcome = inside ? await resume(answer) : await server.call(tool, args, answer);
    if (yes && outcome.kind === 'result') server.agreed.clear();
  }
  server.agreed.clear();
  await server.settled();
  account.grants = account.grants.filter(({ once }) => !once);
  for (const replay of replays) {
    for (const { answer, resume } of given) {
      const forged = { ...answer, state: `${answer.state}x` };
      const [other] = catalogue.filter((one) => one.name === 'delete_telephony_credential');
      if (replay === 'resume') await resume(answer);
      else if (replay === 'elsewhere' && other && other.effect !== 'read')
        await server.call(server.watch(other), { id: 'ninety' }, answer);
      else await server.call(tool, args, replay === 'forged' ? forged : answer);
      await server.settled();
    }
  }
  process.onRead = undefined;
}

it('does nothing that was in no binding somebody agreed to', { timeout: 60_000 + RUNS * 200 }, async () => {
  const property = fc.asyncProperty(fc.array(play, { minLength: 1, maxLength: 7 }), async (plays) => {
    const account = new Account();
    current = account;
    const server = new Server(account);
    for (const one of plays) {
      await perform(server, one).catch((error: unknown) => {
        if (!(error instanceof ToolError)) throw error;
      });
      await server.settled();
      account.grants = account.grants.filter(({ once }) => !once);
      server.agreed.clear();
      account.pass(one.passes * MINUTE);
    }
    await server.fleets.close();
    current = undefined;
    expect(account.violations).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, ...(FC_PATH !== undefined && { path: FC_PATH }) });
});
