import { createHash, randomUUID } from 'node:crypto';
import { type Consent, createConsent } from '../src/core/consent.ts';
import type { Deps } from '../src/core/tool.ts';
import { type Rotation, rotationFrom } from '../src/jobs/item.ts';
import { Jobs } from '../src/jobs/jobs.ts';
import type { Entry } from '../src/jobs/journal.ts';
import { createLooks } from '../src/jobs/looks.ts';
import { World } from '../src/sandbox/world.ts';
import { Refusals } from '../src/telnyx/refusals.ts';
import { Memory } from './memory-journal.ts';
import type { Fault, Moment } from './rotation-faults.ts';
import { httpOf } from './rotation-http.ts';
import { journalOf, vaultOf } from './rotation-keeping.ts';

const START = Date.parse('2026-03-01T09:00:00.000Z');
const CALL_MS = 20_000;

/** The end of a process. Not a ToolError: nothing of ours may take it for an answer. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** A write that is about to reach the account. */
export interface Write {
  process: Process;
  method: string;
  path: string;
  body: Record<string, unknown>;
}

/** What crashes do not touch: the account, the clock, the journal, and the place secrets are kept at. */
export class Universe {
  time = START;
  readonly world = new World(
    'user',
    () => this.now(),
    async () => undefined,
  );
  readonly memory = new Memory();
  readonly kept = new Map<string, Record<string, string | null>>();
  readonly violations: string[] = [];
  /** The files that push material is given in, and what the person dropped at a page. */
  uploads: Deps['uploads'] = () => Promise.reject(new Error('no pages here'));
  watch: (write: Write) => void = () => undefined;
  /** Whether anything happened to the account that was not ours. */
  touched = false;
  /** The credentials whose tag was refused. */
  readonly untagged = new Set<string>();
  /** Every question a person ever said yes to. */
  readonly agreed: string[] = [];
  /** Two servers on one account and one journal; another takes the place of one that has died. */
  readonly processes: [Process, Process] = [new Process(this), new Process(this)];
  #late: { at: number; arrive: () => void }[] = [];

  now(): Date {
    return new Date(this.time);
  }

  /** Lets time go by; what was still on its way arrives. */
  pass(ms: number): void {
    const until = this.time + ms;
    for (const { at, arrive } of this.#late.filter((request) => request.at <= until).sort((a, b) => a.at - b.at)) {
      this.time = Math.max(this.time, at);
      arrive();
    }
    this.time = until;
    this.#late = this.#late.filter(({ at }) => at > until);
  }

  later(ms: number, arrive: () => void): void {
    this.#late.push({ at: this.time + ms, arrive });
  }

  rotations(): Rotation[] {
    return [...this.memory.entries.values()].flatMap((entries) => rotationFrom(entries) ?? []);
  }

  demand(holds: boolean, otherwise: string): void {
    if (!holds) this.violations.push(otherwise);
  }
}

/** A process of the server: what it remembers between calls, and the faults of the call it is at. */
export class Process {
  readonly universe: Universe;
  readonly name = `process ${randomUUID()}`;
  readonly consent: Consent;
  dead = false;
  /** What a person agreed to in this very call. */
  agreed: string | undefined;
  /** What this call recorded last. */
  recorded: Entry | undefined;
  writes = 0;
  /** What happens on the outside between two steps of this call, and before how many more of them. */
  amid: { after: number; happen: () => void } | undefined;
  /** What happens on the outside right before a reading reaches the account; told which one it is. */
  onRead: ((path: string) => Promise<void>) | undefined;
  #faults: readonly Fault[] = [];
  #counts: Partial<Record<Moment, number>> = {};

  constructor(universe: Universe) {
    this.universe = universe;
    this.consent = createConsent(() => universe.time);
  }

  begin(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#counts = {};
    this.agreed = undefined;
    this.recorded = undefined;
    this.writes = 0;
    this.amid = undefined;
  }

  /** Comes to a moment: what is to go wrong there. Rejects in a process that has died. */
  async reach(moment: Moment): Promise<Fault['kind'] | undefined> {
    await Promise.resolve();
    this.alive();
    const nth = this.#counts[moment] ?? 0;
    this.#counts[moment] = nth + 1;
    const kind = this.#faults.find((fault) => fault.on === moment && fault.nth === nth)?.kind;
    return kind === 'crash-before' ? this.crash() : kind;
  }

  /** Rejects in a process that has died. */
  alive(): void {
    if (this.dead) throw new Crash();
  }

  crash(): never {
    this.dead = true;
    const { leases } = this.universe.memory;
    for (const [name, { holder }] of leases) if (holder === this.name) leases.delete(name);
    throw new Crash();
  }

  deps(): Deps {
    const { universe } = this;
    const until = universe.time + CALL_MS;
    const vault = vaultOf(this);
    const http = httpOf(this, until);
    const account = async () => ({ host: 'api.telnyx.com', key: 'key', user: async () => undefined });
    return {
      http,
      refusals: new Refusals(),
      vault,
      destinations: async () => vault,
      uploads: () => universe.uploads(),
      folders: { workingFolder: '/', allowDirs: ['/'], stateDir: '/nowhere' },
      cursors: { seal: (_, offset) => String(offset), open: () => 0 },
      jobs: new Jobs(journalOf(this), account, () => 'someone', http),
      fingerprint: (secret) => secret && createHash('sha256').update(secret.reveal()).digest('hex').slice(0, 8),
      now: () => universe.now(),
      pause: async (ms) => {
        this.alive();
        universe.pass(ms);
      },
      timeLeft: () => until - universe.time,
      fleets: { run: async () => undefined, isRunning: () => false, close: async () => undefined },
      looks: createLooks(
        () => Promise.reject(new Crash()),
        () => undefined,
      ),
      progress: () => undefined,
    };
  }
}
