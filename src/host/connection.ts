import { once } from '../core/basics.ts';
import { ToolError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Keychain } from '../secrets/keychain.ts';
import { Secret } from '../secrets/secret.ts';
import type { Http, HttpLimits, Scope } from '../telnyx/http.ts';
import { findApiKey } from './api-key.ts';
import type { Config } from './config.ts';
import { version } from './version.ts';

/** The one way to Telnyx, or to the sandbox. */
interface Connection {
  open(scope: Scope): Http;
  /** The API's host, and the key that is sent to it. */
  host: string;
  apiKey(): Promise<Secret>;
}

/**
 * What requests are sent with: to Telnyx or to the sandbox. A key that no setting holds is looked for in
 * the keychain at the first request, and each request says so while there is none.
 */
export async function connect(
  config: Config,
  limits: HttpLimits,
  log: Log,
  sandbox: () => ReturnType<typeof startSandbox>,
  keychain: () => Promise<Keychain>,
  now: () => Date,
): Promise<Connection> {
  // got is slow to load, and listing the tools needs none of it.
  const { createClient } = await import('../telnyx/client.ts');
  const baseUrl = (await sandbox())?.baseUrl ?? config.baseUrl;
  const { host } = new URL(baseUrl);
  const clientWith = (apiKey: Secret) => createClient({ baseUrl, apiKey, version, limits, log, now });
  const { apiKey: set } = config;
  if (set instanceof Secret) return { open: clientWith(set), host, apiKey: async () => set };

  let found: Promise<{ apiKey: Secret; client: ReturnType<typeof clientWith> }> | undefined;
  const find = async () => {
    found ??= findApiKey(config, keychain).then(({ apiKey }) => ({ apiKey, client: clientWith(apiKey) }));
    try {
      return await found;
    } catch (error) {
      // After a login the next call finds the key, without a restart.
      found = undefined;
      throw error;
    }
  };
  return {
    open: (scope) => whenOpen(async () => (await find()).client(scope)),
    host,
    apiKey: async () => (await find()).apiKey,
  };
}

/** Requests that wait for the first of them to open the connection. */
function whenOpen(open: () => Promise<Http>): Http {
  const http = once(open);
  return {
    get: async (path, query) => (await http()).get(path, query),
    send: async (change) => (await http()).send(change),
    recovery: () => whenOpen(async () => (await http()).recovery()),
    under: (check) => whenOpen(async () => (await http()).under(check)),
  };
}

/** The look-alike inside this process, when the settings ask for it. */
export async function startSandbox({ sandbox, apiKey }: Config, now: () => Date) {
  if (sandbox === undefined || apiKey instanceof ToolError) return undefined;
  const { startSandbox: start } = await import('../sandbox/server.ts');
  return start({ ...(sandbox !== 'demo' && { credentials: sandbox }), apiKey: apiKey.reveal(), now });
}
