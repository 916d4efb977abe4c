// Loaded before a server under test: kills it right after the nth thing it has done to the disk, or lets the disk be full
// from the nth on.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const dieAfter = Number(process.env.DIE_AFTER ?? 0);
const fullFrom = Number(process.env.FULL_FROM ?? Number.POSITIVE_INFINITY);
const countInto = process.env.COUNT_INTO;
const { writeFileSync } = fs;
let done = 0;

function counted() {
  done += 1;
  if (countInto) writeFileSync(countInto, String(done));
  if (done === dieAfter) process.kill(process.pid, 'SIGKILL');
}

/** The first half of what was to be written, as a disk takes it that has no more room. */
const half = (data) => data.slice(0, Math.floor(data.length / 2));

function around(owner, name, takesSpace) {
  const real = owner[name];
  owner[name] = function (...args) {
    if (takesSpace && done + 1 >= fullFrom) {
      done += 1;
      const full = () => {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      };
      if (name === 'appendFile') return real.call(this, half(args[0])).then(full, full);
      return name.endsWith('Sync') ? full() : Promise.resolve().then(full);
    }
    const result = real.apply(this, args);
    // That changes nothing for most: the folder is there.
    if (name.startsWith('mkdir')) return result;
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
for (const name of ['write', 'writeFile', 'appendFile']) around(prototype, name, true);
for (const name of ['sync', 'datasync', 'truncate']) around(prototype, name, false);
for (const name of ['link', 'mkdir', 'writeFile']) around(fs.promises, name, true);
around(fs.promises, 'rename', false);
for (const name of ['linkSync', 'mkdirSync', 'writeFileSync']) around(fs, name, true);
around(fs, 'renameSync', false);

// A disk that says yes and keeps nothing, for files whose path ends so.
const lost = process.env.LOST;
if (lost) {
  const { rename } = fs.promises;
  fs.promises.rename = async (from, to) => (to.endsWith(lost) ? undefined : rename(from, to));
  const { appendFile } = prototype;
  prototype.appendFile = async function (data) {
    return lost === 'l.jsonl' ? appendFile.call(this, Buffer.alloc(data.length, '\n')) : appendFile.call(this, data);
  };
}
syncBuiltinESMExports();
