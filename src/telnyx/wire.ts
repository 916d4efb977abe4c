import { isRecord } from '../core/basics.ts';
import { type ToolError, unexpected } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import { Secret } from '../secrets/secret.ts';

/** An answer of Telnyx that says it went well (2xx). */
export interface Answer {
  /** Its JSON, or its text where that was asked for; undefined when there is none. */
  readonly body: unknown;
  /** What the clock of Telnyx said by its `Date`, in milliseconds since 1970, UTC; ours when it said nothing. */
  readonly at: number;
  /**
   * The error of a field that is not what it must be; `path` says which, never what it holds, and is absent when there is
   * no JSON at all. The log hears of it too.
   */
  unreadable(path?: string): ToolError;
}

/** The error of an answer in which `path` cannot be read; the id is that of the request, as Telnyx gave it. */
export function unreadable(path?: string, requestId?: string): ToolError {
  return unexpected(
    path === undefined
      ? 'What came is no answer of the Telnyx API: it holds no JSON.'
      : `Telnyx answered, but ${path} is missing in its answer, or not what its documentation says.`,
    'Call again. If it stays so, tell the person: the base URL may be wrong, a proxy may stand in between, or Telnyx support can look into it by the request_id, where there is one.',
    { requestId },
  );
}

// Rows as Telnyx sends them. The specification requires next to nothing of an answer (every field of a telephony
// credential is optional), so a reader takes whatever stands at a key, also nothing, and says what it is worth.

/** A row of an answer, by its keys: none of them is known to be there, and none to be of a type. */
export type Fields = Readonly<Record<string, unknown>>;

/** A row that can be told from others. Without an id it is of no use to anybody. */
export type Identified = Fields & { readonly id: string };

/** Makes a row into what it means; `at` is what the clock of Telnyx said, in milliseconds since 1970. */
export type Row<T> = (fields: Identified, at: number) => T;

/** Opaque, but never a path: ids go into URLs and file names. */
const ID = /^[\w-]{1,128}$/;
const MASK = /^\*+$/;

/** A value as an object with keys; undefined for all else, lists too. */
export const fieldsOf = (value: unknown): Fields | undefined => (isRecord(value) ? value : undefined);

/** A value as a row with an id that is one; undefined when it is none. */
export function identified(value: unknown): Identified | undefined {
  const fields = fieldsOf(value);
  return typeof fields?.id === 'string' && ID.test(fields.id) ? (fields as Identified) : undefined;
}

/** A text as one visible line; null when absent, empty or not a text. */
export const wireText = (value: unknown): string | null => (typeof value === 'string' && oneLine(value)) || null;

/** A text as it came, for dates and material; null when absent, empty or not a text. */
export const wireRaw = (value: unknown): string | null => (typeof value === 'string' && value) || null;

/** A secret, wrapped while reading; null when absent, empty, or masked by Telnyx with asterisks (api.md §3.3). */
export const wireSecret = (value: unknown): Secret | null =>
  typeof value === 'string' && value !== '' && !MASK.test(value) ? new Secret(value) : null;

/**
 * The row that an answer about a single thing holds (`{"data": row}`), which must be the thing that was asked for. Throws
 * `UNEXPECTED_RESPONSE` for anything else: a person would agree to one and another would be changed.
 */
export function readOne<T>(answer: Answer, row: Row<T>, id: string): T {
  const fields = single(answer, id);
  if (!fields) throw answer.unreadable(fieldsOf(fieldsOf(answer.body)?.data) ? 'data.id' : 'data');
  return row(fields, answer.at);
}

/** As `readOne`, with undefined where it throws; without `id` for something new. */
export function readIfOne<T>(answer: Answer, row: Row<T>, id?: string): T | undefined {
  const fields = single(answer, id);
  return fields && row(fields, answer.at);
}

function single({ body }: Answer, id: string | undefined): Identified | undefined {
  const fields = identified(fieldsOf(body)?.data);
  return id === undefined || fields?.id.toLowerCase() === id.toLowerCase() ? fields : undefined;
}
