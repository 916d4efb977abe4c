import { ToolError } from '../src/errors.ts';
import { rotationEvent } from '../src/rotation/events.ts';
import { type Ledger, Records } from '../src/rotation/records.ts';
import { entryOf, type Slot } from '../src/secrets/destination.ts';
import type { Vault } from '../src/secrets/vault.ts';
import type { Process } from './rotation-model.ts';

/** The ledger as a process sees it; what it keeps outlives the process, its locks do not. */
export function ledgerOf(process: Process): Ledger {
  const { universe } = process;
  const { entries, locks } = universe;
  return {
    async append(entry) {
      const fault = await process.reach('append');
      if (fault === 'fail') throw new ToolError('CONFIGURATION', 'The disk is full.', 'Make room.');
      const before = entries.get(entry.rotation) ?? [];
      universe.demand(entry.n === before.length, `entry ${entry.n} after ${before.length} of them`);
      // As from a file: what the schema does not name is lost.
      const kept = { ...entry, event: rotationEvent.parse(JSON.parse(JSON.stringify(entry.event))) };
      entries.set(entry.rotation, [...before, kept]);
      process.recorded = kept;
      if (kept.event.type === 'done' && process.amid && process.amid.after-- === 0) process.amid.happen();
      if (fault === 'crash-after') process.crash();
    },
    async read() {
      process.alive();
      const records = new Records();
      for (const recorded of entries.values()) records.add(recorded);
      return records;
    },
    async lock(credential) {
      process.alive();
      if (locks.has(credential)) return undefined;
      locks.set(credential, process);
      const release = async () => {
        if (locks.get(credential) === process) locks.delete(credential);
      };
      return { [Symbol.asyncDispose]: release };
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
    forget: async (name) => void kept.delete(name),
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
