// Loaded before a client's checks: what those import by name comes from the folder the clients were installed in, and
// not from this project, which does not depend on any of them.
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const HERE = new URL('.', import.meta.url).href;
const THERE = pathToFileURL(join(process.env.CLIENTS_FOLDER, 'checks.mjs')).href;

registerHooks({
  resolve(specifier, context, next) {
    const byName = context.parentURL?.startsWith(HERE) && !/^(node:|\.|\/|file:)/.test(specifier);
    return next(specifier, byName ? { ...context, parentURL: THERE } : context);
  },
});
