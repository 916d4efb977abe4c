import { ToolError } from '../src/core/errors.ts';
import type { Journal } from '../src/jobs/journal.ts';
import { entryOf, type Slot } from '../src/secrets/destination.ts';
import type { Vault } from '../src/secrets/vault.ts';
import { MemoryJournal } from './memory-journal.ts';
import type { Process } from './rotation-model.ts';

/** The journal as a process sees it; what it keeps outlives the process, its leases do not. */
export function journalOf(process: Process): Journal {
  const { memory } = process.universe;
  const journal = new MemoryJournal(memory, () => process.universe.now(), process.name);
  return {
    async append(...record) {
      const fault = await process.reach('append');
      if (fault === 'fail') throw new ToolError('CONFIGURATION', 'The disk is full.', 'Make room.');
      const kept = await journal.append(...record);
      process.recorded = kept;
      if (kept.event.type === 'done' && process.amid && process.amid.after-- === 0) process.amid.happen();
      if (fault === 'crash-after') process.crash();
      return kept;
    },
    async job(id) {
      process.alive();
      return journal.job(id);
    },
    async about(credential) {
      process.alive();
      return journal.about(credential);
    },
    open: () => journal.open(),
    finished: (from, limit) => journal.finished(from, limit),
    async condense(id, lease) {
      process.alive();
      return journal.condense(id, lease);
    },
    async lease(name) {
      process.alive();
      return journal.lease(name);
    },
  };
}

/** The one destination of secrets here: it proves itself and may fail, as the real ones do. */
export function vaultOf(process: Process): Vault {
  const { kept } = process.universe;
  const failure = () => new ToolError('CONFIGURATION', 'The vault cannot be written.', 'Make it writable.');
  return {
    to: 'vault',
    many: true,
    label: 'the vault',
    find: (name) => (kept.has(name) ? name : undefined),
    reserveCopy: () => Promise.reject(new Error('nothing goes anywhere else')),
    async reserve(): Promise<Slot> {
      if ((await process.reach('reserve')) === 'fail') throw failure();
      return {
        async keep(handover) {
          const fault = await process.reach('keep');
          if (fault === 'fail') throw failure();
          kept.set(handover.name, entryOf(handover));
          if (fault === 'crash-after') process.crash();
          return { destination: 'vault', place: handover.name };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}
