/** That of package.json: a test holds the two together, and a start reads no file for it. */
export const version = '0.1.0';
