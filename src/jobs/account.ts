import { hostname, userInfo } from 'node:os';
import { misconfigured } from '../core/errors.ts';
import { oneLine } from '../core/untrusted.ts';
import type { Secret } from '../secrets/secret.ts';
import type { StateKey } from '../secrets/state-key.ts';
import type { Http } from '../telnyx/http.ts';
import { listTelephonyCredentials } from '../telnyx/telephony-credentials.ts';

/** The account that calls are about. */
export interface Account {
  /** Of the API. */
  host: string;
  /** A fingerprint of the API key, under the key of the state folder. */
  key: string;
  /** Who Telnyx says its credentials belong to; undefined where it does not say, or cannot be asked. */
  user(http: Http): Promise<string | undefined>;
}

/** Takes the API's host, the key sent to it and that of the state folder; gives the account they are of. */
export function accountOf(host: string, apiKey: Secret, stateKey: StateKey): Account {
  let known: string | undefined;
  return {
    host,
    key: stateKey.mac('account', apiKey.reveal()).toString('hex').slice(0, 16),
    async user(http) {
      const found =
        known === undefined ? await listTelephonyCredentials(http, {}, FIRST).catch(() => undefined) : undefined;
      known ??= found?.rows[0]?.user_id ?? undefined;
      return known;
    },
  };
}

const FIRST = { offset: 0, limit: 1 };

/** Who records on this machine: a name for people, not a proof. */
export function localActor(): string {
  // Where a user has no name, such as in a container, the system throws.
  const name = (() => {
    try {
      return userInfo().username;
    } catch {
      return `user ${process.getuid?.() ?? ''}`.trim();
    }
  })();
  return oneLine(`${name}@${hostname()}`, 100);
}

/** The key, when the state folder keeps it. Throws `CONFIGURATION` when it would be gone with the process. */
export function keptKey(key: StateKey): StateKey {
  if (key.kept) return key;
  throw misconfigured(
    'The state folder cannot keep a key, so what rotations did cannot be recorded or relied on.',
    'Ask the person to make the state folder writable, or to set TELNYX_MCP_STATE_DIR to one that is, and to restart this server.',
  );
}
