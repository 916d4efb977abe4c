import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { parseArguments } from '../src/core/call.ts';
import { ToolError } from '../src/core/errors.ts';
import type { Tool } from '../src/core/tool.ts';
import { catalogue } from '../src/tools/index.ts';
import { dataOf, type Started, startApp } from './app.ts';

let t: Started;

beforeAll(async () => {
  t = await startApp();
});
afterAll(() => t[Symbol.asyncDispose]());

const ID = 'c215ade3-0d39-418e-94be-c5f780760199';

function toolNamed(name: string): Tool {
  const tool = catalogue.find((one) => one.name === name);
  if (!tool) throw new Error(`no tool is called ${name}`);
  return tool;
}

/** Something that fits a field which must be given. */
const fitting = (field: z.core.$ZodType): unknown => (field instanceof z.ZodEnum ? field.options[0] : ID);

test.each(catalogue)('of $name null and "" of what may be left out count as left out', (tool) => {
  const fields = Object.entries(tool.input.shape);
  const needed = Object.fromEntries(
    fields.flatMap(([name, field]) => (z.safeParse(field, undefined).success ? [] : [[name, fitting(field)]])),
  );
  const plain = parseArguments(tool, needed);
  const optional = fields.filter(([name]) => !(name in needed) && !tool.selects?.includes(name));
  for (const blank of [null, '']) {
    const filled = Object.fromEntries(optional.map(([name]) => [name, blank]));
    expect(parseArguments(tool, { ...needed, ...filled })).toEqual(plain);
  }
});

test('no arguments and null are the same, and nothing else stands for them', () => {
  for (const nothing of [undefined, null, {}])
    expect(parseArguments(toolNamed('get_rotation'), nothing)).toEqual({ limit: 10 });
  for (const wrong of ['', 'x', 5, []])
    expect(() => parseArguments(toolNamed('get_rotation'), wrong)).toThrow(ToolError);
});

const meant: [title: string, tool: string, given: Record<string, unknown>, as: Record<string, unknown>][] = [
  ['a number as text', 'list_telephony_credentials', { limit: '5' }, { limit: 5 }],
  ['filters that are null', 'list_telephony_credentials', { name: null, tag: null, limit: 3 }, { limit: 3 }],
  ['filters that are empty', 'list_connections', { name: '', kind: '', cursor: '' }, {}],
  [
    'what a new credential need not have',
    'create_telephony_credential',
    { connection_id: '1', name: 'x', tag: null, expires_at: '', deliver_to: '', prefix: null, dry_run: true },
    { connection_id: '1', name: 'x', dry_run: true },
  ],
  [
    'the numbers of an order for many',
    'rotate_telephony_credentials',
    { older_than: '1m', limit: '2', canary: '1', new_tag: '', reason: null, dry_run: true },
    { older_than: '1m', limit: 2, canary: 1, dry_run: true },
  ],
];

test.each(meant)('%s is taken as it is meant', async (_, tool, given, as) => {
  const result = await t.call(tool, given);
  expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
  expect(dataOf(result)).toEqual(dataOf(await t.call(tool, as)));
});
