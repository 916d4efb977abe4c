/** One thing that is wrong or odd about material; both sentences are ours. An `error` keeps it from being uploaded. */
export interface Finding {
  /** Stable, one per cause. */
  code: string;
  severity: 'error' | 'warning';
  found: string;
  action: string;
}

const finding =
  (severity: Finding['severity']) =>
  (code: string, found: string, action: string): Finding => ({ code, severity, found, action });

/** A finding that keeps material from being uploaded. */
export const refusal = finding('error');
/** A finding that a person should hear of, and may go on with. */
export const caution = finding('warning');

/** Whether any of them is an error. */
export const isRefused = (findings: readonly Finding[]): boolean => findings.some((one) => one.severity === 'error');

/** The findings with the errors first, otherwise in their order. */
export const errorsFirst = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => a.severity.localeCompare(b.severity));
