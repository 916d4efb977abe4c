import { ToolError, unexpected } from '../errors.ts';
import { problemOf } from './problem.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** How a request ended without a usable answer. `wait` is what the answer's headers ask to wait, in milliseconds. */
export type Failure =
  | { kind: 'answered'; status: number; body: string; wait: number | undefined; requestId?: string | undefined }
  | { kind: 'unreachable'; code: string } // no connection was made
  | { kind: 'cut'; code: string } // the connection was lost, or no answer came in time
  | { kind: 'stopped'; sent: boolean; cancelled: boolean } // by the caller, or by the end of the call's time
  | { kind: 'unreadable' }; // an answer came, without end

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

/** The failure as an agent should read it. A POST that may have run is `OUTCOME_UNKNOWN`, whatever went wrong. */
export function explain(method: Method, failure: Failure): ToolError {
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
      return problemOf(failure.status, failure.body, failure.wait && Math.ceil(failure.wait / 1000), failure.requestId);
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

function late(): ToolError {
  return new ToolError('TIMEOUT', 'Telnyx did not answer in time.', 'Call again in a moment.');
}

function unreached(code: string): ToolError {
  return new ToolError(
    'NETWORK',
    `The connection to Telnyx failed (${code}).`,
    'Have the person check the network of this machine and TELNYX_BASE_URL, then call again.',
  );
}
