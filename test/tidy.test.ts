import { expect, test } from 'vitest';
import type { RotationEvent, StepName } from '../src/jobs/events.ts';
import { Jobs } from '../src/jobs/jobs.ts';
import { type Lease, newJob } from '../src/jobs/journal.ts';
import { tidy } from '../src/jobs/runner.ts';
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
