import assert from 'node:assert/strict';
import { LISTED } from './server.mjs';

const bodies = [];

/** In the place of `fetch`: keeps what would be sent to a model, and refuses it in a way that nobody tries again. */
globalThis.fetch = async (input, init = {}) => {
  const request = new Request(input, init);
  bodies.push(await request.text());
  return Response.json({ error: { message: 'no model is called', type: 'invalid_request_error' } }, { status: 400 });
};

/** Takes what asks a model, which must fail; gives the tools of the request, as they are in its body. */
export async function toolsSent(ask) {
  bodies.length = 0;
  const failure = await ask().then(
    () => assert.fail('a model answered'),
    (error) => error,
  );
  assert.ok(bodies.length > 0, failure.stack);
  return JSON.parse(bodies[0]).tools;
}

/** How each provider names the tools in a request. */
export const shapes = {
  openai: (tools) =>
    tools.map(({ name, parameters, strict, function: inner }) => inner ?? { name, parameters, strict }),
  anthropic: (tools) => tools.map(({ name, input_schema }) => ({ name, parameters: input_schema })),
  google: (tools) =>
    tools
      .flatMap(({ functionDeclarations = [] }) => functionDeclarations)
      .map(({ name, parameters, parametersJsonSchema }) => ({ name, parameters: parameters ?? parametersJsonSchema })),
};

/**
 * Takes tools as a provider gets them; throws unless every tool is there with every argument, and those that are needed
 * are still needed. `nameOf` gives our name for the client's.
 */
export function allSurvive(tools, nameOf = (name) => name) {
  assert.deepEqual(tools.map(({ name }) => nameOf(name)).toSorted(), LISTED.map(({ name }) => name).toSorted());
  for (const { name, parameters } of tools) {
    const { inputSchema } = LISTED.find((listed) => listed.name === nameOf(name));
    const { properties, required = [] } = inputSchema;
    assert.deepEqual(Object.keys(parameters.properties ?? {}).toSorted(), Object.keys(properties).toSorted(), name);
    for (const argument of required) assert.ok(parameters.required?.includes(argument), `${name} needs ${argument}`);
    for (const [argument, schema] of Object.entries(parameters.properties ?? {}))
      if (properties[argument].description)
        assert.ok(JSON.stringify(schema).includes('description'), `${name} ${argument}`);
  }
}

/** Throws unless OpenAI would take these as strict: every argument is needed, and no other may be given. */
export function allStrict(tools) {
  for (const { name, parameters, strict } of tools) {
    assert.equal(strict, true, name);
    assert.equal(parameters.additionalProperties, false, name);
    assert.deepEqual([...parameters.required].toSorted(), Object.keys(parameters.properties).toSorted(), name);
  }
}
