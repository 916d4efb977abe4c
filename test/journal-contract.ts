import { describe, expect, test } from 'vitest';
import type { Lease } from '../src/core/lease.ts';
import type { RotationEvent } from '../src/jobs/events.ts';
import { type By, type Entry, type Journal, newJob, newMember } from '../src/jobs/journal.ts';

/** A journal, and the same as another process has it. */
export interface Opened extends AsyncDisposable {
  journal: Journal;
  another(): Journal;
}

const BY: By = { actor: 'someone@here', host: 'api.telnyx.com', key: 'aaaa' };
const OTHER: By = { ...BY, actor: 'else@there', key: 'bbbb' };
const NOTE: RotationEvent = { type: 'given_up', note: 'enough' };
const old = (id: string) => ({
  ...{ id, name: null, connection_id: 'c', sip_username: null },
  ...{ expired: false, expires_at: null, stored_expiry: null },
});
const began = (id: string, fleet?: string): RotationEvent => ({
  ...{ type: 'began', kind: 'telephony', old: old(id), wish: { overlap: 60, prefix: 'X' } },
  ...(fleet !== undefined && { fleet }),
});
const fleetBegan: RotationEvent = { type: 'fleet_began', job: 'delete', members: 2 };
const step = (type: 'intent' | 'done', name: 'create' | 'verify', id?: string): RotationEvent => ({
  ...{ type, step: name },
  facts: id === undefined ? {} : { id },
});

async function leased(journal: Journal, name: string): Promise<Lease> {
  const lease = await journal.lease(name);
  if ('holder' in lease) throw new Error(`${name} is held by ${lease.holder}`);
  return lease;
}

/** Records events of one rotation or fleet, one after another. */
async function record(journal: Journal, id: string, ...events: RotationEvent[]): Promise<Entry[]> {
  await using lease = await leased(journal, `of-${id}`);
  const entries: Entry[] = [];
  for (const event of events) entries.push(await journal.append(id, event, lease, BY));
  return entries;
}

const eventsOf = async (journal: Journal, id: string): Promise<Entry['event'][]> =>
  ((await journal.job(id))?.of(id) ?? []).map(({ event }) => event);

/** Every journal must pass these tests, whatever it keeps its records in. */
export function journalContract(name: string, open: () => Promise<Opened>): void {
  describe(`a journal in ${name}`, () => {
    test('gives back what was recorded, in its order, with who, when and under which lease', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      const id = newJob(new Date());
      const lease = await leased(journal, 'one');
      await journal.append(id, began('old'), lease, BY);
      await journal.append(id, step('intent', 'create'), lease, OTHER);
      for (const seen of [journal, another()]) {
        const entries = (await seen.job(id))?.of(id) ?? [];
        expect(entries.map(({ n, rotation, by, token }) => ({ n, rotation, by, token }))).toEqual([
          { n: 0, rotation: id, by: BY, token: lease.token },
          { n: 1, rotation: id, by: OTHER, token: lease.token },
        ]);
        expect(entries.map(({ event }) => event)).toEqual([began('old'), step('intent', 'create')]);
        for (const { at } of entries) expect(new Date(at).toISOString()).toBe(at);
      }
    });

    test('knows nothing of an id that nothing was recorded of', async () => {
      await using opened = await open();
      expect(await opened.journal.job('unknown')).toBeUndefined();
      expect(await opened.journal.about('unknown')).toEqual([]);
      expect(await opened.journal.open()).toEqual([]);
      expect(await opened.journal.finished(0, 10)).toEqual({ jobs: [], more: false });
    });

    test('keeps the rotations of a fleet with it, and numbers them together without gaps', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      const fleet = newJob(new Date());
      const [a, b] = [newMember(fleet), newMember(fleet)];
      const lease = await leased(journal, fleet);
      await journal.append(fleet, fleetBegan, lease, BY);
      const many = Array.from({ length: 40 }, (_, index) =>
        journal.append(index % 2 ? a : b, index < 2 ? began(`member-${index}`, fleet) : NOTE, lease, BY),
      );
      const recorded = await Promise.all(many);
      expect(recorded.map(({ n }) => n).sort((x, y) => x - y)).toEqual(many.map((_, index) => index + 1));
      for (const id of [fleet, a, b]) {
        const job = await another().job(id);
        expect(job?.id).toBe(fleet);
        expect([...(job?.ids() ?? [])].sort()).toEqual([fleet, a, b].sort());
        expect(job?.of(a)).toHaveLength(20);
      }
    });

    test('leads from a credential to the rotations that replace it or made it', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      const [first, second] = [newJob(new Date()), newJob(new Date())];
      await record(journal, first, began('a'), step('done', 'create', 'b'));
      await record(journal, second, began('b'));
      for (const seen of [journal, another()]) {
        expect(await seen.about('a')).toEqual([{ credential: 'a', rotation: first, as: 'old' }]);
        expect(await seen.about('b')).toEqual([
          { credential: 'b', rotation: first, as: 'successor' },
          { credential: 'b', rotation: second, as: 'old' },
        ]);
      }
      // What another process adds is seen as well.
      const third = newJob(new Date());
      await record(another(), third, began('a'));
      expect((await journal.about('a')).map(({ rotation }) => rotation)).toEqual([first, third]);
    });

    test('sees at once what another process has recorded', async () => {
      await using opened = await open();
      const { journal } = opened;
      const other = opened.another();
      const id = newJob(new Date());
      await record(journal, id, began('old'));
      for (let round = 0; round < 4; round += 1) {
        await record(round % 2 ? journal : other, id, NOTE);
        for (const seen of [journal, other]) expect(await eventsOf(seen, id)).toHaveLength(round + 2);
      }
    });

    test('keeps of a finished job what its views need, and moves it behind those that are open', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      const ids = [1, 2, 3].map((hour) => newJob(new Date(Date.UTC(2026, 0, 1, hour))));
      const [first = '', second = '', third = ''] = ids;
      const tries = Array.from({ length: 5 }, () => step('intent', 'create'));
      for (const id of ids)
        await record(journal, id, began(`of ${id}`.replaceAll(' ', '-')), ...tries, step('done', 'create', 'made'));
      for (const id of [first, third]) {
        await using lease = await leased(journal, id);
        await journal.condense(id, lease);
      }
      for (const seen of [journal, another()]) {
        expect((await seen.open()).map(({ id }) => id)).toEqual([second]);
        expect((await seen.finished(0, 1)).jobs.map(({ id }) => id)).toEqual([third]);
        expect(await seen.finished(1, 1)).toMatchObject({ jobs: [{ id: first }], more: false });
        expect((await seen.finished(0, 1)).more).toBe(true);
        // The first and the last try.
        expect((await eventsOf(seen, first)).map(({ type }) => type)).toEqual(['began', 'intent', 'intent', 'done']);
      }
      expect(await journal.about('made')).toHaveLength(3);
    });

    test('opens a finished job again when more is recorded of it', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      const id = newJob(new Date());
      await record(journal, id, began('old'), step('intent', 'create'), step('done', 'create', 'made'));
      await using lease = await leased(journal, id);
      await journal.condense(id, lease);
      const { n } = await another().append(id, { type: 'rollback' }, lease, BY);
      expect(n).toBe(3);
      for (const seen of [journal, another()]) {
        expect((await eventsOf(seen, id)).at(-1)).toEqual({ type: 'rollback' });
        expect((await seen.open()).map((job) => job.id)).toEqual([id]);
        expect((await seen.finished(0, 10)).jobs).toEqual([]);
      }
    });

    test('gives a lease to one at a time, each with a higher token, and says who has it', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      let before = 0;
      for (const one of [journal, another(), journal]) {
        const lease = await leased(one, 'thing');
        expect(lease.token).toBeGreaterThan(before);
        before = lease.token;
        for (const other of [journal, another()]) {
          const held = await other.lease('thing');
          expect(held).toEqual({ holder: expect.any(String), until: expect.stringMatching(/^\d{4}-.+Z$/) });
        }
        await using _ = await leased(another(), 'another-thing');
        await lease[Symbol.asyncDispose]();
        await lease[Symbol.asyncDispose]();
      }
    });

    test('records nothing under a lease that was given back', async () => {
      await using opened = await open();
      const { journal } = opened;
      const id = newJob(new Date());
      const lease = await leased(journal, id);
      await journal.append(id, began('old'), lease, BY);
      await lease[Symbol.asyncDispose]();
      await expect(journal.append(id, NOTE, lease, BY)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await eventsOf(journal, id)).toEqual([began('old')]);
    });

    test('gives a lease to exactly one of many who want it', async () => {
      await using opened = await open();
      const { journal, another } = opened;
      let holders = 0;
      let taken = 0;
      const contender = async (mine: Journal): Promise<void> => {
        for (let round = 0; round < 30; round += 1) {
          const lease = await mine.lease('wanted');
          if ('holder' in lease) continue;
          expect(++holders).toBe(1);
          taken += 1;
          await new Promise(setImmediate);
          holders -= 1;
          await lease[Symbol.asyncDispose]();
        }
      };
      await Promise.all([journal, another(), another(), journal].map(contender));
      expect(taken).toBeGreaterThan(1);
    });
  });
}
