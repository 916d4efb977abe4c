import { badInput } from '../core/errors.ts';
import { commandSink } from './command.ts';
import { type Destination, leadsElsewhere, type Slot } from './destination.ts';
import { jsonLines } from './json-lines.ts';
import { type Keychain, keychainEntry } from './keychain.ts';
import { type FileRules, projectFile } from './project-file.ts';
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
export type Destinations = (deliverTo: string | undefined, prefix: string) => Destination;

/** The destination that was proposed as `to`. Throws `CONFLICT` when that leads elsewhere by now. */
export function proposed(destinations: Destinations, to: string, prefix: string): Destination {
  const destination = destinations(to, prefix);
  if (destination.to !== to) throw leadsElsewhere(to, destination.to);
  return destination;
}

/** The destinations the operator's rules allow. Throws `BAD_INPUT` for a `deliver_to` of no known form. */
export function createDestinations(rules: Rules, { vault, keychain, browser }: Places): Destinations {
  return (deliverTo = rules.deliverTo, prefix) => {
    const [kind, ...rest] = deliverTo.split(':');
    const name = rest.join(':');
    if (deliverTo === 'vault') return vault;
    if (deliverTo === 'browser') return { to: 'browser', label: 'a page in the browser', reserve: browser };
    if (kind === 'file' && name.endsWith('.jsonl')) return backedBy(vault, jsonLines(name, rules));
    if (kind === 'file' && name) return backedBy(vault, projectFile(name, prefix, rules));
    if (kind === 'keychain' && /^[\w .@-]{1,64}$/.test(name)) return backedBy(vault, keychainEntry(name, keychain));
    if (kind === 'command' && /^[\w-]{1,64}$/.test(name)) return backedBy(vault, commandSink(name, rules));
    throw badInput('deliver_to must be one of: vault, browser, file:PATH, keychain:NAME, command:NAME.');
  };
}

/** A destination with the vault behind it: a secret that exists by now must have a place, should the hand-off fail. */
function backedBy(vault: Vault, destination: Destination): Destination {
  return {
    ...destination,
    async reserve() {
      const spare = await vault.reserve();
      const first = await destination.reserve().catch(async (error: unknown) => {
        await spare[Symbol.asyncDispose]();
        throw error;
      });
      return {
        async keep(handover) {
          try {
            return await first.keep(handover);
          } catch {
            const warning = `It could not be handed to ${destination.label}, so it is in the vault.`;
            return { ...(await spare.keep(handover)), warning };
          }
        },
        async [Symbol.asyncDispose]() {
          await first[Symbol.asyncDispose]();
          await spare[Symbol.asyncDispose]();
        },
      };
    },
  };
}
