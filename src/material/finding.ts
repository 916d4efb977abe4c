/** One thing that is wrong or odd about material; both sentences are ours. An `error` keeps it from being uploaded. */
export interface Finding {
  /** Stable, one per cause. */
  code: string;
  severity: 'error' | 'warning';
  found: string;
  action: string;
}

/** A finding that keeps material from being uploaded. */
export const refusal = (code: string, found: string, action: string): Finding => ({
  code,
  severity: 'error',
  found,
  action,
});

/** A finding that a person should hear of, and may go on with. */
export const caution = (code: string, found: string, action: string): Finding => ({
  code,
  severity: 'warning',
  found,
  action,
});

/** Whether any of them is an error. */
export const isRefused = (findings: readonly Finding[]): boolean => findings.some((one) => one.severity === 'error');

/** The findings with the errors first, otherwise in their order. */
export const errorsFirst = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => a.severity.localeCompare(b.severity));
