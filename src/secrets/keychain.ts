import { badInput, misconfigured } from '../core/errors.ts';
import { type Destination, entryOf, Unfit } from './destination.ts';

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

/** An entry `name` of the keychain, which gets the facts and secrets as one JSON text. `mac` gives digests of values. */
export function keychainEntry(name: string, open: () => Promise<Keychain>, mac: (text: string) => string): Destination {
  if (name.trim().toLowerCase() === API_KEY_ACCOUNT)
    throw badInput(`The keychain entry ${API_KEY_ACCOUNT} is that of the API key.`, 'Choose another name.');
  return {
    to: `keychain:${name}`,
    label: `the keychain entry ${name}`,
    async present() {
      const value = await open()
        .then((keychain) => keychain.get(SERVICE, name))
        // One that is locked or missing is said to be so before anything is created.
        .catch(() => undefined);
      return value === undefined ? undefined : { names: ['content'], digest: mac(value) };
    },
    async reserve(over) {
      const keychain = await proved(name, open);
      return {
        async keep(handover) {
          const before = keychain.get(SERVICE, name);
          const entry = JSON.stringify(entryOf(handover));
          if (before !== undefined && before !== entry && mac(before) !== over)
            throw new Unfit('something else was put there meanwhile');
          keychain.set(SERVICE, name, entry);
          if (keychain.get(SERVICE, name) !== entry) throw new Unfit('what was read back is something else');
          return { destination: 'keychain', place: `${SERVICE}, ${name}` };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

/** The keychain, after something was written to it. Throws `CONFIGURATION`. */
async function proved(name: string, open: () => Promise<Keychain>): Promise<Keychain> {
  try {
    const keychain = await open();
    const probe = `${name} (probe)`;
    keychain.set(SERVICE, probe, 'probe');
    keychain.remove(SERVICE, probe);
    return keychain;
  } catch {
    throw misconfigured(
      'This machine has no keychain that can be written. Nothing was created.',
      'Have the person unlock or install one (on Linux a Secret Service such as gnome-keyring), or deliver to the vault.',
    );
  }
}
