import { randomInt } from 'node:crypto';

// Without letters and digits that are read for one another.
const ALPHABET = 'ACDEFHJKLMNPQRTUVWXY347';

/** A short code for a page and for the place that announces it; it proves nothing, a person compares it. */
export const newCode = (): string => Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
