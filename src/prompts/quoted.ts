import { oneLine } from '../untrusted.ts';

const LONGEST = 500;

/** What someone typed into a blank of a script, as one quoted line: data, whatever it says. */
export const quoted = (typed = ''): string => JSON.stringify(oneLine(typed, LONGEST));
