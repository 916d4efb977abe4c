import { isRecord, parseJson } from '../core/basics.ts';
import { type ErrorCode, type TelnyxProblem, ToolError, unexpected } from '../core/errors.ts';
import { oneLine } from '../core/text.ts';
import { HIDDEN, holdsSecret, redact } from '../secrets/secret.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

interface Answered {
  kind: 'answered';
  status: number;
  body: string;
  /** What its headers ask to wait, in milliseconds. */
  wait: number | undefined;
  requestId?: string | undefined;
}

/** How a request ended without a usable answer. */
export type Failure =
  | Answered
  | { kind: 'unreachable'; code: string } // no connection was made
  | { kind: 'cut'; code: string } // the connection was lost, or no answer came in time
  | { kind: 'stopped'; sent: boolean; cancelled: boolean } // by the caller, or by the end of the call's time
  | { kind: 'unreadable' }; // an answer came, without end

/**
 * The failure as an agent should read it. A POST that may have run is `OUTCOME_UNKNOWN`, whatever went wrong. `sent` is
 * there when the request held a secret: the names of the fields it had.
 */
export function explain(method: Method, failure: Failure, sent?: readonly string[]): ToolError {
  if (method === 'POST' && mayHaveRun(failure)) {
    return new ToolError(
      'OUTCOME_UNKNOWN',
      'The request was sent, but no answer says whether it was carried out.',
      'Look whether it was before trying again.',
      failure.kind === 'answered' ? { httpStatus: failure.status, requestId: failure.requestId } : {},
    );
  }
  switch (failure.kind) {
    case 'answered':
      return problemOf(failure, sent);
    case 'unreachable':
      return unreached(failure.code);
    case 'cut':
      return failure.code === 'ETIMEDOUT' ? late() : unreached(failure.code);
    case 'stopped':
      return failure.cancelled
        ? new ToolError('CANCELLED', 'The call was cancelled.', 'Nothing more is sent.')
        : late();
    case 'unreadable':
      return unexpected(
        'Telnyx sent an answer longer than any that it documents.',
        'Call again, with a lower limit where there is one; if it stays so, tell the person: a proxy may stand in between.',
      );
  }
}

/** Whether Telnyx may have carried the request out, although we have no answer that says so. */
function mayHaveRun(failure: Failure): boolean {
  switch (failure.kind) {
    case 'answered':
      return failure.status === 408 || failure.status >= 500;
    case 'unreachable':
      return false;
    case 'stopped':
      return failure.sent;
    case 'cut':
    case 'unreadable':
      return true;
  }
}

const late = () => new ToolError('TIMEOUT', 'Telnyx did not answer in time.', 'Call again in a moment.');

const CHECK = 'Have the person check the network of this machine and TELNYX_BASE_URL, then call again.';
const unreached = (code: string) => new ToolError('NETWORK', `The connection to Telnyx failed (${code}).`, CHECK);

const QUOTE_AT_MOST = 300;
// What is hidden in it is found by its first part, and takes less room then.
const READ_AT_MOST = 1000;

/** Telnyx codes that mean more than their HTTP status (api.md §1, "Error codes that matter"). */
const BY_TELNYX_CODE: Record<string, ErrorCode> = {
  '10012': 'CONFLICT', // duplicate resource
  '10021': 'CONFLICT', // in use, cannot be removed
  '10035': 'CONFLICT', // locked
  '10036': 'CONFLICT', // being processed
};

const BY_STATUS: Record<number, ErrorCode> = {
  400: 'VALIDATION',
  401: 'AUTHENTICATION',
  403: 'PERMISSION',
  404: 'NOT_FOUND',
  408: 'TIMEOUT',
  409: 'CONFLICT',
  422: 'VALIDATION',
  429: 'RATE_LIMITED',
};

const SAYS: Partial<Record<ErrorCode, [message: string, next: string]>> = {
  VALIDATION: ['Telnyx refused the request.', 'Correct the arguments by what Telnyx says and call again.'],
  AUTHENTICATION: [
    'Telnyx did not accept the API key.',
    'Ask the person to check the key in the settings of this server (TELNYX_API_KEY, TELNYX_API_KEY_FILE, or what telnyx-credentials-mcp login keeps) and to restart it. Never ask for the key itself.',
  ],
  PERMISSION: [
    'The API key is not allowed to do this.',
    'Tell the person which operation was refused; a key with wider rights can be made in the Telnyx portal.',
  ],
  NOT_FOUND: ['Telnyx has no such thing.', 'List the credentials or connections again to get a current id.'],
  CONFLICT: [
    'Telnyx refused because of the present state of the thing.',
    'Read it again, then decide with the person what to do.',
  ],
  RATE_LIMITED: ['Telnyx asks for fewer requests.', 'Wait retry_after_seconds (or a minute), then call again.'],
  TIMEOUT: ['Telnyx did not answer in time.', 'Call again in a moment.'],
  UNAVAILABLE: ['Telnyx could not process the request just now.', 'Call again in a minute.'],
};

/**
 * The error of a Telnyx answer that is not 2xx. `body` may be anything: `errors` as an array, an object or a text, HTML,
 * or nothing (api.md §1); only code, title, detail and pointer are ever quoted. Of the answer to a secret no words are:
 * whoever got it can give it back in a disguise that no search sees through.
 */
export function problemOf({ status, body, wait, requestId }: Answered, sent?: readonly string[]): ToolError {
  const telnyx = sent ? readPlace(body, sent) : readProblem(body);
  const retryAfterSeconds = wait && Math.ceil(wait / 1000);
  const code = (telnyx?.code && BY_TELNYX_CODE[telnyx.code]) || BY_STATUS[status] || (status >= 500 && 'UNAVAILABLE');
  const details = { httpStatus: status, telnyx, retryAfterSeconds, requestId };
  if (!code) {
    const message = `Telnyx answered with HTTP ${status}, which this operation does not expect.`;
    return unexpected(message, 'Tell the person; a proxy may stand in between.', details);
  }
  const [message, next] = SAYS[code] ?? ['Telnyx refused the request.', 'Read what Telnyx says before calling again.'];
  return new ToolError(code, message, sent ? `${next} ${UNQUOTED}` : next, details);
}

const UNQUOTED =
  'What Telnyx says in words is not shown, since it could repeat the secret that was sent; where there is a request_id, Telnyx support can tell.';

function readProblem(body: string): TelnyxProblem | undefined {
  const { errors } = asRecord(parseJson(body));
  const first = Array.isArray(errors) ? errors[0] : errors;
  if (typeof first === 'string') return { detail: quote(first) };
  if (typeof first !== 'object' || first === null) return undefined;
  const { code, title, detail, source } = asRecord(first);
  const { pointer, parameter } = asRecord(source);
  const problem = { code, title, detail, pointer: pointer ?? parameter };
  const known = Object.entries(problem).flatMap(([key, value]) => (isText(value) ? [[key, quote(`${value}`)]] : []));
  if (known.length > 0) return Object.fromEntries(known);
  // The object shape: { "status": "can't update credentials in expired status" }. No other key of it is documented.
  const { status } = asRecord(first);
  return isText(status) ? { detail: quote(`status: ${status}`) } : undefined;
}

/** Of a problem only what is no text: a code of digits, and which of the fields that were sent it is about. */
function readPlace(body: string, sent: readonly string[]): TelnyxProblem {
  const { code = '', pointer = '' } = readProblem(body) ?? {};
  const isField =
    /^(\/\w+)+$/.test(pointer) &&
    pointer
      .slice(1)
      .split('/')
      .every((part) => sent.includes(part));
  return { ...(/^\d{5}$/.test(code) && { code }), ...(isField && { pointer }) };
}

const isText = (value: unknown): value is string | number => typeof value === 'string' || typeof value === 'number';

/** Redacted before it is cut, so that no half of a secret survives at the edge; and cut before, far behind that edge. */
function quote(text: string): string {
  const read = oneLine(text.slice(0, READ_AT_MOST), READ_AT_MOST);
  // A model reads it backwards, too.
  return holdsSecret([...read].reverse().join('')) ? HIDDEN : oneLine(redact(read), QUOTE_AT_MOST);
}

const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
