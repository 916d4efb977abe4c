import { redactDeep } from '../secrets/secret.ts';
import { quoted, visible } from './text.ts';

/** Every way a call can fail, as an agent sees it. */
export type ErrorCode =
  | 'BAD_INPUT'
  | 'CONFIGURATION'
  | 'AUTHENTICATION'
  | 'PERMISSION'
  | 'NOT_FOUND'
  | 'VALIDATION'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'OUTCOME_UNKNOWN'
  | 'UNEXPECTED_RESPONSE'
  | 'CANNOT_ASK'
  | 'CANCELLED';

/** The parts of a Telnyx error that may be quoted, already cleaned and cut. */
export interface TelnyxProblem {
  code?: string;
  title?: string;
  detail?: string;
  pointer?: string;
}

interface Details {
  httpStatus?: number | undefined;
  telnyx?: TelnyxProblem | undefined;
  /** As Telnyx gave it (`x-request-id`): what its support asks for. */
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
}

/**
 * The only error that leaves a tool: what happened, and what to do next. Both sentences are ours. It has no `cause` on
 * purpose: the errors of HTTP libraries print the request, and with it the API key.
 */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly code: ErrorCode;
  readonly next: string;
  readonly details: Details;

  constructor(code: ErrorCode, message: string, next: string, details: Details = {}) {
    super(message);
    this.code = code;
    this.next = next;
    this.details = details;
  }

  /** What happened, with the reason that Telnyx gave where it gave one: for a record, which has room for a sentence. */
  get reason(): string {
    const { title, detail = title } = this.details.telnyx ?? {};
    return detail ? `${this.message} Telnyx says: ${quoted(detail, 300)}.` : this.message;
  }

  /** The error as the agent reads it: no secret and nothing unseen in its sentences, which may hold a name or a path. */
  toJSON(): Record<string, unknown> {
    const { httpStatus, telnyx, requestId, retryAfterSeconds } = this.details;
    return {
      code: this.code,
      ...redactDeep({
        message: visible(this.message),
        next: visible(this.next),
        ...(telnyx && Object.keys(telnyx).length > 0 && { telnyx }),
        ...(requestId !== undefined && { request_id: requestId }),
      }),
      ...(httpStatus !== undefined && { http_status: httpStatus }),
      ...(retryAfterSeconds !== undefined && { retry_after_seconds: retryAfterSeconds }),
    };
  }
}

const failing = (code: ErrorCode) => (message: string, next: string, details?: Details) =>
  new ToolError(code, message, next, details);

/** Something is not as it would have to be. */
export const conflict = failing('CONFLICT');
/** Something of this machine or its settings is not as it would have to be. */
export const misconfigured = failing('CONFIGURATION');
/** What Telnyx answered is not what its documentation says. */
export const unexpected = failing('UNEXPECTED_RESPONSE');

/** A `CONFLICT` found by looking, before anything was done: who agreed to what it was can be asked about what it is. */
export class WorldChanged extends ToolError {
  constructor(message: string) {
    super('CONFLICT', message, 'Call again: what is asked and done then is about what it is now.');
  }
}

/** A `BAD_INPUT` with the usual next step: mend the arguments, nothing was sent. */
export function badInput(
  message: string,
  next = 'Correct the arguments and call again. Nothing was changed.',
): ToolError {
  return new ToolError('BAD_INPUT', message, next);
}

/** Takes anything thrown; gives its name and top frames, without its message, which could hold anything. */
export function whereOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  return [error.name, ...frames.slice(0, 4).map((frame) => frame.trim())].join(' ');
}
