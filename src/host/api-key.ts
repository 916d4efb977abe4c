import { readFileSync } from 'node:fs';
import { misconfigured, type ToolError } from '../core/errors.ts';
import { API_KEY_ACCOUNT, type Keychain, SERVICE, systemKeychain } from '../secrets/keychain.ts';
import { Secret } from '../secrets/secret.ts';

/** Where a key comes from. */
export type KeySource = 'sandbox' | 'TELNYX_API_KEY' | 'TELNYX_API_KEY_FILE' | 'keychain';

/** What the settings say of the key. */
export interface KeySetting {
  /** The key, or why there is none that can be used. */
  apiKey: Secret | ToolError;
  /** The setting that holds it, well or badly; undefined when none is set, and the keychain may have it. */
  keyFrom: Exclude<KeySource, 'keychain'> | undefined;
}

/** Takes the variable and the path of the file; gives the key that one of them holds, or why neither does. */
export function keyOfSettings(variable: string | undefined, file: string | undefined): KeySetting {
  const key = variable?.trim();
  if (key && !isPlaceholder(key)) {
    return {
      apiKey: checked(key, 'TELNYX_API_KEY', 'TELNYX_API_KEY does not look like an API key'),
      keyFrom: 'TELNYX_API_KEY',
    };
  }
  if (file !== undefined) return { apiKey: keyInFile(file), keyFrom: 'TELNYX_API_KEY_FILE' };
  const none = key ? 'TELNYX_API_KEY is a placeholder that the client did not fill in.' : 'No Telnyx API key is set.';
  return { apiKey: problem(none), keyFrom: undefined };
}

function keyInFile(file: string): Secret | ToolError {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return checked(text, 'What TELNYX_API_KEY_FILE holds', 'TELNYX_API_KEY_FILE does not hold an API key');
  } catch {
    return problem('The file that TELNYX_API_KEY_FILE names cannot be read.');
  }
}

/** Whether a client has left a variable of its settings as it was written there. */
export const isPlaceholder = (value: string | undefined): boolean => value?.includes('${') ?? false;

// What people leave around a key, or in its place. Any other shape may be a key: Telnyx says of them only that they are secret.
const MISTAKES: [what: RegExp, says: string][] = [
  [/^\p{Quotation_Mark}|\p{Quotation_Mark}$/u, 'stands between quotation marks'],
  [/^(\$\w+|\$\(.*\)|%\w+%|\{.*\})$/, 'is the name of a variable that nobody put its value in place of'],
  [/^\w+:\/\//, 'is an address in a password manager, not what is kept there'],
  [/^<.*>$|your[\w -]{0,40}key|x{8}|\*{4}/i, 'is the example of some instructions'],
  [/^Bearer\b/i, 'begins with the word Bearer'],
  [/^(export )?\w*KEY\w* ?= ?[^\s=]/i, 'begins with the name of the variable'],
];

/** Takes a text; gives it as a key when it can be one: anything but visible ASCII could be a second header. */
export const checkKey = (text: string): Secret | undefined =>
  /^[\x21-\x7e]{8,512}$/.test(text) && !mistakeIn(text) ? new Secret(text) : undefined;

const mistakeIn = (text: string): string | undefined => MISTAKES.find(([what]) => what.test(text.slice(0, 600)))?.[1];

/** The key, or what is wrong with it; never sent in the hope that it is one. */
const checked = (text: string, where: string, otherwise: string): Secret | ToolError =>
  checkKey(text) ?? problem(`${nameMistake(text, where) ?? otherwise}.`);

function nameMistake(text: string, where: string): string | undefined {
  const mistake = mistakeIn(text);
  return mistake && `${where} ${mistake}`;
}

interface Found {
  apiKey: Secret;
  from: KeySource;
}

/**
 * Takes the settings and how to open the keychain; gives the key to send to the base URL, that of the keychain when no
 * setting holds one. Throws `CONFIGURATION`.
 */
export async function findApiKey(
  { apiKey, keyFrom, baseUrl }: KeySetting & { baseUrl: string },
  open: () => Promise<Keychain>,
): Promise<Found> {
  if (apiKey instanceof Secret) return { apiKey, from: keyFrom ?? 'keychain' };
  if (keyFrom !== undefined) throw apiKey;
  const kept = await keptKey(open);
  if (!kept) throw apiKey;
  if (kept === 'unreadable') throw problem('What the keychain holds as the API key was not written by login.');
  if (kept.origin !== new URL(baseUrl).origin) {
    throw problem(`The API key in the keychain is for ${kept.origin} and is not sent to another address.`);
  }
  return { apiKey: kept.apiKey, from: 'keychain' };
}

/** Whether `login` has kept a key in the keychain; false also where there is no keychain. */
export async function keychainHoldsKey(open: () => Promise<Keychain> = systemKeychain): Promise<boolean> {
  const kept = await keptKey(open);
  return kept !== undefined && kept !== 'unreadable';
}

/**
 * Keeps a key together with the address it was checked with, and is sent to no other. The base URL may come from the
 * settings file of somebody else's project; the key in the keychain does not, and that file must not lead it away.
 * Throws what the keychain throws.
 */
export function keepKey(keychain: Keychain, apiKey: Secret, baseUrl: string): void {
  const entry = `${new URL(baseUrl).origin} ${apiKey.reveal()}`;
  keychain.set(SERVICE, API_KEY_ACCOUNT, entry);
  if (keychain.get(SERVICE, API_KEY_ACCOUNT) !== entry) throw new Error('it did not keep what it was given');
}

type Kept = { apiKey: Secret; origin: string } | 'unreadable' | undefined;

async function keptKey(open: () => Promise<Keychain>): Promise<Kept> {
  const entry = await open()
    .then((keychain) => keychain.get(SERVICE, API_KEY_ACCOUNT))
    // One that is locked or missing is as good as none; `doctor` tells which.
    .catch(() => undefined);
  if (entry === undefined) return undefined;
  const [origin = '', text = '', ...rest] = entry.split(' ');
  const apiKey = checkKey(text);
  return apiKey && URL.canParse(origin) && rest.length === 0 ? { apiKey, origin } : 'unreadable';
}

function problem(what: string): ToolError {
  return misconfigured(
    what,
    "Ask the person to run `telnyx-credentials-mcp login` in a terminal, or to set TELNYX_API_KEY or TELNYX_API_KEY_FILE in this server's settings and to restart it. Never ask for the key itself.",
  );
}
