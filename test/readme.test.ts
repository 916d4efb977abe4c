import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { catalogue } from '../src/tools/index.ts';
import { MAIN } from './process.ts';

const README = new URL('../README.md', import.meta.url);
const [START, END] = ['<!-- tools: written by `npm run docs` -->', '<!-- /tools -->'];

function toolTable(): string {
  const does = { read: 'reads', create: 'creates', update: 'changes', destroy: 'destroys' };
  const asks = (tool: (typeof catalogue)[number]): string =>
    tool.effect === 'read'
      ? ''
      : { never: '', maybe: 'when something may be lost or leave', always: 'always' }[tool.asks];
  const rows = catalogue.map(
    (tool) =>
      `| \`${tool.name}\` | ${Object.keys(tool.input.shape).join(', ')} | ${does[tool.effect]} | ${asks(tool)} |`,
  );
  return ['| tool | arguments | effect | asks a person |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

test('the tool table in the README is the catalogue', async () => {
  const readme = readFileSync(README, 'utf8');
  const [before, rest = ''] = readme.split(START);
  const after = rest.slice(rest.indexOf(END));
  const fresh = `${before}${START}\n${toolTable()}\n${after}`;
  // `npm run docs` writes what differs.
  await expect(fresh).toMatchFileSnapshot(fileURLToPath(README));
});

test('every flag and setting of --help is in the README, and no other', () => {
  const known = (text: string): string[] => [...new Set(text.match(/--[a-z]+(-[a-z]+)*\b|\bTELNYX_[A-Z_]+/g))].sort();
  const help = known(execFileSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8' }));
  const settings = readFileSync(README, 'utf8').split('## Settings')[1]?.split('\n## ')[0] ?? '';
  expect(known(settings)).toEqual(help);
});

test('the snippets for clients are valid JSON and keep the key out', () => {
  const snippets = [...readFileSync(README, 'utf8').matchAll(/```json\n([\s\S]*?)```/g)].map(
    ([, json = '']) => JSON.parse(json) as object,
  );
  expect(snippets.length).toBeGreaterThanOrEqual(2);
  for (const snippet of snippets) expect(JSON.stringify(snippet)).not.toMatch(/"KEY\w/);
});

test('the picture in the README shows tools that exist, and runs nothing', () => {
  const picture = readFileSync(new URL('../docs/demo.svg', import.meta.url), 'utf8');
  const shown = [...picture.matchAll(/fill="#e3b341">(\w+)</g)].map(([, name]) => name);
  expect(shown.length).toBeGreaterThan(2);
  for (const call of shown) expect(catalogue.map(({ name }) => name)).toContain(call);
  expect(picture).not.toMatch(/<(script|a|image|foreignObject)\b|href|\bon\w+=/);
});

test('every link of the README leads somewhere', () => {
  for (const [, path = ''] of readFileSync(README, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    expect(existsSync(new URL(path, README)), path).toBe(true);
  }
});
