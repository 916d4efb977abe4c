/** The published program, seen from this one's place in `.build/bench`. */
export const MAIN = new URL('../../dist/main.js', import.meta.url);
