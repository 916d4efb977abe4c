import { ToolError } from '../errors.ts';
import { type Delivery, type Destination, entryOf, type Handover, type Slot } from './destination.ts';

const SERVICE = 'telnyx-credentials-mcp';

/** The keychain of the operating system: macOS Keychain, Windows Credential Manager, the Secret Service of Linux. */
export interface Keychain {
  set(service: string, account: string, value: string): void;
  remove(service: string, account: string): void;
}

/** The real one, loaded when it is first needed: without a secret service its native module is of no use to anyone. */
export async function systemKeychain(): Promise<Keychain> {
  const { Entry } = await import('@napi-rs/keyring');
  return {
    set: (service, account, value) => new Entry(service, account).setPassword(value),
    remove: (service, account) => void new Entry(service, account).deletePassword(),
  };
}

/** An entry `name` of the keychain, which gets the facts and secrets as one JSON text. */
export function keychainEntry(name: string, open: () => Promise<Keychain>): Destination {
  return {
    label: `the keychain entry ${name}`,
    async reserve() {
      try {
        const keychain = await open();
        const probe = `${name} (probe)`;
        keychain.set(SERVICE, probe, 'probe');
        keychain.remove(SERVICE, probe);
        return new KeychainSlot(keychain, name);
      } catch {
        throw new ToolError(
          'CONFIGURATION',
          'This machine has no keychain that can be written. Nothing was created.',
          'Have the person unlock or install one (on Linux a Secret Service such as gnome-keyring), or deliver to the vault.',
        );
      }
    },
  };
}

class KeychainSlot implements Slot {
  readonly #keychain: Keychain;
  readonly #name: string;

  constructor(keychain: Keychain, name: string) {
    this.#keychain = keychain;
    this.#name = name;
  }

  async keep(handover: Handover): Promise<Delivery> {
    this.#keychain.set(SERVICE, this.#name, JSON.stringify(entryOf(handover)));
    return { destination: 'keychain', place: `${SERVICE}, ${this.#name}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
