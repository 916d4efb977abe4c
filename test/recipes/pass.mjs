// By https://git.zx2c4.com/password-store/tree/man/pass.1 and src/password-store.sh beside it: --multiline keeps the input
// as it is, --force overwrites, and show gives the bytes back.
import { entries, Failure, input, keep } from './store.mjs';

export const pass = {
  'insert --multiline --force NAME': ({ NAME }) => {
    keep('pass', NAME, input());
    return `Enter contents of ${NAME} and press Ctrl+D when finished:\n\n`;
  },
  'show NAME': ({ NAME }) => {
    const entry = entries('pass')[NAME];
    if (!entry) throw new Failure(1, `Error: ${NAME} is not in the password store.`);
    return entry.secret;
  },
};
