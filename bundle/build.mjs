// Bundles src/main.ts and all it needs into dist/. Run by `npm run build`.
import { build } from 'rolldown';
import { thirdParty } from './third-party.mjs';

// Both SDKs load a JSON Schema validator to check a person's answer, half of all their weight; src/mcp/answers.ts says why
// ours is used. Nothing makes one of these.
const LEFT_OUT = [
  [/\/validation\/ajv-provider\.js$/, 'export class AjvJsonSchemaValidator {}'],
  [
    /^@modelcontextprotocol\/server\/_shims$/,
    'export { default as process } from "node:process"; export class DefaultJsonSchemaValidator {}',
  ],
];

const withoutValidators = {
  name: 'without-validators',
  resolveId: (id) => (LEFT_OUT.some(([pattern]) => pattern.test(id)) ? `\0${id}` : undefined),
  load: (id) => (id.startsWith('\0') ? LEFT_OUT.find(([pattern]) => pattern.test(id.slice(1)))?.[1] : undefined),
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
  plugins: [withoutValidators, thirdParty()],
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
