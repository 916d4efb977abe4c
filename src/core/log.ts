import { redactDeep } from '../secrets/secret.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = (level: LogLevel, event: string, facts?: Record<string, string | number | boolean>) => void;

/** A log that writes one redacted JSON line per event to `write` (stderr: stdout belongs to JSON-RPC). */
export function createLog(threshold: LogLevel, now: () => Date, write: (line: string) => void): Log {
  return (level, event, facts = {}) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(threshold)) return;
    write(`${JSON.stringify({ time: now().toISOString(), level, event, ...redactDeep(facts) })}\n`);
  };
}
