import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';

const PACKAGE = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//;
// What the bundler adds of its own; it comes with rolldown.
const HELPERS = /^\0(rolldown|@oxc-project\+runtime)/;
const ROLLDOWN = `${process.cwd()}/node_modules/rolldown/`;
const RULE = `\n\n${'-'.repeat(80)}\n\n`;

/**
 * Writes which packages are in the bundle: their licences into it, since their authors ask for that, and what each weighs
 * in which chunk to `.build/bundle.json`, for the benchmark and the tests. Fails for a package without a licence.
 */
export function thirdParty() {
  return {
    name: 'third-party',
    generateBundle(_options, bundle) {
      const folders = new Set();
      const chunks = {};
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        const weights = {};
        for (const [id, { renderedLength }] of Object.entries(chunk.modules)) {
          const [, folder, name = folderOf(id)] = PACKAGE.exec(id.replace(HELPERS, ROLLDOWN)) ?? [];
          if (folder && renderedLength > 0) folders.add(folder);
          weights[name] = (weights[name] ?? 0) + renderedLength;
        }
        chunks[chunk.fileName] = { bytes: Buffer.byteLength(chunk.code), weights };
      }
      const source = [...folders].sort().map(licenceOf).join(RULE);
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source: `${source}\n` });
      mkdirSync('.build', { recursive: true });
      writeFileSync('.build/bundle.json', JSON.stringify(chunks, null, 2));
    },
  };
}

// Of ours, what tells them apart is the folder.
const folderOf = (id) => relative(process.cwd(), dirname(id));

function licenceOf(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  if (!license) throw new Error(`${name} has no licence`);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : `By ${author?.name ?? author}.`;
  return `${name} ${version} (${license})\n\n${text}`;
}
