import { answerSchema, type Schema } from './spec.ts';

/**
 * How much of what the specification allows an answer uses:
 * `full`: every declared field, none undeclared. `lean`: of a row only what it needs to be of use. `lean-without-meta`:
 * and of a list nothing but its rows. `nulls`: the fields of lean as they are, and null for the rest. `extras`: full, and
 * fields nobody declared at every level, with secrets in them.
 */
export const SHAPES = ['full', 'lean', 'lean-without-meta', 'nulls', 'extras'] as const;
export type Shape = (typeof SHAPES)[number];

/** Takes a name as settings give it; nothing for none, and an error for one that is no shape. */
export function shapeOf(name: string | undefined): Shape | undefined {
  if (!name) return undefined;
  const found = SHAPES.find((shape) => shape === name);
  if (!found) throw new Error(`TELNYX_SHAPE is one of ${SHAPES.join(', ')}, not ${name}`);
  return found;
}

type Fields = Record<string, unknown>;

// What a row is good for: to be named, to be told from another kind, to log in with, to be checked, to be pointed at.
const NEEDED = [
  ...['id', 'resource_id', 'ios_push_credential_id', 'android_push_credential_id'],
  ...['type', 'alias', 'sip_username', 'sip_password'],
  ...['certificate', 'private_key', 'project_account_json_file'],
];

/** In every value that `extras` adds: what nobody declared is shown to nobody. */
export const CANARY = 'c4n4ry-of-nobody';

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of a declared type, the first that fits; never null. */
function made(schema: Schema): unknown {
  const [known] = (schema.enum ?? []).filter((value) => value !== null);
  if (known !== undefined) return known;
  switch ([schema.type ?? 'object'].flat().find((type) => type !== 'null')) {
    case 'string':
      if (schema.format === 'date-time') return '2026-01-02T03:04:05.678901Z';
      return schema.format === 'uri' ? 'https://hooks.example/made' : 'made'.padEnd(schema.minLength ?? 0, '-');
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    case 'array':
      return schema.items ? [made(schema.items)] : [];
    default:
      return full({}, schema);
  }
}

/** The value with every declared field, and no other where the schema names any. */
function full(value: unknown, schema: Schema): unknown {
  const { items, properties } = schema;
  if (Array.isArray(value)) return items ? value.map((item) => full(item, items)) : value;
  if (!isFields(value) || !properties) return value;
  const others = schema.additionalProperties ? value : {};
  const declared = Object.entries(properties).map(([name, inner]) => [
    name,
    name in value ? full(value[name], inner) : made(inner),
  ]);
  return { ...others, ...Object.fromEntries(declared) };
}

function unknownFields(level: string): Fields {
  return {
    [`${level}_secret`]: `KEY${CANARY}-${level}`,
    [`${level}_unheard_of`]: {
      private_key: `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----\n`,
      list: [{ sip_password: CANARY }, CANARY, 7, null],
    },
  };
}

/** The value with unknown fields in every object whose fields are declared; a free-form one is the customer's file. */
function strewn(value: unknown, schema: Schema, level: string): unknown {
  const { items, properties } = schema;
  if (Array.isArray(value)) return items ? value.map((item) => strewn(item, items, 'row')) : value;
  if (!isFields(value) || !properties) return value;
  const known = Object.entries(value).map(([name, inner]) => [name, strewn(inner, properties[name] ?? {}, name)]);
  return { ...Object.fromEntries(known), ...unknownFields(level) };
}

function lean(row: unknown, kept: readonly string[]): unknown {
  if (!isFields(row)) return row;
  return Object.fromEntries(Object.entries(row).filter(([name]) => kept.includes(name)));
}

function nulls(row: unknown, schema: Schema, kept: readonly string[]): unknown {
  if (!isFields(row)) return row;
  const names = [...Object.keys(row), ...Object.keys(schema.properties ?? {})];
  const rest = Object.fromEntries(names.filter((name) => !kept.includes(name)).map((name) => [name, null]));
  return { ...(lean(row, kept) as Fields), ...rest };
}

/** Whatever a body has for rows, each changed: `data` as one or as many, or the body itself where it has none. */
function eachRow(body: Fields, schema: Schema, change: (row: unknown, schema: Schema) => unknown): Fields {
  const inner = schema.properties?.data;
  if (!inner || !('data' in body)) return body;
  const data = Array.isArray(body.data)
    ? body.data.map((row) => change(row, inner.items ?? {}))
    : change(body.data, inner);
  return { ...body, data };
}

export interface Wanted {
  shape: Shape;
  /** Fields that lean and nulls leave alone besides those that every row needs. */
  reads?: readonly string[];
}

/**
 * Takes the JSON answer to a request and gives it in the wanted shape; what the specification does not describe stays.
 * Refusals stay too, but for `extras`: a shape is about rows.
 */
export function reshape(method: string, path: string, status: number, body: unknown, { shape, reads = [] }: Wanted) {
  const schema = answerSchema(method, path, status);
  if (!schema || !isFields(body)) return body;
  if (shape === 'extras') return strewn(status < 300 ? full(body, schema) : body, schema, 'top');
  if (status >= 300) return body;
  const kept = [...NEEDED, ...reads];
  switch (shape) {
    case 'full':
      return full(body, schema);
    case 'nulls':
      return eachRow(body, schema, (row, of) => nulls(row, of, kept));
    case 'lean':
      return eachRow(body, schema, (row) => lean(row, kept));
    default: {
      const { meta: _, ...rest } = eachRow(body, schema, (row) => lean(row, kept));
      return rest;
    }
  }
}
