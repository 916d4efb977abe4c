import { isRecord, parseJson } from '../core/basics.ts';
import { kindOfDer } from './der.ts';
import { caution, type Finding, type Slot, textOf } from './file.ts';
import { fromBase64 } from './pem.ts';

// Base64 in an assignment is one layer; JSON in JSON in base64 has been seen.
const MOST_LAYERS = 3;

/**
 * What a file holds, without what people keep it in: base64, quotes, a shell assignment, other JSON. The file itself where
 * there is nothing of that, or where it is not plain what is meant.
 */
export function unwrap(file: Buffer): Buffer {
  let inner = file;
  for (let layer = 0; layer < MOST_LAYERS; layer++) {
    const text = textOf(inner).trim();
    const next = accountIn(text) ?? encodedIn(text);
    if (!next) break;
    inner = next;
  }
  return inner;
}

/** What to tell of a file that was not as it should be for what was around it. */
export const unwrapped = (slot: Slot): Finding =>
  caution('UNWRAPPED', `${slot} was in base64 or had something around it; it was taken out.`, 'Nothing needs doing.');

function encodedIn(text: string): Buffer | undefined {
  const [, , value = ''] = /^(?:export\s+)?(?:[A-Za-z_]\w*=)?(['"]?)(.*)\1;?$/s.exec(text) ?? [];
  const decoded = fromBase64(text) ?? fromBase64(value);
  if (!decoded) return undefined;
  const inner = textOf(decoded);
  return kindOfDer(decoded) === 'P12' || inner.includes('-----BEGIN ') || isRecord(parseJson(inner))
    ? decoded
    : undefined;
}

/** The one service account in a text that is more than that. */
function accountIn(text: string): Buffer | undefined {
  const whole = parseJson(text);
  if (isAccount(whole) || Array.isArray(whole)) return undefined;
  const accounts = (isRecord(whole) ? Object.values(whole) : [whole ?? between(text)])
    .map((value) => (typeof value === 'string' ? parseJson(value) : value))
    .filter(isAccount);
  return accounts.length === 1 ? Buffer.from(JSON.stringify(accounts[0])) : undefined;
}

/** The JSON from the first brace of a text to its last, also with its quotes escaped for the quotes around it. */
function between(text: string): unknown {
  const piece = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  return parseJson(piece) ?? parseJson(`"${piece}"`);
}

const isAccount = (value: unknown): boolean =>
  isRecord(value) && value.type === 'service_account' && typeof value.private_key === 'string';
