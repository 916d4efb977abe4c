// Stands in for the program that its first argument names: takes the calls in its table and refuses any other.
import { age } from './age.mjs';
import { aws } from './aws.mjs';
import { az } from './az.mjs';
import { gcloud } from './gcloud.mjs';
import { gh } from './gh.mjs';
import { op } from './op.mjs';
import { pass } from './pass.mjs';
import { Failure } from './store.mjs';
import { vault } from './vault.mjs';

const [program, ...argv] = process.argv.slice(2);
const calls = { age, aws, az, gcloud, gh, op, pass, vault }[program];

/** The values of the words in capitals of a form, such as `show NAME`; undefined when the call is not of that form. */
function match(form) {
  const words = form.split(' ');
  if (words.length !== argv.length) return undefined;
  const values = {};
  for (const [n, word] of words.entries()) {
    const [fixed, name] = /^(.*?)([A-Z]+)?$/.exec(word).slice(1);
    if (name ? !argv[n].startsWith(fixed) : argv[n] !== word) return undefined;
    if (name) values[name] = argv[n].slice(fixed.length);
  }
  return values;
}

process.exitCode = 2;
for (const [form, run] of Object.entries(calls)) {
  const values = match(form);
  if (!values) continue;
  try {
    process.stdout.write(run(values) ?? '');
    process.exitCode = 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof Failure ? error.status : 1;
  }
}
