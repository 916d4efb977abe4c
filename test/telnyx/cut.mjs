// Makes openapi.json, what the tests know of Telnyx from Telnyx: `node test/telnyx/cut.mjs <spec.json>`
//
// The source is github.com/team-telnyx/openapi, openapi/spec3.yml at commit 12de4dd, as JSON; whole or cut already.
// Kept: the operations below and what they refer to, in facts only. What is not listed here is left out, and with it
// every description, example, title, tag, server and x- field. OpenAPI wants a description for each answer: it is empty.
// The same source gives the same bytes, so Biome leaves the file alone.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OPERATIONS = {
  '/mobile_push_credentials': ['get', 'post'],
  '/mobile_push_credentials/{push_credential_id}': ['get', 'delete'],
  '/telephony_credentials': ['get', 'post'],
  '/telephony_credentials/{id}': ['get', 'patch', 'delete'],
  '/telephony_credentials/{id}/token': ['post'],
  '/credential_connections': ['get', 'post'],
  '/credential_connections/{id}': ['get', 'patch', 'delete'],
  '/credential_connections/{id}/actions/check_registration_status': ['post'],
  '/fqdn_connections': ['get'],
  '/fqdn_connections/{id}': ['get', 'patch'],
  '/ip_connections': ['get'],
  '/ip_connections/{id}': ['get', 'patch'],
  '/uac_connections': ['get'],
  '/uac_connections/{id}': ['get', 'patch'],
  '/connections': ['get'],
  '/connections/{id}': ['get'],
  '/balance': ['get'],
  '/detail_records': ['get'],
  '/sip_registration_status': ['get'],
};

const whole = (value) => value;
const each = (fact) => (list) => list.map(fact);
const named = (fact) => (map) => Object.fromEntries(Object.entries(map).map(([name, value]) => [name, fact(value)]));
const only = (facts) => (value) =>
  value.$ref
    ? { $ref: value.$ref }
    : Object.fromEntries(Object.keys(facts).flatMap((key) => (key in value ? [[key, facts[key](value[key])]] : [])));

const schema = (value) => (typeof value === 'object' ? only(SCHEMA)(value) : value);
const SCHEMA = {
  ...Object.fromEntries(
    `type format enum const required nullable default readOnly writeOnly minimum maximum exclusiveMinimum
    exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems minProperties maxProperties`
      .split(/\s+/)
      .map((key) => [key, whole]),
  ),
  properties: named(schema),
  additionalProperties: schema,
  items: schema,
  allOf: each(schema),
  anyOf: each(schema),
  oneOf: each(schema),
  not: schema,
  discriminator: only({ propertyName: whole, mapping: whole }),
};
const media = only({ schema });
const header = only({ required: whole, schema });
const parameter = only({ name: whole, in: whole, required: whole, style: whole, explode: whole, schema });
const response = (value) =>
  value.$ref
    ? { $ref: value.$ref }
    : { description: '', ...only({ content: named(media), headers: named(header) })(value) };
const operation = only({
  operationId: whole,
  parameters: each(parameter),
  requestBody: only({ required: whole, content: named(media) }),
  responses: named(response),
  security: whole,
});
const COMPONENTS = { schemas: schema, parameters: parameter, responses: response, headers: header };

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

function refsIn(value) {
  return [...JSON.stringify(value).matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, path]) => path);
}

/** Gives the components that the value refers to, and those that they refer to. */
function reachable(source, value) {
  const found = {};
  const waiting = refsIn(value);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const [kind, name] = path.split('/');
    if (found[kind]?.[name]) continue;
    const fact = COMPONENTS[kind](source.components[kind][name]);
    found[kind] = { ...found[kind], [name]: fact };
    waiting.push(...refsIn(fact));
  }
  return found;
}

function cut(source) {
  const paths = Object.fromEntries(
    Object.entries(OPERATIONS).map(([path, methods]) => {
      const item = source.paths[path];
      const shared = item.parameters ? { parameters: item.parameters.map(parameter) } : {};
      return [path, { ...shared, ...Object.fromEntries(methods.map((method) => [method, operation(item[method])])) }];
    }),
  );
  return {
    openapi: source.openapi,
    info: { title: 'Telnyx API, a cut', version: source.info.version },
    security: source.security,
    paths,
    components: {
      ...reachable(source, paths),
      securitySchemes: named(only({ type: whole, scheme: whole }))(source.components.securitySchemes),
    },
  };
}

const [from] = process.argv.slice(2);
if (!from) throw new Error('usage: node test/telnyx/cut.mjs <spec.json>');
const facts = sorted(cut(JSON.parse(readFileSync(from, 'utf8'))));
writeFileSync(fileURLToPath(new URL('openapi.json', import.meta.url)), `${JSON.stringify(facts, undefined, 1)}\n`);
