import { badInput, misconfigured } from '../core/errors.ts';
import { type Destination, entryOf, type Slot } from './destination.ts';

export const SERVICE = 'telnyx-credentials-mcp';
/** The entry of the API key: no secret may be delivered there, in whatever case a system compares names. */
export const API_KEY_ACCOUNT = 'api-key';

/** The keychain of the operating system: macOS Keychain, Windows Credential Manager, the Secret Service of Linux. */
export interface Keychain {
  get(service: string, account: string): string | undefined;
  set(service: string, account: string, value: string): void;
  remove(service: string, account: string): void;
}

/** The real one, loaded when it is first needed: without a secret service its native module is of no use to anyone. */
export async function systemKeychain(): Promise<Keychain> {
  const { Entry } = await import('@napi-rs/keyring');
  // Without this, Linux may quietly use the kernel's keyring, which forgets everything when the machine restarts.
  const entry = (service: string, account: string) =>
    new Entry(service, account, { linux: { store: 'secret-service' } });
  return {
    get: (service, account) => entry(service, account).getPassword() ?? undefined,
    set: (service, account, value) => entry(service, account).setPassword(value),
    remove: (service, account) => void entry(service, account).deletePassword(),
  };
}

/** Writes an entry of its own, reads it back and removes it. Throws when any of that does not work. */
export function probe(keychain: Keychain): void {
  const account = `(probe ${process.pid})`;
  keychain.set(SERVICE, account, 'probe');
  try {
    if (keychain.get(SERVICE, account) !== 'probe') throw new Error('it did not keep what it was given');
  } finally {
    keychain.remove(SERVICE, account);
  }
}

/** An entry `name` of the keychain, which gets the facts and secrets as one JSON text. */
export function keychainEntry(name: string, open: () => Promise<Keychain>): Destination {
  return {
    to: `keychain:${name}`,
    label: `the keychain entry ${name}, in place of what it holds`,
    async reserve() {
      if (name.trim().toLowerCase() === API_KEY_ACCOUNT) {
        throw badInput(`The keychain entry ${API_KEY_ACCOUNT} is that of the API key.`, 'Choose another name.');
      }
      try {
        const keychain = await open();
        const probe = `${name} (probe)`;
        keychain.set(SERVICE, probe, 'probe');
        keychain.remove(SERVICE, probe);
        return slotOf(keychain, name);
      } catch {
        throw misconfigured(
          'This machine has no keychain that can be written. Nothing was created.',
          'Have the person unlock or install one (on Linux a Secret Service such as gnome-keyring), or deliver to the vault.',
        );
      }
    },
  };
}

const slotOf = (keychain: Keychain, name: string): Slot => ({
  async keep(handover) {
    keychain.set(SERVICE, name, JSON.stringify(entryOf(handover)));
    return { destination: 'keychain', place: `${SERVICE}, ${name}` };
  },
  async [Symbol.asyncDispose]() {},
});
