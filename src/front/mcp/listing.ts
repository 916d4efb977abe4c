import { z } from 'zod';
import { hintsFor, type Tool } from '../../core/tool.ts';

/**
 * A tool as `tools/list` shows it: schemas are JSON Schema 2020-12 with an object at the root. They do not say so: it is
 * the protocol's default, and Genkit, whose validator knows draft-07 alone, can compile no schema that does.
 */
export function listingOf(tool: Tool) {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: schemaOf(tool.input, 'input'),
    outputSchema: schemaOf(tool.output, 'output', 'next_cursor' in tool.output.shape ? ROWS : TOP),
    annotations: hintsFor(tool),
  };
}

/**
 * How deep a result is spelled out: the rows of a list, and of all else only the top, since that gives the same rows or
 * explains itself in words. A catalogue is read before every conversation; whole, results would be a third of it.
 */
const TOP = 0;
const ROWS = ['properties', 'rows', 'items'].length;

function schemaOf(
  schema: z.ZodObject,
  io: 'input' | 'output',
  depth = Number.POSITIVE_INFINITY,
): { type: 'object'; [key: string]: unknown } {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    override: ({ jsonSchema, path }) => {
      if (path.length > depth && jsonSchema.properties) {
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
  return { ...rest, type: 'object' };
}
