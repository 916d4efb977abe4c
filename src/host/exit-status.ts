/** How a process of ours ends when it did not do what it was asked for. */
export const FAILED = 1;
export const MISUSED = 2;
/** A report has 1 and 2 for what it found: whatever keeps it from being made, or from being whole, is this. */
export const UNMADE = 3;
/** Ctrl-C ended it: 128 and the number of SIGINT, as shells have it. */
export const INTERRUPTED = 130;
