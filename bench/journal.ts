import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Lease } from '../src/core/lease.ts';
import type { RotationEvent } from '../src/jobs/events.ts';
import { type Journal, newJob } from '../src/jobs/journal.ts';
import { openJournal } from '../src/jobs/journal-files.ts';
import { openStateKey } from '../src/secrets/state-folder.ts';
import { compare, interleave, ms, type Row } from './figures.ts';

const FINISHED = 10_000;
const REPETITIONS = 200;
const AT_ONCE = 50;
const BY = { actor: 'bench', host: 'api.telnyx.com', key: 'bench' };

const began = (id: string): RotationEvent => ({
  ...{ type: 'began', kind: 'telephony', wish: { overlap: 3600, prefix: 'X' } },
  old: {
    ...{ id, name: id, connection_id: 'c', sip_username: id },
    ...{ expired: false, expires_at: null, stored_expiry: null },
  },
});

const done = (step: 'create' | 'deliver' | 'verify' | 'retire' | 'delete', id?: string): RotationEvent => ({
  ...{ type: 'done', step },
  facts: id === undefined ? {} : { id },
});

/** What it costs to begin a rotation, and to look at one, in a journal with a past against one without. */
export async function journal(folder: string): Promise<Row[]> {
  const [empty, full] = ['empty', 'full'].map((name) => join(folder, `journal-${name}`));
  if (empty === undefined || full === undefined) throw new Error('no folders');
  mkdirSync(empty);
  mkdirSync(full);
  let made = 0;
  const maker = open(full);
  const finish = async (): Promise<void> => {
    while (made < FINISHED) {
      made += 1;
      await whole(maker, `old-${made}`, `new-${made}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, finish));
  let count = 0;
  // As a process that has just started does it: a journal of its own, nothing read yet.
  const begin = (stateDir: string) => async (): Promise<number> => {
    count += 1;
    const credential = `begun-${count}`;
    const started = performance.now();
    await beginOne(open(stateDir), credential);
    return performance.now() - started;
  };
  const runs = await interleave({ full: begin(full), empty: begin(empty) }, REPETITIONS);
  return [
    compare({
      what: `begin a rotation beside ${FINISHED} finished ones`,
      ours: runs.map((run) => run.full),
      against: 'beside none',
      theirs: runs.map((run) => run.empty),
      format: ms,
      bar: 1.5,
    }),
  ];
}

function open(stateDir: string): Journal {
  const key = openStateKey(stateDir);
  return openJournal(
    stateDir,
    () => key,
    () => new Date(),
  );
}

async function leaseOf(journal: Journal, name: string): Promise<Lease> {
  const lease = await journal.lease(name);
  if ('holder' in lease) throw new Error(`${lease.holder} has ${name}`);
  return lease;
}

/** Looks whether a credential is being rotated or was made by a rotation, and begins one. */
async function beginOne(journal: Journal, credential: string): Promise<string> {
  await using lease = await leaseOf(journal, credential);
  if ((await journal.about(credential)).length > 0) throw new Error('begun before');
  const id = newJob(new Date());
  await journal.append(id, began(credential), lease, BY);
  return id;
}

async function whole(journal: Journal, credential: string, successor: string): Promise<void> {
  const id = await beginOne(journal, credential);
  await using lease = await leaseOf(journal, credential);
  const steps = [
    done('create', successor),
    ...(['deliver', 'verify', 'retire', 'delete'] as const).map((step) => done(step)),
  ];
  for (const event of steps) await journal.append(id, event, lease, BY);
  await journal.condense(id, lease);
}
