import { resolved, type Schema, spec } from '../telnyx/spec.ts';

interface Parameter {
  name: string;
  in: string;
  schema: Schema;
}

/** The value with every object closed that names its fields and does not say that there are others. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closed(part)]));
  return 'properties' in inner && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}

/**
 * Gives the specification for Prism to read: as it is, but that the body of a request may hold no field it does not name.
 * As it is published it says nothing of others, and a misspelt one would go unseen.
 */
export function documentForPrism(): object {
  const paths = Object.entries(spec.paths).map(([path, item]) => {
    const operations = Object.entries(item).map(([method, operation]) => {
      const { requestBody } = operation;
      return [method, requestBody ? { ...operation, requestBody: closed(resolved(requestBody)) } : operation];
    });
    return [path, Object.fromEntries(operations)];
  });
  return { ...spec, paths: Object.fromEntries(paths) };
}

/** The keys by which a query gives a parameter, such as `filter[name]`. */
const keysOf = (name: string, { properties }: Schema): string[] =>
  properties ? Object.entries(properties).flatMap(([inner, schema]) => keysOf(`${name}[${inner}]`, schema)) : [name];

/** Takes an operation by its name and the query of a request; gives the keys of it that are not declared. */
export function undeclaredKeys(operation: string, query: URLSearchParams): string[] {
  const [method = '', path = ''] = operation.split(' ');
  const parameters = resolved(spec.paths[path]?.[method.toLowerCase()]?.parameters ?? []) as Parameter[];
  const declared = parameters.filter(({ in: place }) => place === 'query');
  const keys = new Set(declared.flatMap(({ name, schema }) => keysOf(name, schema)));
  // By which fields detail records can be filtered depends on their type.
  const open = declared.filter(({ schema }) => schema.additionalProperties === true).map(({ name }) => `${name}[`);
  return [...query.keys()].filter((key) => !keys.has(key) && !open.some((name) => key.startsWith(name)));
}
