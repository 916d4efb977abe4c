import { z } from 'zod';
import { hintsFor, type Tool } from '../tool.ts';

/** A tool as `tools/list` shows it: schemas are JSON Schema 2020-12 with an object at the root. */
export function listingOf(tool: Tool) {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: schemaOf(tool.input, 'input'),
    outputSchema: schemaOf(tool.output, 'output', tool.effect === 'read'),
    annotations: hintsFor(tool.effect),
  };
}

/**
 * What lists and gets give is spelled out whole. A change gives the same things back, so there only the top is: a
 * catalogue is read before every conversation, and those words would be a quarter of it.
 */
function schemaOf(
  schema: z.ZodObject,
  io: 'input' | 'output',
  whole = true,
): { type: 'object'; [key: string]: unknown } {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    override: ({ jsonSchema, path }) => {
      if (!whole && path.length > 0 && jsonSchema.properties) {
        delete jsonSchema.properties;
        delete jsonSchema.required;
      }
      // What is not declared is dropped before it is sent: to forbid it again in every object would only cost bytes.
      if (io === 'output') delete jsonSchema.additionalProperties;
      // `type: [T, "null"]` says the same as the union zod writes, in half the bytes.
      const [value, none] = jsonSchema.anyOf ?? [];
      if (jsonSchema.anyOf?.length === 2 && typeof value?.type === 'string' && none?.type === 'null') {
        delete jsonSchema.anyOf;
        Object.assign(jsonSchema, value, { type: [value.type, 'null'] });
      }
    },
  });
  // 2020-12 is the protocol's default: once per tool is enough to say so to those that predate it.
  return { ...(io === 'input' && { $schema }), ...rest, type: 'object' };
}
