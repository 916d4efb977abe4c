import type { CallContext } from '../../host/session.ts';
import { redactDeep } from '../../secrets/secret.ts';

/** One protocol generation served over one transport. */
export interface Engine {
  /** Whether its SDK takes a message for a request; it drops any other without an answer. */
  takes(message: unknown): boolean;
  /** Resolves when no call is running; questions to a person are given up, since nobody can answer them any more. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

const A_LITTLE = 0.001;

interface Sender<M, O> {
  send(message: M, options?: O): Promise<void>;
}

/** The transport with the second net under everything that leaves: results, errors, questions, notifications. */
export function redacted<M, O, T extends Sender<M, O>>(transport: T & Sender<M, O>): T {
  const send = transport.send.bind(transport);
  transport.send = (message: M, options?: O) => send(redactDeep(message), options);
  return transport;
}

/**
 * Progress of a call as notifications, when its caller sent a token; numbers only ever grow, as the protocol demands.
 * Without a number, as while a person is asked, it grows by a little: a client that is told something waits on.
 */
export function progressTo(
  progressToken: string | number | undefined,
  notify: (notification: {
    method: 'notifications/progress';
    params: { progressToken: string | number; progress: number; total?: number };
  }) => Promise<void>,
): CallContext['progress'] {
  let told = 0;
  let begun = false;
  return (progress = told + A_LITTLE, total) => {
    if (progressToken === undefined || (begun && progress <= told)) return;
    begun = true;
    told = progress;
    const params = { progressToken, progress, ...(total !== undefined && { total }) };
    notify({ method: 'notifications/progress', params }).catch(() => undefined);
  };
}
