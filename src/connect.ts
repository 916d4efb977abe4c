import type { Config } from './config.ts';
import { ToolError } from './errors.ts';
import type { Log } from './log.ts';
import type { Http, HttpLimits, Scope } from './telnyx/http.ts';
import { version } from './version.ts';

/** What a request is sent with, for a scope: to Telnyx or to the sandbox. Without a key every request says so. */
export async function connect(
  config: Config,
  limits: HttpLimits,
  log: Log,
  sandbox: () => ReturnType<typeof startSandbox>,
): Promise<(scope: Scope) => Http> {
  const { apiKey } = config;
  // got is slow to load, and listing the tools needs none of it.
  const { createClient } = await import('./telnyx/client.ts');
  const baseUrl = (await sandbox())?.baseUrl ?? config.baseUrl;
  if (!(apiKey instanceof ToolError)) return createClient({ baseUrl, apiKey, version, limits, log });
  const fail = () => Promise.reject(apiKey);
  const without: Http = {
    get: fail,
    post: fail,
    postForText: fail,
    patch: fail,
    delete: fail,
    recovery: () => without,
  };
  return () => without;
}

/** The look-alike inside this process, when the settings ask for it. */
export async function startSandbox({ sandbox, apiKey }: Config, now: () => Date) {
  if (sandbox === undefined || apiKey instanceof ToolError) return undefined;
  const { startSandbox: start } = await import('./sandbox/server.ts');
  return start({ ...(sandbox !== 'demo' && { credentials: sandbox }), apiKey: apiKey.reveal(), now });
}
