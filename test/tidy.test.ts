import { expect, test } from 'vitest';
import type { Lease } from '../src/core/lease.ts';
import type { RotationEvent, StepName } from '../src/jobs/events.ts';
import { Jobs } from '../src/jobs/jobs.ts';
import { newJob } from '../src/jobs/journal.ts';
import { createFleets, tidy } from '../src/jobs/runner.ts';
import type { Work } from '../src/jobs/work.ts';
import type { Http } from '../src/telnyx/http.ts';
import { Memory, MemoryJournal } from './memory-journal.ts';

const BY = { actor: 'someone@here', host: 'api.telnyx.com', key: 'aaaa' };
const began: RotationEvent = {
  ...{ type: 'began', kind: 'telephony', wish: { overlap: 60, prefix: 'X' } },
  old: {
    ...{ id: 'old', name: 'phone', connection_id: 'c', sip_username: null },
    ...{ expired: true, expires_at: null, stored_expiry: null },
  },
};
// The rotation is of this very key: Telnyx is not asked whose it is.
const http = undefined as unknown as Http;

const done = (step: StepName): RotationEvent[] => [
  { type: 'intent', step, facts: {} },
  { type: 'done', step, facts: { id: 'new' } },
];

/** A journal in which somebody else does something right before a lease is had. */
class Overtaken extends MemoryJournal {
  before: () => Promise<unknown> = async () => undefined;
  override async lease(name: string) {
    await this.before();
    return super.lease(name);
  }
}

test.each([
  ['is condensed', undefined, 1],
  ['is left when somebody begins to roll it back before its lease is had', { type: 'rollback' } as const, 0],
])('a finished rotation %s', async (_, event, condensed) => {
  const now = () => new Date();
  const memory = new Memory();
  const journal = new Overtaken(memory, now);
  const id = newJob(now());
  const lease = (await new MemoryJournal(memory, now).lease('elsewhere')) as Lease;
  for (const one of [began, ...done('create'), ...done('deliver'), ...done('verify')])
    await journal.append(id, one, lease, BY);
  if (event) journal.before = () => journal.append(id, event, lease, BY);
  const account = async () => ({ ...BY, user: async () => undefined });
  await tidy({ jobs: new Jobs(journal, account, () => 'someone', http), now });
  expect(memory.finished.size).toBe(condensed);
});

/** A journal in which somebody does something once while it is tidied up. */
class Interrupted extends MemoryJournal {
  meanwhile: (() => void) | undefined;
  override async open() {
    this.meanwhile?.();
    this.meanwhile = undefined;
    return super.open();
  }
}

test('a rollback that is asked for when a fleet has just come to its end is carried out after it', async () => {
  const now = () => new Date();
  const journal = new Interrupted(new Memory(), now);
  const account = async () => ({ ...BY, user: async () => undefined });
  const jobs = new Jobs(journal, account, () => 'someone', http);
  const id = newJob(now());
  const wish = { overlap: 60, prefix: 'X', canary: 0, stop_after_failures: 1 };
  {
    await using lease = (await journal.lease(id)) as Lease;
    await jobs.note(id, { type: 'fleet_began', job: 'rotate', members: 1, wish }, lease);
    await jobs.note(id, { type: 'members', members: [{ id: 'old', connection_id: 'c', expires: null }] }, lease);
  }
  // Nobody was asked about its member: it is left alone, and nothing is asked of Telnyx.
  const work = { jobs, now, timeLeft: () => Number.POSITIVE_INFINITY } as unknown as Work;
  const fleets = createFleets(
    async () => work,
    () => undefined,
  );
  let back: Promise<void> | undefined;
  journal.meanwhile = () => {
    back = fleets.run(id, 'back', new Set());
  };
  await fleets.run(id, 'on', new Set());
  await back;
  const events = (await journal.job(id))?.of(id).map(({ event }) => event.type);
  expect(events?.slice(2)).toEqual(['resumed', 'skipped', 'rollback']);
  expect([fleets.isRunning(id), 'holder' in (await journal.lease(id))]).toEqual([false, false]);
});
