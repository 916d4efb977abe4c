// Bundles src/main.ts and all it needs into dist/. Run by `npm run build`.
import { build } from 'rolldown';
import { thirdParty } from './third-party.mjs';

/** What is loaded in place of a module, by the name it is asked for with. */
const REPLACED = [
  // Both SDKs load a JSON Schema validator to check a person's answer, half of all their weight; src/front/mcp/engine.ts says
  // why ours is used. Nothing makes one of these.
  [/\/validation\/ajv-provider\.js$/, 'export class AjvJsonSchemaValidator {}'],
  [
    /^@modelcontextprotocol\/server\/_shims$/,
    'export { default as process } from "node:process"; export class DefaultJsonSchemaValidator {}',
  ],
  // Of a library that speaks TLS by itself, what reading a .p12 takes; its parts add themselves to the first.
  [
    /^node-forge$/,
    `import forge from "node-forge/lib/forge.js";
    ${['md.all', 'rc2', 'pkcs12'].map((part) => `import "node-forge/lib/${part}.js";`).join('\n')}
    export default forge;`,
  ],
];

const replaced = {
  name: 'replaced',
  resolveId: (id) => (REPLACED.some(([pattern]) => pattern.test(id)) ? `\0${id}` : undefined),
  load: (id) => (id.startsWith('\0') ? REPLACED.find(([pattern]) => pattern.test(id.slice(1)))?.[1] : undefined),
};

await build({
  input: { main: 'src/main.ts' },
  platform: 'node',
  // The only package that must be installed: it is native, and optional.
  external: ['@napi-rs/keyring'],
  // Its main file asks for the rest by names that no bundler sees.
  resolve: { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } },
  // `using` is newer.
  transform: { target: 'node20.19' },
  plugins: [replaced, thirdParty()],
  output: {
    dir: 'dist',
    cleanDir: true,
    minify: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  },
});
