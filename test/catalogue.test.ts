import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { formFor } from '../src/core/consent.ts';
import { instructionsFor } from '../src/front/mcp/engine.ts';
import { listingOf } from '../src/front/mcp/listing.ts';
import { catalogue } from '../src/tools/index.ts';
import { startApp } from './app.ts';

const listings = catalogue.map((tool) => ({ tool, listing: listingOf(tool) }));

test('the published catalogue changes only on purpose', async () => {
  await expect(
    `${JSON.stringify(
      listings.map(({ listing }) => listing),
      null,
      2,
    )}\n`,
  ).toMatchFileSnapshot('snapshots/catalogue.json');
});

test('the whole list stays under 27 KB', () => {
  expect(Buffer.byteLength(JSON.stringify({ tools: listings.map(({ listing }) => listing) }))).toBeLessThan(27_000);
});

test('names are unique', () => {
  expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
});

/** Every schema inside a JSON schema, itself included. */
function* nodes(schema: unknown): Generator<Record<string, unknown>> {
  if (typeof schema !== 'object' || schema === null) return;
  if (!Array.isArray(schema)) yield schema as Record<string, unknown>;
  for (const child of Object.values(schema)) yield* nodes(child);
}

test.each(listings.map(({ tool, listing }) => ({ name: tool.name, tool, listing })))(
  '$name keeps the rules of the catalogue',
  ({ tool, listing }) => {
    expect(tool.name).toMatch(/^[a-z]+(_[a-z]+)+$/);
    expect(tool.name.length).toBeLessThanOrEqual(40);
    expect(tool.title).toMatch(/^[A-Z]/);
    expect(tool.description.length).toBeGreaterThan(40);
    expect(tool.description.length).toBeLessThan(300);
    for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const) {
      expect(listing.annotations[hint]).toBeTypeOf('boolean');
    }
    expect(listing.annotations.readOnlyHint && listing.annotations.destructiveHint).toBe(false);
    // Nothing is destroyed, and no call rerouted, without a question.
    if (tool.effect === 'destroy' || tool.effect === 'update') expect(tool.asks).not.toBe('never');

    for (const schema of [listing.inputSchema, listing.outputSchema]) {
      // Strict: an unknown keyword is a mistake, not an extension.
      expect(() => new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)).not.toThrow();
      expect(schema).toMatchObject({
        type: 'object',
      });
      for (const combinator of ['anyOf', 'oneOf', 'allOf', 'not']) expect(schema).not.toHaveProperty(combinator);
      for (const node of nodes(schema)) {
        expect(node).not.toHaveProperty('$ref');
        // Genkit compiles nothing that says so: it is the protocol's default.
        expect(node).not.toHaveProperty('$schema');
        if (node.type === 'array') expect(node).toHaveProperty('items');
      }
    }
    expect(listing.inputSchema.additionalProperties).toBe(false);
    for (const node of nodes(listing.inputSchema)) expect([node.type].flat()).not.toContain('null');
  },
);

test('what says which of many a change is about may be left out, but is never taken for left out', () => {
  const selects = Object.fromEntries(catalogue.flatMap(({ name, selects }) => (selects ? [[name, selects]] : [])));
  expect(selects).toEqual({
    rotate_telephony_credentials: ['connection_id', 'tag', 'name', 'expiring_within', 'older_than'],
    delete_expired_telephony_credentials: ['connection_id', 'expired_before'],
    rotate_mobile_push_credential: ['connections'],
  });
  for (const { listing } of listings.filter(({ tool }) => tool.selects))
    expect(Object.keys(listing.inputSchema.properties ?? {})).toEqual(
      expect.arrayContaining([...(selects[listing.name] ?? [])]),
    );
});

test('a question is a tick that is not there, or a phrase: a client that begins at the first value says no', () => {
  expect(formFor({ text: 'Do it?' }).requestedSchema.properties).toMatchObject({ confirm: { default: false } });
  const { phrase } = formFor({ text: 'Do it?', phrase: 'do it' }).requestedSchema.properties;
  expect(phrase).toMatchObject({ type: 'string', description: 'Type: do it' });
  expect(phrase).not.toHaveProperty('default');
});

test('no tool shows a field that holds a secret', () => {
  for (const { tool } of listings) {
    // The whole of it: what is listed is only its top.
    for (const node of nodes(z.toJSONSchema(tool.output, { io: 'output' }))) {
      for (const field of Object.keys(z.record(z.string(), z.unknown()).catch({}).parse(node.properties))) {
        expect(field).not.toMatch(/^(sip_password|password|private_key|project_account_json_file|token|secret_value)$/);
      }
    }
  }
});

test('the instructions fit their 1,500 characters, on the sandbox too', () => {
  for (const sandbox of [true, false]) {
    const instructions = instructionsFor({ sandbox });
    expect(instructions.length).toBeLessThanOrEqual(1500);
    expect(instructions.includes('sandbox')).toBe(sandbox);
  }
});

test('the list is served as it is published', async () => {
  await using t = await startApp();
  const { tools } = await t.client.listTools();
  expect(tools).toEqual(listings.map(({ listing }) => listing));
  expect(t.sandbox.requests).toEqual([]);
});

test('read-only outranks the toolsets, at listing and at call', async () => {
  await using t = await startApp({ config: { readOnly: true, toolsets: ['push'] } });
  const { tools } = await t.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual([
    'list_mobile_push_credentials',
    'get_mobile_push_credential',
    'check_push_material',
  ]);
  for (const name of ['delete_mobile_push_credential', 'list_telephony_credentials', 'no_such_tool']) {
    await expect(t.call(name, { id: 'x' })).rejects.toThrow(/-32602/);
  }
  expect(t.sandbox.requests).toEqual([]);
});
