import { badInput } from '../core/errors.ts';
import { type Destination, leadsElsewhere, type Slot, whyNot } from './destination.ts';
import type { Keychain } from './keychain.ts';
import type { FileRules } from './target.ts';
import type { Vault } from './vault.ts';

interface Rules extends FileRules {
  deliverTo: string;
  commandsFile: string | undefined;
}

interface Places {
  vault: Vault;
  keychain(): Promise<Keychain>;
  /** Reserves a page in the person's browser; loaded when it is first wanted. */
  browser(): Promise<Slot>;
}

/** The destination a `deliver_to` names; keys in files begin with `prefix`. */
export type Destinations = (deliverTo: string | undefined, prefix: string) => Promise<Destination>;

/** A place as it was proposed, with the digest of what may be replaced there. */
export interface Bound {
  to: string;
  prefix: string;
  digest_of_values_in_place?: string | undefined;
}

/** Reserves the place that was proposed. Throws `CONFLICT` when it leads elsewhere by now. */
export async function reserveProposed(destinations: Destinations, bound: Bound): Promise<Slot> {
  const destination = await destinations(bound.to, bound.prefix);
  if (destination.to !== bound.to) throw leadsElsewhere(bound.to, destination.to);
  return destination.reserve(bound.digest_of_values_in_place);
}

/** The destinations the operator's rules allow. Rejects with `BAD_INPUT` for a `deliver_to` of no known form. */
export function createDestinations(rules: Rules, { vault, keychain, browser }: Places): Destinations {
  return async (deliverTo = rules.deliverTo, prefix) => {
    const [kind, ...rest] = deliverTo.split(':');
    const name = rest.join(':');
    if (deliverTo === 'vault') return vault;
    if (deliverTo === 'browser') return { to: 'browser', label: 'a page in the browser', reserve: browser };
    if (kind === 'file' && name.endsWith('.jsonl')) {
      const { jsonLines } = await import('./json-lines.ts');
      return backedBy(vault, jsonLines(name, rules));
    }
    if (kind === 'file' && name) {
      const { projectFile } = await import('./project-file.ts');
      return backedBy(vault, projectFile(name, prefix, rules));
    }
    if (kind === 'keychain' && /^[\w .@-]{1,64}$/.test(name)) {
      const { keychainEntry } = await import('./keychain.ts');
      return backedBy(vault, keychainEntry(name, keychain, rules.mac));
    }
    if (kind === 'command' && /^[\w-]{1,64}$/.test(name)) {
      const { commandSink } = await import('./command.ts');
      return backedBy(vault, commandSink(name, rules));
    }
    throw badInput('deliver_to must be one of: vault, browser, file:PATH, keychain:NAME, command:NAME.');
  };
}

/**
 * A destination with the vault behind it: a copy is kept there before the secret is handed over, and goes when it was read
 * back from its place.
 */
function backedBy(vault: Vault, destination: Destination): Destination {
  return {
    ...destination,
    async reserve(over) {
      const spare = await vault.reserveCopy();
      const first = await destination.reserve(over).catch(async (error: unknown) => {
        await spare[Symbol.asyncDispose]();
        throw error;
      });
      return {
        async keep(handover) {
          // A vault that fails now is no reason not to hand over what has to go somewhere.
          const copy = await spare.keep(handover).catch((error: unknown) => ({ error }));
          const delivery = await first.keep(handover).catch((error: unknown) => ({ error }));
          if ('error' in delivery) {
            if ('error' in copy) throw copy.error;
            const warning = `It could not be handed to ${destination.label} (${whyNot(delivery.error)}), so it is in the vault.`;
            return { ...copy, warning };
          }
          if (delivery.unproven) {
            // An old credential may end on the strength of this.
            if ('error' in copy) throw copy.error;
            const warning = `Nobody has read it back from there, so a copy stays in the vault: ${copy.place}.`;
            return { ...delivery, warning };
          }
          await spare.forget().catch(() => undefined);
          return delivery;
        },
        async [Symbol.asyncDispose]() {
          await first[Symbol.asyncDispose]();
          await spare[Symbol.asyncDispose]();
        },
      };
    },
  };
}
