// Loaded before a server under test: kills it right after the nth thing it has done to the disk.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const dieAfter = Number(process.env.DIE_AFTER ?? 0);
const countInto = process.env.COUNT_INTO;
const { writeFileSync } = fs;
let done = 0;

function counted() {
  done += 1;
  if (countInto) writeFileSync(countInto, String(done));
  if (done === dieAfter) process.kill(process.pid, 'SIGKILL');
}

function around(owner, name) {
  const real = owner[name];
  owner[name] = function (...args) {
    const result = real.apply(this, args);
    if (!(result instanceof Promise)) {
      counted();
      return result;
    }
    return result.then((value) => {
      counted();
      return value;
    });
  };
}

const handle = await fs.promises.open(process.execPath, 'r');
const { prototype } = handle.constructor;
await handle.close();
for (const name of ['sync', 'datasync', 'write', 'truncate']) around(prototype, name);
for (const name of ['rename', 'link', 'writeFile']) around(fs.promises, name);
for (const name of ['linkSync', 'renameSync', 'writeFileSync']) around(fs, name);
syncBuiltinESMExports();
