import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** What is used of JSON Schema where an answer is described; references are resolved. */
export interface Schema {
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  minimum?: number;
  minLength?: number;
}

type Reference<T> = T | { $ref: string };

interface Answer {
  content?: Record<string, { schema: unknown }>;
}

interface Operation {
  parameters?: unknown[];
  requestBody?: unknown;
  responses: Record<string, Reference<Answer>>;
}

interface Spec {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

// Read and not imported: a checkout without it fails every test that asks what Telnyx declares.
const published: Spec = read('openapi.json');
// What the published one lacks, declared by hand from the documentation: audit events, outbound voice profiles, the options
// of detail records, and detail records of type webrtc, which are the only ones that are asked for.
const declared: Spec = read('activity.json');
export const spec: Spec = {
  ...published,
  paths: { ...published.paths, ...declared.paths },
  components: {
    ...published.components,
    schemas: { ...published.components.schemas, ...declared.components.schemas },
  },
};

function read(name: string): Spec {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
}

const METHODS = ['get', 'post', 'patch', 'delete'];

/** Gives a part of the specification with every reference replaced by what it names. */
export function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  if ('$ref' in value) {
    const [, , kind = '', name = ''] = String(value.$ref).split('/');
    const target = spec.components[kind]?.[name];
    if (target === undefined) throw new Error(`${value.$ref} is not in the specification`);
    return resolved(target);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
}

/** Every operation of the specification, as `GET /telephony_credentials/{id}`. */
export const operations: readonly string[] = Object.entries(spec.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`),
);

const patterns = Object.keys(spec.paths).map((path) => ({
  path,
  matches: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
}));

const pathOf = (path: string) => patterns.find(({ matches }) => matches.test(path))?.path ?? '';

function findOperation(method: string, path: string): Operation | undefined {
  return spec.paths[pathOf(path)]?.[method.toLowerCase()];
}

/** Gives the operation a request is, named as in `operations`; undefined when the specification has no such one. */
export function operationOf(method: string, path: string): string | undefined {
  return findOperation(method, path) && `${method} ${pathOf(path)}`;
}

/** Gives the schema of a JSON answer to a request; undefined where the specification declares no such answer. */
export function answerSchema(method: string, path: string, status: number): Schema | undefined {
  const operation = findOperation(method, path);
  const answer = resolved(operation?.responses[status] ?? operation?.responses.default) as Answer | undefined;
  return answer?.content?.['application/json']?.schema as Schema | undefined;
}

/** Gives a schema of the specification by its name. */
export function namedSchema(name: string): Schema {
  return resolved({ $ref: `#/components/schemas/${name}` }) as Schema;
}

/** The schema with every object closed that declares its fields and does not say that there are others. */
function closed(schema: Schema): Schema {
  const { properties, items } = schema;
  return {
    ...schema,
    ...(items ? { items: closed(items) } : {}),
    ...(properties
      ? {
          properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, closed(inner)])),
          additionalProperties: schema.additionalProperties ?? false,
        }
      : {}),
  };
}

const isDateTime = (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && Date.parse(text) > 0;
const ajv = new Ajv2020({
  allErrors: true,
  strict: false,
  formats: { int32: true, 'date-time': isDateTime, uri: (text: string) => URL.canParse(text), uuid: /^[\da-f-]{36}$/ },
});

function told({ instancePath, message, params }: ErrorObject): string {
  const which = 'additionalProperty' in params ? ` (${params.additionalProperty})` : '';
  return `${instancePath || 'the answer'} ${message}${which}`;
}

/** What is wrong with a value by a schema, undeclared fields included; empty when nothing is. */
export function complaints(schema: Schema, value: unknown): string[] {
  const validate = ajv.compile(closed(schema));
  return validate(value) ? [] : (validate.errors ?? []).map(told);
}
