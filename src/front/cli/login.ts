import { badInput, misconfigured, ToolError } from '../../core/errors.ts';
import { tryKey } from '../../doctor/api.ts';
import { checkKey, keepKey } from '../../host/api-key.ts';
import { type Config, ConfigError } from '../../host/config.ts';
import { type Keychain, probe, systemKeychain } from '../../secrets/keychain.ts';
import type { Secret } from '../../secrets/secret.ts';
import { print, readHidden, type Terminal } from './terminal.ts';

const WITHIN_MS = 20_000;

/**
 * Asks for an API key, or reads it from a pipe, checks it against the API and keeps it in the keychain; gives 0. Throws
 * ToolError when any of that fails, and nothing is kept then.
 */
export async function login(
  _args: readonly string[],
  { baseUrl, sandbox, keyFrom }: Config,
  terminal: Terminal,
  open: () => Promise<Keychain> = systemKeychain,
): Promise<number> {
  if (sandbox !== undefined) throw new ConfigError('a sandbox needs no login');
  const { host } = new URL(baseUrl);
  const keychain = await usable(open);
  const text = await readHidden(`Telnyx API key for ${host} (it is not shown):`, terminal);
  if (text === undefined) throw new ToolError('CANCELLED', 'No key was given. Nothing was kept.', 'Run login again.');
  const apiKey = checkKey(text.trim());
  if (!apiKey)
    throw badInput('That is no API key. Nothing was kept.', 'Copy the key from the Telnyx portal and try again.');
  await check(apiKey, baseUrl, host);
  keep(keychain, apiKey, baseUrl);
  print(terminal.stdout, `${host} accepted the key. It is in the keychain of this machine, for ${host} only.`);
  if (keyFrom !== undefined) print(terminal.stderr, `Note: ${keyFrom} is set here, and is used instead of it.`);
  return 0;
}

/** The keychain, proved before a person types a key for nothing. */
async function usable(open: () => Promise<Keychain>): Promise<Keychain> {
  try {
    const keychain = await open();
    probe(keychain);
    return keychain;
  } catch {
    throw noKeychain();
  }
}

function keep(keychain: Keychain, apiKey: Secret, baseUrl: string): void {
  try {
    keepKey(keychain, apiKey, baseUrl);
  } catch {
    throw noKeychain();
  }
}

function noKeychain(): ToolError {
  return misconfigured(
    'This machine has no keychain that can be written. Nothing was kept.',
    'Unlock or install one (on Linux a Secret Service such as gnome-keyring), or write the key to a file of mode 0600 and set TELNYX_API_KEY_FILE to its path.',
  );
}

async function check(apiKey: Secret, baseUrl: string, host: string): Promise<void> {
  try {
    await tryKey(baseUrl, apiKey, WITHIN_MS);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    if (error.code === 'AUTHENTICATION') {
      throw new ToolError(
        error.code,
        `${host} does not accept this key. It was not kept.`,
        'Make one in the Telnyx portal, under API Keys, and log in with that.',
      );
    }
    if (error.code === 'PERMISSION') {
      throw new ToolError(
        error.code,
        `${host} knows this key, but it may not read credentials. It was not kept.`,
        'Give it wider rights in the Telnyx portal, or log in with another.',
      );
    }
    throw new ToolError(error.code, `${error.message} The key was not kept.`, 'Try again; doctor tells more.');
  }
}
