import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
// @ts-expect-error plain JavaScript: what it gives is looked at here
import { manifest, serverJson } from '../bundle/manifests.mjs';
import { listingOf } from '../src/front/mcp/listing.ts';
import { version } from '../src/host/version.ts';
import { catalogue } from '../src/tools/index.ts';

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const json = (file: string) => JSON.parse(read(file));

const pkg = json('package.json');
const lock = json('package-lock.json');
const server = serverJson(pkg);
const bundle = manifest(pkg, catalogue.map(listingOf));

test.each([
  ['package-lock.json', lock.version],
  ['the root of package-lock.json', lock.packages[''].version],
  ['src/host/version.ts', version],
  ["CHANGELOG.md's newest heading", read('CHANGELOG.md').match(/^## ([\w.-]+)/m)?.[1]],
  ['server.json', server.version],
  ['the package in server.json', server.packages[0].version],
  ['manifest.json', bundle.version],
])('%s has the version of package.json', (_, found) => {
  expect(found).toBe(pkg.version);
});

test('every one of them names the package as package.json does', () => {
  expect([lock.name, server.packages[0].identifier, bundle.name]).toEqual([pkg.name, pkg.name, pkg.name]);
  expect(server.name).toBe(pkg.mcpName);
  expect(pkg.mcpName.split('/')[1]).toBe(pkg.name);
});

test('server.json is as the registry wants it', () => {
  const ajv = new Ajv2020();
  expect(ajv.validate(json('test/server.schema.json'), server), ajv.errorsText()).toBe(true);
});

test('server.json tells of every setting, and only the key is a secret', () => {
  const settings = read('README.md').split('## Settings')[1]?.split('\n## ')[0] ?? '';
  const known = [...settings.matchAll(/^\| `(TELNYX_\w+)`/gm)].map(([, name]) => name);
  const told: { name: string; isSecret?: boolean }[] = server.packages[0].environmentVariables;
  expect(told.map(({ name }) => name).sort()).toEqual(known.sort());
  expect(told.filter(({ isSecret }) => isSecret).map(({ name }) => name)).toEqual(['TELNYX_API_KEY']);
});

test('manifest.json lists the catalogue, and hands the key over as a secret', () => {
  expect(bundle.tools.map(({ name }: { name: string }) => name)).toEqual(catalogue.map(({ name }) => name));
  expect(bundle.user_config.api_key).toMatchObject({ sensitive: true, required: true });
  // Arguments are public; so is whatever stands in the bundle.
  expect(JSON.stringify(bundle.server.mcp_config.args)).not.toContain('user_config');
  expect(bundle.server.mcp_config.env).toEqual({ TELNYX_API_KEY: `\${user_config.api_key}` });
  expect(bundle.compatibility.runtimes.node).toBe(pkg.engines.node);
});
