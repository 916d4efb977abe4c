import { hostname, userInfo } from 'node:os';
import { attempt } from '../core/basics.ts';
import { conflict, misconfigured, type ToolError } from '../core/errors.ts';
import type { Held, Lease } from '../core/lease.ts';
import { oneLine } from '../core/text.ts';
import type { Secret } from '../secrets/secret.ts';
import type { StateKey } from '../secrets/state-folder.ts';
import type { Http } from '../telnyx/http.ts';
import { getPushCredential } from '../telnyx/push-credentials.ts';
import { getTelephonyCredential, listTelephonyCredentials } from '../telnyx/telephony-credentials.ts';
import type { RotationEvent } from './events.ts';
import { type Item, type Rotation, rotationFrom, withEntry } from './item.ts';
import { type Job, jobFrom } from './job.ts';
import { damage, type Entry, GONE, type Journal, jobOf, type Part, type Recorded } from './journal.ts';

/**
 * The jobs of one account, in a journal that may hold those of others: these are neither shown nor gone on with. A job is
 * of an account when its host and either the fingerprint of its key or the user of its credentials are; another key may
 * also prove it by seeing a credential of it. What nobody can tell the account of, since it was altered, is everybody's.
 */
export class Jobs {
  readonly #journal: Journal;
  readonly #account: () => Promise<Account>;
  readonly #actor: () => string;
  readonly #http: Http;
  /** Asked for once a call, whatever comes of it: without the network it takes long to find out. */
  #user: Promise<string | undefined> | undefined;

  constructor(journal: Journal, account: () => Promise<Account>, actor: () => string, http: Http) {
    this.#journal = journal;
    this.#account = account;
    this.#actor = actor;
    this.#http = http;
  }

  /** The same for other requests, such as those of a job that outlasts its call. */
  with(http: Http): Jobs {
    return new Jobs(this.#journal, this.#account, this.#actor, http);
  }

  /**
   * A job by its id, or the rotation of a fleet's member by its own; undefined for an unknown one. Throws `CONFLICT` when it
   * is of another account, or nothing of a member can be shown.
   */
  async job(id: string): Promise<Job | undefined> {
    const recorded = await this.#own(id);
    const job = recorded && jobFrom(recorded, id);
    if (recorded?.wrong && !job) throw damage(recorded.id, recorded.wrong);
    return job;
  }

  /**
   * The rotations that replace a credential, or made it, in the order they began. An id is one credential's at one host,
   * whatever key asks. Throws `CONFLICT` when what was recorded of it cannot be relied on.
   */
  async of(credential: string, as: Part['as']): Promise<Rotation[]> {
    const { host } = await this.#account();
    const found: Rotation[] = [];
    for (const part of await this.#journal.about(credential)) {
      if (part.as !== as) continue;
      const job = await this.#journal.job(part.rotation);
      if (!job) throw damage(jobOf(part.rotation), GONE);
      const entries = job.of(part.rotation);
      if (job.wrong && (entries[0]?.by.host ?? host) === host) throw damage(job.id, job.wrong);
      const rotation = rotationFrom(entries);
      if (rotation && entries[0]?.by.host === host) found.push(rotation);
    }
    return found;
  }

  /** Whether a rotation made a credential, of whatever account. */
  async isSuccessor(credential: string): Promise<boolean> {
    return (await this.#journal.about(credential)).some(({ as }) => as === 'successor');
  }

  /** All that were not condensed, in no order. */
  async open(): Promise<Job[]> {
    return this.#ours(await this.#journal.open());
  }

  /** Those that were, the latest first, from a place on; `next` is the place to go on from when there are more. */
  async finished(from: number, limit: number): Promise<{ jobs: Job[]; next?: number }> {
    const jobs: Job[] = [];
    for (let place = from; ; ) {
      const wanted = limit - jobs.length;
      const page = await this.#journal.finished(place, wanted);
      jobs.push(...(await this.#ours(page.jobs)));
      place += wanted;
      if (!page.more) return { jobs };
      if (jobs.length >= limit) return { jobs, next: place };
    }
  }

  /** Records what happened to an item, and gives it with that. */
  async record<I extends Item>(item: I, event: RotationEvent, lease: Lease): Promise<I> {
    return withEntry(item, await this.note(item.id, event, lease));
  }

  /** Records what happened to a job, or that one begins. */
  async note(id: string, event: RotationEvent, lease: Lease): Promise<Entry> {
    const { host, key } = await this.#account();
    return this.#journal.append(id, event, lease, { actor: this.#actor(), host, key });
  }

  /** Condenses a job that nothing more is expected of. */
  condense(id: string, lease: Lease): Promise<void> {
    return this.#journal.condense(id, lease);
  }

  lease(name: string): Promise<Lease | Held> {
    return this.#journal.lease(name);
  }

  async #own(id: string): Promise<Recorded | undefined> {
    const job = await this.#journal.job(id);
    if (!job) return undefined;
    // A crash came between its name and its beginning.
    if (!job.wrong && job.of(job.id).length === 0) return undefined;
    if (!(await this.#isOurs(job)) && !(await this.#sees(job))) throw await this.#foreign(job);
    return job;
  }

  async #ours(recorded: readonly Recorded[]): Promise<Job[]> {
    const jobs: Job[] = [];
    for (const one of recorded) {
      const job = jobFrom(one);
      if (job && (await this.#isOurs(one))) jobs.push(job);
    }
    return jobs;
  }

  async #isOurs(job: Recorded): Promise<boolean> {
    const { host, key, user } = await this.#account();
    const entries = job.of(job.id);
    // Whose it is when its beginning was altered, nobody knows.
    if (job.wrong && entries.length === 0) return true;
    if (entries[0]?.by.host !== host) return false;
    if (entries.some(({ by }) => by.key === key)) return true;
    const owner = userOf(job);
    if (owner === undefined) return false;
    this.#user ??= user(this.#http);
    return (await this.#user) === owner;
  }

  /** Whether a credential of a job can be seen: their ids are no secret, but each is of one account. */
  async #sees(job: Recorded): Promise<boolean> {
    const { host } = await this.#account();
    if (job.of(job.id)[0]?.by.host !== host) return false;
    for (const id of [...job.ids()].slice(0, 2)) {
      const rotation = rotationFrom(job.of(id));
      if (!rotation) continue;
      const get = rotation.kind === 'push' ? getPushCredential : getTelephonyCredential;
      const ids = [rotation.old.id, rotation.steps.get('create')?.done?.facts.id];
      for (const one of ids) {
        if (one !== undefined && (await get(this.#http, one).catch(() => undefined))) return true;
      }
    }
    return false;
  }

  async #foreign(job: Recorded): Promise<ToolError> {
    const { by } = job.of(job.id)[0] ?? {};
    const { host } = await this.#account();
    const how = by?.host === host ? 'with another API key' : `at ${oneLine(`${by?.host}`)}`;
    return conflict(
      `${job.id} is of another account: ${oneLine(`${by?.actor}`)} began it ${how}. Nothing was changed.`,
      `Have the person start this server with the key of that account, ${by?.host === host ? 'or with a key that can see its credentials' : `and with its address (TELNYX_BASE_URL)`}; calls are about ${host} now.`,
    );
  }
}

/** Who a job's credentials belong to, where Telnyx told it. */
function userOf(job: Recorded): string | undefined {
  const event = job.of(job.id)[0]?.event;
  if (event?.type === 'fleet_began') return event.user_id;
  return event?.type === 'began' && 'user_id' in event.old ? event.old.user_id : undefined;
}

/** The account that calls are about. */
export interface Account {
  /** Of the API. */
  host: string;
  /** A fingerprint of the API key, under the key of the state folder. */
  key: string;
  /** Who Telnyx says its credentials belong to; undefined where it does not say, or cannot be asked. */
  user(http: Http): Promise<string | undefined>;
}

/** Takes the API's host, the key sent to it and that of the state folder; gives the account they are of. */
export function accountOf(host: string, apiKey: Secret, stateKey: StateKey): Account {
  let known: string | undefined;
  return {
    host,
    key: stateKey.mac('account', apiKey.reveal()).toString('hex').slice(0, 16),
    async user(http) {
      const found =
        known === undefined ? await listTelephonyCredentials(http, {}, FIRST).catch(() => undefined) : undefined;
      known ??= found?.rows[0]?.user_id ?? undefined;
      return known;
    },
  };
}

const FIRST = { offset: 0, limit: 1 };

/** Who records on this machine: a name for people, not a proof. */
export function localActor(): string {
  // Where a user has no name, such as in a container, the system throws.
  const name = attempt(() => userInfo().username) ?? `user ${process.getuid?.() ?? ''}`.trim();
  return oneLine(`${name}@${hostname()}`, 100);
}

/** The key, when the state folder keeps it. Throws `CONFIGURATION` when it would be gone with the process. */
export function keptKey(key: StateKey): StateKey {
  if (key.kept) return key;
  throw misconfigured(
    'The state folder cannot keep a key, so what rotations did cannot be recorded or relied on.',
    'Ask the person to make the state folder writable, or to set TELNYX_MCP_STATE_DIR to one that is, and to restart this server.',
  );
}
